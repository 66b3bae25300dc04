"""What the commands that put documents in have in common: where documents come from, where they go, and the report."""

import contextlib
import logging
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import typer

from semsearch.cli.errors import USERS_MISTAKE
from semsearch.cli.output import (
    counted,
    files_text,
    plan_text,
    print_failures,
    print_json,
    print_note,
    print_text,
    report_text,
)
from semsearch.cli.progress import progress_bar
from semsearch.cli.shelf import Shelf
from semsearch.errors import CollectionNotFoundError, ConflictError, InvalidRequestError

if TYPE_CHECKING:
    from semsearch.collection import Collection
    from semsearch.config import Recipe
    from semsearch.reports import AddReport, CollectionInfo, Progress, ProgressCallback
    from semsearch.types import Failure, Limits


class Source(Protocol):
    """Where documents come from."""

    def count(self, *, images: bool) -> int | None:
        """Documents to come, images or texts, for a progress bar; None if that cannot be told."""

    def failures_only(self, *, images: bool) -> "list[Failure] | None":
        """Why there is nothing of the kind to be read at all; None if there is something."""

    def add_to(
        self, collection: "Collection", limits: "Limits", progress: "ProgressCallback | None" = None
    ) -> "AddReport": ...


@dataclass(frozen=True, slots=True)
class Files:
    """Paths, with what `Collection.sync` is to do about them."""

    paths: list[str]
    remove: bool = False
    retry_failed: bool = False

    def count(self, *, images: bool) -> int | None:
        from semsearch.ingest.reading import count_documents

        return count_documents(self.paths, images=images)

    def failures_only(self, *, images: bool) -> "list[Failure] | None":
        from semsearch.ingest.reading import failures_only

        return failures_only(self.paths, images=images)

    def add_to(
        self, collection: "Collection", limits: "Limits", progress: "ProgressCallback | None" = None
    ) -> "AddReport":
        return collection.sync(
            self.paths, remove=self.remove, retry_failed=self.retry_failed, limits=limits, progress=progress
        )


@dataclass(frozen=True, slots=True)
class RecipeSources:
    """What a recipe names."""

    recipe: "Recipe"
    base: Path

    def count(self, *, images: bool) -> int | None:
        from semsearch.ingest.sources import count_sources

        return count_sources(self.recipe, base=self.base, images=images)

    def failures_only(self, *, images: bool) -> "list[Failure] | None":
        from semsearch.ingest.sources import failures_only

        return failures_only(self.recipe, base=self.base, images=images)

    def add_to(
        self, collection: "Collection", limits: "Limits", progress: "ProgressCallback | None" = None
    ) -> "AddReport":
        return collection.build(self.recipe, base=self.base, limits=limits, progress=progress)


@dataclass(frozen=True, slots=True)
class Target:
    """The collection that documents go into, which need not exist yet; with `images`, one of images."""

    shelf: Shelf
    name: str
    model: str | None = None
    dim: int | None = None
    target_recall: float | None = None
    precision: str | None = None
    chunking: dict[str, Any] = field(default_factory=dict)  # those parts of a Chunking that were said
    images: bool = False  # `model` is one of images
    image_size: int | None = None

    def open(self) -> "Collection":
        """Open it; raises CollectionNotFoundError, and ConflictError if it is not what was said of a new one."""
        collection = self.shelf.open(self.name, model=self.model)
        problem = self._problem(collection.info())
        if problem is None:
            return collection
        collection.close()
        raise ConflictError(f"{problem}: leave it out, or choose another name")

    def _problem(self, facts: "CollectionInfo") -> str | None:
        """What of the collection that exists is not what was said."""
        if self.images and facts.image_size is None:
            return f"{facts.path} exists, and is no collection of images"
        if self.image_size not in (None, facts.image_size):
            return f"--size is {self.image_size}, and {facts.path} exists with {facts.image_size}"
        if self.dim is not None and (facts.model is not None or facts.dim != self.dim):
            what = f"vectors of {facts.dim}" if facts.model is None else f"the model {facts.model}"
            return f"--dim is {self.dim}, and {facts.path} exists with {what}"
        if self.target_recall not in (None, facts.target_recall):
            return f"--target-recall is {self.target_recall}, and {facts.path} exists with {facts.target_recall}"
        if self.precision not in (None, "auto", facts.precision):
            kind = facts.precision or "no model"
            return f"the precision is {self.precision}, and {facts.path} exists with {kind}"
        for name, value in self.chunking.items():
            present = getattr(facts.chunking, name)
            if value != present:
                return f"chunking.{name} is {value!r}, and {facts.path} exists with {present!r}"
        return None

    def create(self, *, tell: bool = True) -> "Collection":
        """Create it, and say so."""
        from semsearch.types import TARGET_RECALL, Chunking

        target_recall = TARGET_RECALL if self.target_recall is None else self.target_recall
        precision = self.precision or "auto"
        if self.images:
            from semsearch.images.model_folder import BUNDLED_MODEL

            collection = self.shelf.create(
                self.name,
                images=self.model or BUNDLED_MODEL,
                image_size=self.image_size,
                target_recall=target_recall,
                precision=precision,
            )
        else:
            collection = self.shelf.create(
                self.name,
                model=self.model,
                dim=self.dim,
                target_recall=target_recall,
                chunking=Chunking(**self.chunking) if self.chunking else None,
                precision=precision,
            )
        if tell:
            print_note(f"created the collection {self.name}")
        return collection


