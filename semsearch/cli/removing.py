"""Commands that take something out, and give its space back: remove, compact, drop."""

import sys
from typing import Annotated

import typer

from semsearch.cli.errors import FAILED, USERS_MISTAKE
from semsearch.cli.output import counted, print_json, print_note, print_text, size
from semsearch.cli.parameters import AsJson, CollectionName, FilterText, parsed_filter
from semsearch.cli.shelf import Shelf
from semsearch.errors import InvalidRequestError


def remove(
    context: typer.Context,
    collection: CollectionName,
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID", help="Documents to remove.")] = None,
    *,
    filter_text: FilterText = None,
    as_json: AsJson = False,
) -> None:
    """Remove documents by id, or all that a filter matches."""
    condition = parsed_filter(filter_text)
    with Shelf.of(context).open(collection) as opened:
        report = opened.remove(ids or None, filter=condition)
    for document_id in report.missing:
        print_note(f"there is no document with the id {document_id!r}")
    if as_json:
        print_json({"removed": report.removed, "missing": report.missing})
    else:
        print_text(f"{counted(report.removed, 'document')} removed")
    if report.missing:
        raise typer.Exit(USERS_MISTAKE)


def compact(context: typer.Context, collection: CollectionName, *, as_json: AsJson = False) -> None:
    """Give back the space of removed documents, and bring the index up to date."""
    with Shelf.of(context).open(collection) as opened:
        before = opened.info().bytes
        opened.compact()
        info = opened.info()
    if as_json:
        print_json({"collection": info.name, "bytes_before": before, "bytes": info.bytes})
    else:
        print_text(f"{info.name}: {size(before)} before, {size(info.bytes)} now")


def drop(
    context: typer.Context,
    collection: CollectionName,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete a collection, a damaged one too."""
    from semsearch.collection import Collection

    shelf = Shelf.of(context)
    path = shelf.path(collection)
    if not yes and path.is_dir() and not _confirmed(f"delete {path} for good? [y/N] "):
        print_note("nothing was deleted")
        raise typer.Exit(FAILED)
    with shelf.naming_others():
        left = [str(each) for each in Collection.drop(path)]
    for each in left:
        print_note(f"{each} is not part of the collection and was left there")
    if as_json:
        print_json({"dropped": str(path), "left": left})
    else:
        print_text(f"{path} deleted")


def _confirmed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise InvalidRequestError("drop deletes for good, and without a terminal nobody can be asked: say --yes")
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
