"""The command line: what is in front of the commands, the list of commands, and how every run ends."""

import os
import sys
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Annotated

import typer
from typer.main import get_command

from semsearch import __version__
from semsearch.cli import (
    adding,
    editing,
    evaluating,
    image_collections,
    images,
    indexing,
    judging,
    mapping,
    reading,
    removing,
    reporting,
    serving,
    tuning,
)
from semsearch.cli.errors import CLOSED_PIPE, report_error
from semsearch.cli.output import use_utf8
from semsearch.cli.shelf import Shelf

app = typer.Typer(
    name="semsearch",
    help="Find documents by meaning.",
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("add")(adding.add)
app.command("sync")(adding.sync)
app.command("build")(adding.build)
app.command("search")(reading.search)
app.command("context")(reading.context)
app.command("get")(reading.get)
app.command("list")(reading.list_documents)
app.command("info")(reading.info)
app.command("report")(reporting.report)
app.command("map")(mapping.map_collection)
app.command("tune")(tuning.tune)
app.command("evaluate")(evaluating.evaluate)
app.command("judge")(judging.judge)
app.command("index-key")(indexing.index_key)
app.command("remove")(removing.remove)
app.command("compact")(removing.compact)
app.command("drop")(removing.drop)
app.command("serve")(serving.serve)
images.app.command("add")(image_collections.add)
images.app.command("search")(image_collections.search)
images.app.command("reconstruct")(editing.reconstruct)
images.app.command("interpolate")(editing.interpolate)
images.app.command("edit")(editing.edit)
images.app.command("map")(mapping.map_collection)
app.add_typer(images.app, name="images")


def _print_version(asked: bool) -> None:
    if asked:
        print(f"semsearch {__version__}")
        raise typer.Exit


@app.callback()
def _before_the_command(
    context: typer.Context,
    *,
    indexes: Annotated[
        Path | None,
        typer.Option("--indexes", metavar="DIR", help="Folder of the collections [SEMSEARCH_INDEXES, or ./indexes]."),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            "--device", metavar="auto|cpu|cuda|cuda:N|mps", help="Where models run [SEMSEARCH_DEVICE, or auto]."
        ),
    ] = None,
    search_device: Annotated[
        str | None,
        typer.Option(
            "--search-device",
            metavar="cpu|cuda|auto",
            help="Where vectors are searched and indexes built [SEMSEARCH_SEARCH_DEVICE, or cpu].",
        ),
    ] = None,
    reranker: Annotated[
        str | None,
        typer.Option("--reranker", metavar="NAME", help="Cross-encoder of search --rerank [SEMSEARCH_RERANKER]."),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Print the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    shelf = Shelf.of(context)
    shelf.indexes, shelf.device, shelf.search_device = indexes, device, search_device
    shelf.reranker, shelf.debug = reranker, debug


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line, by default this process's, and return its exit code; no arguments print the help."""
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    use_utf8()
    try:
        code = _run(given)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE
    return code


def _run(arguments: list[str]) -> int:
    shelf = Shelf()
    as_json = "--json" in takewhile(lambda argument: argument != "--", arguments)  # even if the rest cannot be parsed
    try:
        with get_command(app).make_context("semsearch", arguments, obj=shelf) as context:
            context.command.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    except BrokenPipeError:
        raise
    except (Exception, KeyboardInterrupt) as error:
        return report_error(error, as_json=as_json, debug=shelf.debug)
    return 0
