"""The command that starts the HTTP service; the service itself is in semsearch.api."""

from typing import Annotated

import typer

from semsearch.cli.parameters import AsJson
from semsearch.cli.shelf import Shelf


def serve(
    context: typer.Context,
    *,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65_535, help="TCP port of this machine; 0 takes a free one.")
    ] = 8_000,
    as_json: AsJson = False,
) -> None:
    """Serve the collections over HTTP until Ctrl-C.

    With --json, an error that ends it is JSON on stdout.
    """
    settings = Shelf.of(context).settings()
    from semsearch.api.app import serve as serve_http

    try:
        serve_http(settings, port=port)
    except SystemExit as end:
        raise OSError(f"the service could not start on port {port}; the log above says why") from end
