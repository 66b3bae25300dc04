"""The half of a collection's methods that change it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy.typing as npt

from semsearch.collection.parts import Parts
from semsearch.config import Recipe
from semsearch.embedders.pinned import PinnedEmbedder
from semsearch.errors import InvalidRequestError
from semsearch.ingest.contents.contract import Contents
from semsearch.ingest.contents.own_vectors import OwnVectors
from semsearch.ingest.contents.texts import Texts
from semsearch.ingest.gate import distinct_ids
from semsearch.ingest.items import Item
from semsearch.ingest.judging import judge
from semsearch.ingest.maintenance import maintain, tune
from semsearch.ingest.pipeline import add_documents, try_maintenance
from semsearch.ingest.queries import tuning_vectors
from semsearch.reports import AddReport, ProgressCallback, RemoveReport, SyncPlan
from semsearch.store.filters import parse_filter
from semsearch.store.records import Kind
from semsearch.store.texts import is_storable
from semsearch.types import (
    Curve,
    Document,
    Failure,
    Filter,
    Judgment,
    Limits,
)


class Writable(Parts):
    """What changes a collection."""

    def add(
        self,
        documents: Iterable[Document | Failure],
        *,
        progress: ProgressCallback | None = None,
        maintain: bool = True,
    ) -> AddReport:
        """Insert or replace documents by id, durably; unchanged ones are skipped without embedding them.

        Every document is stored as a whole or not at all, and one that is refused is in the report's `failed`, and
        stops no other. New metadata alone is stored without embedding anything. A large collection gets its index, or
        a new one, before this returns; where that fails, the report's `maintenance` says why.

        Args:
            documents: read once, in batches; what a reader failed at (`Failure`) is passed on into the report.
            progress: called after each commit, with what is durable by then.
            maintain: bring the index up to date before this returns; else call `maintain` soon.

        Raises:
            InvalidRequestError: `documents` cannot be iterated over.
            CollectionLockedError: another process is writing to the collection.
            EmbedderMismatchError: the model under the collection's name is no longer the one that made its vectors.
            StoreFullError: the disk is full; what was reported to `progress` is kept.
        """
        return self._add(documents, progress, maintain=maintain)

    def sync(
        self,
        paths: Sequence[str],
        *,
        base: Path | None = None,
        remove: bool = False,
        retry_failed: bool = False,
        limits: Limits | None = None,
        progress: ProgressCallback | None = None,
        maintain: bool = True,
    ) -> AddReport:
        """Add what files hold, and bring up to date what has changed in them since; what has not is not even read.

        A file is known by its path as it is given here. In one that has changed, only chunks whose text is new are
        embedded, and so in one that was renamed. What could not be read is in quarantine, and read again when it has
        changed.

        Args:
            paths: files, folders, globs, and `-` for JSON Lines on standard input; see docs/reading.md.
            base: where relative paths start, the current folder if nothing is said.
            remove: remove the documents of files that are gone from folders among the paths, and documents that are
                gone from files that have changed; otherwise they are only counted, as `vanished`.
            retry_failed: read again what is in quarantine, though it has not changed.
            limits: what one file may cost.
            progress: called after each commit, with what is durable by then.
            maintain: bring the index up to date before this returns.

        Raises:
            CollectionLockedError, EmbedderMismatchError, StoreFullError: as of `add`.
        """
        from semsearch.ingest.reading import Reading  # 60 ms, which searches do without
        from semsearch.ingest.sync import Sync

        with Reading(limits or Limits(), self.image_size) as reading:
            items = Sync(self._store, reading, base=base, retry_failed=retry_failed).items(paths)
            return self._add(items, progress, maintain=maintain, remove_vanished=remove)

    def plan_sync(
        self,
        paths: Sequence[str],
        *,
        base: Path | None = None,
        retry_failed: bool = False,
        limits: Limits | None = None,
    ) -> SyncPlan:
        """What `sync` would do with these paths, and how long it would take; nothing is changed."""
        from semsearch.ingest.plan import plan_sync, seconds_for_images, seconds_for_texts
        from semsearch.ingest.reading import Reading
        from semsearch.ingest.sync import Sync

        estimates = {
            Kind.TEXTS: lambda changed, reading: seconds_for_texts(
                changed, reading, embedder=self._texts.get(), chunking=self._store.spec.chunking
            ),
            Kind.IMAGES: lambda changed, reading: seconds_for_images(changed, reading, embedder=self._images.get()),
        }
        with Reading(limits or Limits(), self.image_size) as reading:
            sync = Sync(self._store, reading, base=base, retry_failed=retry_failed)
            return plan_sync(sync, reading, estimates.get(self._store.spec.kind), paths)

    def build(
        self,
        recipe: Recipe,
        *,
        base: Path,
        limits: Limits | None = None,
        progress: ProgressCallback | None = None,
    ) -> AddReport:
        """Bring the collection up to date with the sources of a recipe; relative paths start at `base`, its folder."""
        from semsearch.ingest.reading import Reading
        from semsearch.ingest.sources import source_items
        from semsearch.ingest.sync import Sync

        with Reading(limits or Limits(), self.image_size) as reading:
            return self._add(source_items(recipe, Sync(self._store, reading, base=base)), progress)

    def _add(
        self,
        items: Iterable[Item],
        progress: ProgressCallback | None,
        *,
        maintain: bool = True,
        remove_vanished: bool = False,
    ) -> AddReport:
        with self._adding:
            report = add_documents(self._store, self._contents(), items, progress, remove_vanished=remove_vanished)
        if isinstance(self._embedder, PinnedEmbedder):
            self._embedder.export()
        return replace(report, maintenance=self.maintain()) if maintain else report

    def _contents(self) -> Contents:
        match self._store.spec.kind:
            case Kind.TEXTS:
                return Texts(self._store, self._texts.get)
            case Kind.IMAGES:
                from semsearch.ingest.contents.images import ImageContents

                return ImageContents(self._store, self._images.get, self._images.size)
            case Kind.VECTORS:
                return OwnVectors(self._store.spec.dim)

    def remove(self, ids: Iterable[str] | None = None, *, filter: Filter | None = None) -> RemoveReport:
        """Remove documents by id, or all that a filter matches; durable when it returns.

        Raises:
            InvalidRequestError: neither or both of `ids` and `filter`, or an id that is no str.
            InvalidFilterError, CollectionLockedError
        """
        if (ids is None) == (filter is None):
            raise InvalidRequestError("say which documents to remove: either by ids, or by a filter")
        if filter is not None:
            parse_filter(filter)
        wanted = distinct_ids(() if ids is None else ids)
        with self._store.write() as writer:
            if filter is None:
                removed = writer.remove(id for id in wanted if is_storable(id))
                report = RemoveReport(len(removed), tuple(id for id in wanted if id not in removed))
            else:
                report = RemoveReport(writer.remove_matching(filter))
        if report.removed and self._store.changing.acquire(blocking=False):  # whoever holds it maintains as well
            try:
                self.maintain()
            finally:
                self._store.changing.release()
        return report

    def maintain(self) -> str | None:
        """Bring index and files up to date, as far as sizes and measured recall ask for it.

        Returns:
            Why that has to wait, `None` if nothing does; documents are stored and found all the same.

        Raises:
            CollectionLockedError, CorruptStoreError
        """
        return try_maintenance(lambda: self._maintain(everything=False))

    def compact(self) -> None:
        """Give back the space of what was deleted, join small segments, and put all of a large collection in its index.

        Searches and writes go on meanwhile.

        Raises:
            CollectionLockedError, StoreFullError
        """
        self._maintain(everything=True)
        self._store.release_space()

    def tune(self, queries: Sequence[str] | None = None, *, vectors: npt.ArrayLike | None = None) -> Curve:
        """Measure the index against exact search anew, and have searches go by what was found.

        Args:
            queries: texts as users ask them, which are harder than the documents' own; they are kept, and measured
                again whenever the index is built anew.
            vectors: instead of them, numbers of shape (n, dim).

        Returns:
            The operating curve, the lower of the two where there are queries.

        Raises:
            InvalidRequestError: there is no index, both or fewer than 10 queries are given, or one is empty.
            InvalidVectorError, EmbedderMismatchError, CollectionLockedError
        """
        return tune(
            self._store, tuning_vectors(queries, vectors, self._store.spec.dim, lambda: self._texts.for_queries())
        )

    def index_key(self, key: str, *, progress: Callable[[int], None] | None = None) -> bool:
        """Index a metadata key, which makes filters on it fast, and keep it indexed; False if it was already.

        It is durable when this returns; searches go on meanwhile, writes wait. Interrupted, it leaves no index.

        Args:
            key: as filters have it; a dot descends into nested objects.
            progress: called with the number of documents that are in the index so far.

        Raises:
            InvalidRequestError: no filter can have this key.
            ConflictError: 16 keys are indexed already.
            CollectionLockedError, StoreFullError
        """
        with self._store.write() as writer:
            return writer.index_key(key, progress)

    def drop_key_index(self, key: str) -> bool:
        """Remove the index over a metadata key, without which filters find the same; False if there was none."""
        with self._store.write() as writer:
            return writer.drop_key_index(key)

    def judge(self, query: str, document_id: str, grade: int) -> Judgment:
        """Keep how relevant a document is to a query, 0 (not) to 3, for `semsearch.evaluation`; said anew, it replaces.

        Raises:
            DocumentNotFoundError, EmptyQueryError, InvalidRequestError, CollectionLockedError
        """
        return judge(self._store, query, document_id, grade)

    def _maintain(self, *, everything: bool) -> None:
        damaged = self._snapshots.status().degraded is not None
        maintain(self._store, damaged=damaged, everything=everything, device=self._device)
