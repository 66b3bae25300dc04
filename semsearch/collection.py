"""Collection: the one object that users hold; it wires store, model, ingest, index and search, and does none of it."""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import numpy.typing as npt

from semsearch.config import DEFAULT_MODEL, Recipe
from semsearch.embedders.pinned import PinnedEmbedder, load_embedder
from semsearch.embedders.protocol import Embedder
from semsearch.errors import EmbedderMismatchError, InvalidRequestError
from semsearch.index.device import Device, choose_device
from semsearch.index.sizing import check_codec
from semsearch.index.vectors import check_dim, check_target
from semsearch.ingest.chunking.methods import check_chunking
from semsearch.ingest.gate import distinct_ids, is_storable
from semsearch.ingest.items import Item
from semsearch.ingest.judging import judge
from semsearch.ingest.maintenance import maintain, tune
from semsearch.ingest.pipeline import add_documents, try_maintenance
from semsearch.ingest.plan import plan_sync
from semsearch.ingest.queries import query_vector, tuning_vectors
from semsearch.ingest.reading import Reading
from semsearch.ingest.sources import source_items
from semsearch.ingest.sync import Sync
from semsearch.search.context import build_context
from semsearch.search.description import describe
from semsearch.search.profile import Stopwatch
from semsearch.search.report import report_on
from semsearch.search.semantic import check_k, check_mode, search_semantic
from semsearch.search.snapshot import SnapshotCache
from semsearch.store.documents import DocumentStore, check_free, remove_collection
from semsearch.store.filters import parse_filter
from semsearch.store.records import CollectionSpec
from semsearch.types import (
    TARGET_RECALL,
    AddReport,
    Chunking,
    CollectionInfo,
    CollectionReport,
    Context,
    Curve,
    Document,
    Failure,
    Filter,
    Judgment,
    Limits,
    Page,
    ProgressCallback,
    RemoveReport,
    SearchResult,
    SyncPlan,
)


