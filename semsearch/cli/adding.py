"""Commands that put documents in: add, build; with their progress, their log and their report."""

import contextlib
import logging
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semsearch.cli.errors import USERS_MISTAKE
from semsearch.cli.output import print_failures, print_json, print_note, print_text, report_text
from semsearch.cli.parameters import AsJson, CollectionName, Verbose
from semsearch.cli.progress import documents_bar
from semsearch.cli.shelf import Shelf
from semsearch.errors import CollectionNotFoundError, ConflictError, InvalidRequestError

if TYPE_CHECKING:
    from semsearch.collection import Collection
    from semsearch.types import AddReport, Document, Failure, Progress, ProgressCallback


def add(
    context: typer.Context,
    collection: CollectionName,
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH", help="Files, folders, globs, .jsonl; - is JSON lines on stdin.")
    ],
    *,
    model: Annotated[
        str | None, typer.Option("--model", help="For a new collection: a sentence-transformers name or folder.")
    ] = None,
    dim: Annotated[
        int | None, typer.Option("--dim", help="For a new collection without a model: numbers in each vector.")
    ] = None,
    target_recall: Annotated[
        float | None,
        typer.Option("--target-recall", help="For a new collection: what its searches aim at, 0.95 if not said."),
    ] = None,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Add documents, or replace them by id.

    A collection that does not exist is created. Documents that cannot be read or stored are reported, and the others
    are added all the same; the exit code is then 2.
    """
    from semsearch.ingest.reading import count_documents, read_paths

    shelf = Shelf.of(context)
    documents = read_paths(paths, max_document_bytes=shelf.settings().max_document_bytes)
    target = _Target(shelf, collection, model=model, dim=dim, target_recall=target_recall)
    _ingest(target, documents, lambda: count_documents(paths), verbose=verbose, as_json=as_json)


def build(
    context: typer.Context,
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE.toml", help="The recipe.")],
    *,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Make a collection from a recipe, or bring it up to date.

    Building again embeds only what is new or has changed.
    """
    from semsearch.ingest.sources import count_sources, load_recipe, read_sources

    shelf, plan, base = Shelf.of(context), load_recipe(recipe), recipe.parent
    documents = read_sources(plan, base=base, max_document_bytes=shelf.settings().max_document_bytes)
    target = _Target(shelf, plan.name, model=plan.model)
    _ingest(target, documents, lambda: count_sources(plan, base=base), verbose=verbose, as_json=as_json)


@dataclass(frozen=True, slots=True)
class _Target:
    """The collection that documents go into, which need not exist yet."""

    shelf: Shelf
    name: str
    model: str | None = None
    dim: int | None = None
    target_recall: float | None = None

    def open(self) -> "Collection":
        """Open it; raises CollectionNotFoundError, and ConflictError if it is not what was said of a new one."""
        collection = self.shelf.open(self.name, model=self.model)
        facts = collection.info()
        what = f"vectors of {facts.dim}" if facts.model is None else f"the model {facts.model}"
        problem = None
        if self.dim is not None and (facts.model is not None or facts.dim != self.dim):
            problem = f"--dim is {self.dim}, and {facts.path} exists with {what}: leave --dim out"
        elif self.target_recall not in (None, facts.target_recall):
            given, present = self.target_recall, facts.target_recall
            problem = f"--target-recall is {given}, and {facts.path} exists with {present}: leave it out"
        if problem is None:
            return collection
        collection.close()
        raise ConflictError(f"{problem}, or choose another name")

    def create(self) -> "Collection":
        """Create it, and say so."""
        from semsearch.types import TARGET_RECALL

        target = TARGET_RECALL if self.target_recall is None else self.target_recall
        collection = self.shelf.create(self.name, model=self.model, dim=self.dim, target_recall=target)
        print_note(f"created the collection {self.name}")
        return collection


def _ingest(
    target: _Target,
    documents: "Iterator[Document | Failure]",
    count: Callable[[], int | None],
    *,
    verbose: bool,
    as_json: bool,
) -> None:
    """Add, report, and exit with 2 if a document failed."""
    start = time.perf_counter()
    with _log(verbose=verbose):
        report = _added(target, documents, count, shown=sys.stderr.isatty() and not verbose)
    seconds = time.perf_counter() - start
    print_failures(report)
    if as_json:
        print_json({"collection": target.name, **asdict(report), "seconds": round(seconds, 3)})
    else:
        print_text(report_text(target.name, report, seconds))
    if report.failed:
        raise typer.Exit(USERS_MISTAKE)


def _added(
    target: _Target, documents: "Iterator[Document | Failure]", count: Callable[[], int | None], *, shown: bool
) -> "AddReport":
    """Add the documents; a new collection is created only when there is one to put in it."""
    from semsearch.types import AddReport

    try:
        collection = target.open()
    except CollectionNotFoundError:
        failures, first = _until_document(documents)
        if first is None:
            return AddReport(failed=_nothing_to_add(target, failures))
        return _added_to_new(target, chain(failures, [first], documents), count, shown=shown)
    with collection, _progress_bar(count() if shown else None, shown=shown) as progress:
        return collection.add(documents, progress=progress)


def _added_to_new(
    target: _Target, documents: "Iterator[Document | Failure]", count: Callable[[], int | None], *, shown: bool
) -> "AddReport":
    """Create the collection and add to it; if nothing could be stored, it goes again."""
    with target.create() as collection, _progress_bar(count() if shown else None, shown=shown) as progress:
        report = collection.add(documents, progress=progress)
    if not report.added:
        collection.drop(target.shelf.path(target.name))
        print_note(f"deleted the collection {target.name} again: no document could be stored")
    return report


def _until_document(documents: "Iterator[Document | Failure]") -> "tuple[list[Failure], Document | None]":
    """The failures in front of the first document, and it, if there is one."""
    from semsearch.types import Document, Failure

    failures: list[Failure] = []
    for item in documents:
        if isinstance(item, Document):
            return failures, item
        failures.append(item)
    return failures, None


def _nothing_to_add(target: _Target, failures: "list[Failure]") -> "tuple[Failure, ...]":
    message = f"the collection {target.name} was not created: there is no document to put in it"
    if not failures:
        raise InvalidRequestError(f"{message}; --verbose tells what was passed over")
    print_note(message)
    return tuple(failures)


@contextlib.contextmanager
def _progress_bar(total: int | None, *, shown: bool) -> "Iterator[ProgressCallback]":
    """Documents and chunks done, on stderr."""
    start = time.perf_counter()
    with documents_bar(total, shown=shown) as bar:

        def advance(progress: "Progress") -> None:
            rate = progress.chunks / (time.perf_counter() - start)
            bar.set_postfix_str(f"{rate:.0f} chunks/s", refresh=False)
            bar.update(progress.documents - bar.n)

        yield advance


@contextlib.contextmanager
def _log(*, verbose: bool) -> Iterator[None]:
    """What semsearch logs goes to stderr meanwhile: warnings, and with `verbose` each commit."""
    logger, handler = logging.getLogger("semsearch"), logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO if verbose else logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)