def ingest(target: Target, source: Source, *, files: bool, verbose: bool, as_json: bool) -> None:
    """Add, report, and exit with 2 if a document failed."""
    start = time.perf_counter()
    with _log(verbose=verbose):
        report = _added(target, source, shown=sys.stderr.isatty() and not verbose)
    seconds = time.perf_counter() - start
    print_failures(report)
    if as_json:
        print_json({"collection": target.name, **asdict(report), "seconds": round(seconds, 3)})
    else:
        if files:
            print_text(files_text(report.files))
        print_text(report_text(target.name, report, seconds))
    if report.failed:
        raise typer.Exit(USERS_MISTAKE)


def _added(target: Target, source: Source, *, shown: bool) -> "AddReport":
    """Add what there is; a new collection is created only if there is something to read for it."""
    limits = target.shelf.limits()
    try:
        collection = target.open()
    except CollectionNotFoundError:
        return _added_to_new(target, source, limits, shown=shown)
    images = collection.image_size is not None
    total = source.count(images=images) if shown else None
    with collection, _progress_bar(total, shown=shown, images=images) as progress:
        return source.add_to(collection, limits, progress)


def _added_to_new(target: Target, source: Source, limits: "Limits", *, shown: bool) -> "AddReport":
    """Create the collection and add to it; if nothing could be stored, it goes again."""
    from semsearch.reports import AddReport

    failures = source.failures_only(images=target.images)
    if failures is not None:
        return AddReport(failed=_nothing_to_add(target, failures))
    total = source.count(images=target.images) if shown else None
    with target.create() as collection, _progress_bar(total, shown=shown, images=target.images) as progress:
        report = source.add_to(collection, limits, progress)
    if not report.added:
        collection.drop(target.shelf.path(target.name))
        print_note(f"deleted the collection {target.name} again: no document could be stored")
    return report


def tell_plan(target: Target, source: Files, *, files: bool, as_json: bool) -> None:
    """What a sync would do; for a collection that does not exist, as if it did."""
    limits = target.shelf.limits()
    with contextlib.ExitStack() as stack:
        try:
            collection = target.open()
        except CollectionNotFoundError:
            shelf = replace(target.shelf, indexes=Path(stack.enter_context(tempfile.TemporaryDirectory())))
            collection = replace(target, shelf=shelf).create(tell=False)
        plan = stack.enter_context(collection).plan_sync(source.paths, retry_failed=source.retry_failed, limits=limits)
    if as_json:
        print_json({"collection": target.name, **asdict(plan)})
        return
    if files:
        print_text(files_text(plan.files))
    print_text(plan_text(target.name, plan))


def _nothing_to_add(target: Target, failures: "list[Failure]") -> "tuple[Failure, ...]":
    message = f"the collection {target.name} was not created: there is no document to put in it"
    if not failures:
        raise InvalidRequestError(f"{message}; --verbose tells what was passed over")
    print_note(message)
    return tuple(failures)


@contextlib.contextmanager
def _progress_bar(total: int | None, *, shown: bool, images: bool) -> "Iterator[ProgressCallback]":
    """Documents and chunks done, on stderr, with what the model does in a second."""
    start = time.perf_counter()
    with progress_bar(total, "documents", shown=shown) as bar:

        def advance(progress: "Progress") -> None:
            done, unit = (progress.chunks, "images") if images else (progress.tokens, "tokens")
            rate = done / (time.perf_counter() - start)
            bar.set_postfix_str(f"{counted(progress.chunks, 'chunk')}, {rate:,.0f} {unit}/s", refresh=False)
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