class Collection:
    """One searchable set of documents in one directory.

    Threads may share an instance. Of several processes, one may write (the write lock is taken at the first write and
    kept until `close`), and any number may read meanwhile. Usable as a context manager.
    """

    def __init__(self, store: DocumentStore, embedder: PinnedEmbedder, device: Device | None = None) -> None:
        """Use `create` or `open` instead."""
        self._store, self._embedder, self._device = store, embedder, device
        self._snapshots = SnapshotCache(store, device)
        self._adding = threading.RLock()  # one add at a time, whose `progress` may add, too

    # --- from nothing to an object, and back

    @classmethod
    def create(
        cls,
        path: str | Path,
        *,
        model: str | Embedder | None = None,
        dim: int | None = None,
        target_recall: float = TARGET_RECALL,
        codec: str | None = None,
        chunking: Chunking | None = None,
        device: str = "auto",
        precision: str = "auto",
        search_device: str = "cpu",
    ) -> "Collection":
        """Make an empty collection.

        Args:
            path: its directory, which must not exist or be empty.
            model: a sentence-transformers name or folder, or an Embedder; all-MiniLM-L6-v2 if nothing is said.
            dim: instead of a model: the length of the vectors that documents and queries will bring.
            target_recall: what searches aim at that say nothing else, above 0, up to 1.
            codec: how its index holds vectors, `compact`, `sq8` or `float16`; chosen by size if nothing is said.
            chunking: how its documents are cut into chunks, see docs/chunking.md.
            device: where the model runs: auto, cpu, cuda, one of several as cuda:1, or mps.
            precision: what the model computes in, for as long as the collection exists: float32, bfloat16, float16,
                int8 (twice as fast on a CPU without bfloat16, and less exact), or auto, the fastest one that is exact
                to 4 digits on the device at hand.
            search_device: where vectors are searched and indexes built: cpu, cuda or auto.

        Raises:
            CollectionExistsError: something is there already.
            ConfigError: the search device is not there.
            InvalidRequestError: both a model and a dim, an empty model, a dim that is not 1 to 65,536, a target
                outside (0, 1], an unknown codec or precision, or a chunking that is not to be had with this model.
            ModelError, MissingDependencyError: the model cannot be had.
        """
        if dim is not None and model is not None:
            raise InvalidRequestError("a collection has either a model, or a dim for vectors that are brought along")
        if dim is not None and precision != "auto":
            raise InvalidRequestError(
                f"the precision is {precision!r:.80}, and vectors that are brought along have none"
            )
        check_target(target_recall)
        chosen_codec = check_codec(codec)
        searching = choose_device(search_device)
        check_free(Path(path))
        loaded = None
        if dim is None:
            model = DEFAULT_MODEL if model is None else model
            loaded = load_embedder(model, device, precision)
            spec = CollectionSpec(loaded.dim, loaded.name, loaded.fingerprint, precision, loaded.max_tokens)
        else:
            spec = CollectionSpec(check_dim(dim))
        cut = check_chunking(chunking, spec.max_tokens)
        spec = replace(spec, target_recall=target_recall, codec=chosen_codec, chunking=cut)
        store = DocumentStore.create(Path(path), spec)
        embedder = PinnedEmbedder(store.root, spec.fingerprint, model, device, precision=precision, loaded=loaded)
        return cls(store, embedder, searching)

    @classmethod
    def open(
        cls, path: str | Path, *, model: str | Embedder | None = None, device: str = "auto", search_device: str = "cpu"
    ) -> "Collection":
        """Open what is there; the model is loaded when a text first has to be embedded.

        Args:
            path: the collection's directory.
            model: where to find the collection's model, if not under the name that it was created with.
            device: where the model runs: auto, cpu, cuda, one of several as cuda:1, or mps.
            search_device: where vectors are searched and indexes built: cpu, cuda or auto.

        Raises:
            CollectionNotFoundError, CorruptStoreError, FormatVersionError
            ConfigError: the search device is not there.
            EmbedderMismatchError: `model` is an Embedder and not the one that made the vectors.
        """
        searching = choose_device(search_device)
        store = DocumentStore.open(Path(path))
        if model is not None and store.spec.model is None:
            raise EmbedderMismatchError(f"{path} has no model: its documents and queries bring their own vectors")
        name, precision = store.spec.model if model is None else model, store.spec.precision or "auto"
        embedder = PinnedEmbedder(store.root, store.spec.fingerprint, name, device, precision=precision)
        return cls(store, embedder, searching)

    @staticmethod
    def drop(path: str | Path) -> list[Path]:
        """Delete the collection at a path, a damaged one too; returns the files there that are not part of it.

        Raises:
            CollectionNotFoundError: there is none.
            CollectionLockedError: another process is writing to it.
        """
        return remove_collection(Path(path))

    def close(self) -> None:
        """Give back connections and the write lock, once a running write is done; nothing else works afterwards."""
        self._store.close()

    def __repr__(self) -> str:
        return f"<semsearch.Collection {str(self._store.root)!r}>"

    def __enter__(self) -> "Collection":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    # --- writing

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
        with Reading(limits or Limits()) as reading:
            items = Sync(self._store, reading, base=base, retry_failed=retry_failed).items(paths)
            return self._add(items, progress, maintain=maintain, remove_vanished=remove)

    def plan_sync(self, paths: Sequence[str], *, base: Path | None = None, limits: Limits | None = None) -> SyncPlan:
        """What `sync` would do with these paths, and how long it would take; nothing is changed."""
        embedder = None if self._store.spec.model is None else self._embedder.get
        with Reading(limits or Limits()) as reading:
            return plan_sync(Sync(self._store, reading, base=base), reading, embedder, self._store.spec.chunking, paths)

    def build(
        self,
        recipe: Recipe,
        *,
        base: Path,
        limits: Limits | None = None,
        progress: ProgressCallback | None = None,
    ) -> AddReport:
        """Bring the collection up to date with the sources of a recipe; relative paths start at `base`, its folder."""
        with Reading(limits or Limits()) as reading:
            return self._add(source_items(recipe, Sync(self._store, reading, base=base)), progress)

    def _add(
        self,
        items: Iterable[Item],
        progress: ProgressCallback | None,
        *,
        maintain: bool = True,
        remove_vanished: bool = False,
    ) -> AddReport:
        embedder = None if self._store.spec.model is None else self._embedder.get
        with self._adding:
            report = add_documents(self._store, embedder, items, progress, remove_vanished=remove_vanished)
        self._embedder.export()
        return replace(report, maintenance=self.maintain()) if maintain else report

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
        return tune(self._store, tuning_vectors(queries, vectors, self._store.spec.dim, self._embedder.for_queries))

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

    # --- reading

    def get(self, document_id: str) -> Document:
        """The document with this id; raises DocumentNotFoundError."""
        with self._store.read() as reader:
            return reader.document(document_id)

    def list(self, *, filter: Filter | None = None, cursor: str | None = None, page_size: int = 100) -> Page:
        """Documents in the order in which they were first added, a page at a time.

        Args:
            filter: only the documents that it matches.
            cursor: where the page before ended.
            page_size: documents a page, 1 to 10,000.

        Raises:
            InvalidRequestError: another page_size, or a cursor that did not come from here.
            InvalidFilterError
        """
        with self._store.read() as reader:
            return reader.page(filter, cursor, page_size)

    def judgments(self) -> tuple[Judgment, ...]:
        """All judgments by query and document id, those of documents that are no longer there as not `known`."""
        with self._store.read() as reader:
            return reader.judgments()

    def count(self, filter: Filter | None = None) -> int:
        """The number of documents, or of those that a filter matches."""
        with self._store.read() as reader:
            return reader.count(filter)

    def search(
        self,
        query: str | None = None,
        *,
        vector: npt.ArrayLike | None = None,
        k: int = 10,
        mode: str = "semantic",
        filter: Filter | None = None,
        target_recall: float | None = None,
        exact: bool = False,
    ) -> SearchResult:
        """The k chunks nearest in meaning to a query, or to a vector, by cosine.

        A filtered search gives min(k, chunks of matching documents) hits, always.

        Args:
            query: text, embedded by the collection's model.
            vector: instead of it, numbers of shape (dim,).
            k: hits asked for, chunks (not documents).
            mode: `semantic`.
            filter: a condition on metadata, see docs/filters.md; `None` is none, `{}` matches everything.
            target_recall: the share of the exact nearest chunks that has to be found in the mean, above 0, up to 1;
                the collection's own if nothing is said.
            exact: compare with every stored vector, the same as a target_recall of 1.

        Raises:
            EmptyQueryError, InvalidRequestError, InvalidFilterError, InvalidVectorError, EmbedderMismatchError
        """
        chosen = check_mode(mode)
        check_k(k)
        target = self._store.spec.target_recall if target_recall is None else target_recall
        check_target(target)
        if filter is not None:
            parse_filter(filter)
        watch = Stopwatch()
        with watch.stage("embed"):
            queries = query_vector(query, vector, self._store.spec.dim, self._embedder.for_queries)
        with self._snapshots.current() as snapshot:
            hits, profile = search_semantic(
                snapshot, queries, k, filter=filter, target_recall=1.0 if exact else target, watch=watch
            )
        return SearchResult(query, chosen, hits, profile)

    def context(
        self,
        query: str | None = None,
        *,
        vector: npt.ArrayLike | None = None,
        token_budget: int = 1_000,
        k: int = 20,
        filter: Filter | None = None,
        count_tokens: Callable[[str], int] | None = None,
    ) -> Context:
        """Search, and put the hits' texts into one text for a language model, each with a citation.

        Args:
            query: as in `search`.
            vector: as in `search`.
            token_budget: tokens that the text may have.
            k: hits to choose from, best first.
            filter: as in `search`.
            count_tokens: the language model's own count of a text; the collection's model's if nothing is given.

        Raises:
            As `search`; InvalidRequestError for token_budget < 1.
        """
        if count_tokens is None and self._store.spec.model is None:
            raise InvalidRequestError("this collection has no model to count tokens with: in Python, pass count_tokens")
        hits = self.search(query, vector=vector, k=k, filter=filter).hits
        return build_context(hits, token_budget, count_tokens or self._count_tokens)

    def report(
        self, *, similarity: float = 0.95, most: int = 10, progress: Callable[[int], None] | None = None
    ) -> CollectionReport:
        """What to check in a collection before relying on it: duplicates, what was cut off, empty pages, languages.

        Every chunk is searched for its neighbours, which takes minutes for a million.

        Args:
            similarity: cosine from which on two chunks are nearly the same, in (0, 1].
            most: documents and groups that are listed of each kind.
            progress: called with the number of chunks done.

        Raises:
            InvalidRequestError: another similarity, or `most` is below 0.
        """
        if not 0 < similarity <= 1 or most < 0:
            raise InvalidRequestError(f"similarity is {similarity} and most {most}; they are in (0, 1] and at least 0")
        return report_on(self._store, self._snapshots, similarity=similarity, most=most, progress=progress)

    def info(self) -> CollectionInfo:
        """What the collection holds, what made its vectors, and what serves its searches."""
        device = None if self._store.spec.model is None else self._embedder.device
        return describe(self._store, self._snapshots, device)

    def _maintain(self, *, everything: bool) -> None:
        damaged = self._snapshots.status().degraded is not None
        maintain(self._store, damaged=damaged, everything=everything, device=self._device)

    def _count_tokens(self, text: str) -> int:
        return self._embedder.for_queries().count_tokens([text])[0]
