"""The read path: from a query to hits, and from hits to a context."""
