"""The routes, one module a resource: each takes a request apart, calls the engine, and gives its answer back."""
