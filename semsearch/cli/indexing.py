"""The command that makes filters fast: index-key."""

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from semsearch.cli.errors import USERS_MISTAKE
from semsearch.cli.output import counted, print_json, print_note, print_text
from semsearch.cli.parameters import AsJson, CollectionName
from semsearch.cli.progress import progress_bar
from semsearch.cli.shelf import Shelf

if TYPE_CHECKING:
    from semsearch.collection import Collection


def index_key(
    context: typer.Context,
    collection: CollectionName,
    key: Annotated[str, typer.Argument(metavar="KEY", help="A key of the metadata; a dot descends.")],
    *,
    drop: Annotated[bool, typer.Option("--drop", help="Remove the index over the key.")] = False,
    as_json: AsJson = False,
) -> None:
    """Index a metadata key, so that filters on it are fast."""
    with Shelf.of(context).open(collection) as opened:
        changed, text = _dropped(opened, key) if drop else _indexed(opened, key)
    if as_json:
        print_json({"collection": collection, "key": key, "indexed": not drop, "changed": changed})
    if drop and not changed:
        print_note(f"{collection}: {text}")
        raise typer.Exit(USERS_MISTAKE)
    if not as_json:
        print_text(f"{collection}: {text}")


def _dropped(opened: "Collection", key: str) -> tuple[bool, str]:
    """Whether there was an index, and what to tell a person."""
    dropped = opened.drop_key_index(key)
    return dropped, f"{key} is no longer indexed" if dropped else f"{key} is not indexed"


def _indexed(opened: "Collection", key: str) -> tuple[bool, str]:
    """Whether there was none, and what to tell a person."""
    start, documents = time.perf_counter(), opened.count()
    with progress_bar(documents, "documents", shown=sys.stderr.isatty()) as bar:
        made = opened.index_key(key, progress=lambda done: bar.update(done - bar.n))
    if not made:
        return False, f"{key} was indexed already"
    return True, f"{key} is indexed now, {counted(documents, 'document')} in {time.perf_counter() - start:.1f} s"
