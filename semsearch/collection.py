"""Collection: the one object that users hold; it wires store, model, ingest, index and search, and does none of it."""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import numpy.typing as npt

from semsearch import files
from semsearch.config import DEFAULT_MODEL
from semsearch.embedders.pinned import PinnedEmbedder, load_embedder
from semsearch.embedders.protocol import Embedder
from semsearch.errors import (
    CollectionNotFoundError,
    EmbedderMismatchError,
    EmptyQueryError,
    InvalidRequestError,
)
from semsearch.index.vectors import as_vector, as_vectors, check_target
from semsearch.ingest.gate import distinct_ids, is_storable, storable
from semsearch.ingest.maintenance import maintain, tune
from semsearch.ingest.pipeline import add_documents, try_maintenance
from semsearch.search.context import build_context
from semsearch.search.description import describe
from semsearch.search.profile import Stopwatch
from semsearch.search.semantic import search_semantic
from semsearch.search.snapshot import SnapshotCache
from semsearch.store.cursors import from_cursor, to_cursor
from semsearch.store.documents import DATABASE, LOCK, PARTS, DocumentStore, check_free, take_lock
from semsearch.store.filters import parse_filter
from semsearch.store.records import CollectionSpec
from semsearch.types import (
    TARGET_RECALL,
    AddReport,
    CollectionInfo,
    Context,
    Curve,
    Document,
    Failure,
    Filter,
    Page,
    ProgressCallback,
    RemoveReport,
    SearchMode,
    SearchResult,
    Vectors,
)

MAX_DIM = 65_536
MAX_PAGE_SIZE = 10_000
MIN_QUERIES = 10  # to tune with


class Collection:
    """One searchable set of documents in one directory.

    Threads may share an instance. Of several processes, one may write (the write lock is taken at the first write and
    kept until `close`), and any number may read meanwhile. Usable as a context manager.
    """

    def __init__(self, store: DocumentStore, embedder: PinnedEmbedder) -> None:
        """Use `create` or `open` instead."""
        self._store, self._embedder = store, embedder
        self._snapshots = SnapshotCache(store)
        self._adding = threading.RLock()  # one add, and one index built, at a time; an add's `progress` may add, too

    # --- from nothing to an object, and back

    @classmethod
    def create(
        cls,
        path: str | Path,
        *,
        model: str | Embedder | None = None,
        dim: int | None = None,
        target_recall: float = TARGET_RECALL,
        device: str = "auto",
    ) -> "Collection":
        """Make an empty collection.

        Args:
            path: its directory, which must not exist or be empty.
            model: a sentence-transformers name or folder, or an Embedder; all-MiniLM-L6-v2 if nothing is said.
            dim: instead of a model: the length of the vectors that documents and queries will bring.
            target_recall: what searches aim at that say nothing else, above 0, up to 1.
            device: where the model runs: auto, cpu, cuda or mps.

        Raises:
            CollectionExistsError: something is there already.
            InvalidRequestError: both a model and a dim, an empty model, a dim that is not 1 to 65,536, or a target
                outside (0, 1].
            ModelError, MissingDependencyError: the model cannot be had.
        """
        if dim is not None and model is not None:
            raise InvalidRequestError("a collection has either a model, or a dim for vectors that are brought along")
        if dim is not None and (type(dim) is not int or not 1 <= dim <= MAX_DIM):
            raise InvalidRequestError(f"dim is {dim!r}; vectors have 1 to {MAX_DIM:,} numbers")
        check_target(target_recall)
        check_free(Path(path))
        if dim is None:
            model = load_embedder(DEFAULT_MODEL if model is None else model, device)
            spec = CollectionSpec(model.dim, model.name, model.fingerprint, "float32", model.max_tokens)
        else:
            spec = CollectionSpec(dim)
        store = DocumentStore.create(Path(path), replace(spec, target_recall=target_recall))
        return cls(store, PinnedEmbedder(store.root, spec.fingerprint, model, device))

    @classmethod
    def open(cls, path: str | Path, *, model: str | Embedder | None = None, device: str = "auto") -> "Collection":
        """Open what is there; the model is loaded when a text first has to be embedded.

        Args:
            path: the collection's directory.
            model: where to find the collection's model, if not under the name that it was created with.
            device: where the model runs: auto, cpu, cuda or mps.

        Raises:
            CollectionNotFoundError, CorruptStoreError, FormatVersionError
            EmbedderMismatchError: `model` is an Embedder and not the one that made the vectors.
        """
        store = DocumentStore.open(Path(path))
        if model is not None and store.spec.model is None:
            raise EmbedderMismatchError(f"{path} has no model: its documents and queries bring their own vectors")
        return cls(
            store,
            PinnedEmbedder(store.root, store.spec.fingerprint, store.spec.model if model is None else model, device),
        )

    @staticmethod
    def drop(path: str | Path) -> list[Path]:
        """Delete the collection at a path, a damaged one too; returns the files there that are not part of it.

        Raises:
            CollectionNotFoundError: there is none.
            CollectionLockedError: another process is writing to it.
        """
        root = Path(path)
        if not (root / DATABASE).is_file():
            raise CollectionNotFoundError(root)
        lock = files.FileLock(root / LOCK)
        take_lock(lock, root)
        try:
            return files.remove_tree(root, PARTS)
        finally:
            lock.release()

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

    def add(self, documents: Iterable[Document | Failure], *, progress: ProgressCallback | None = None) -> AddReport:
        """Insert or replace documents by id, durably; unchanged ones are skipped without embedding them.

        Every document is stored as a whole or not at all, and one that is refused is in the report's `failed`, and
        stops no other. New metadata alone is stored without embedding anything. A large collection gets its index, or
        a new one, before this returns; where that fails, the report's `maintenance` says why.

        Args:
            documents: read once, in batches; what a reader failed at (`Failure`) is passed on into the report.
            progress: called after each commit, with what is durable by then.

        Raises:
            InvalidRequestError: `documents` cannot be iterated over.
            CollectionLockedError: another process is writing to the collection.
            EmbedderMismatchError: the model under the collection's name is no longer the one that made its vectors.
            StoreFullError: the disk is full; what was reported to `progress` is kept.
        """
        embedder = None if self._store.spec.model is None else self._embedder.get
        with self._adding:
            report = add_documents(self._store, embedder, documents, progress)
            return replace(report, maintenance=self._maintained())

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
        if report.removed and self._adding.acquire(blocking=False):  # who adds or compacts meanwhile maintains as well
            try:
                self._maintained()
            finally:
                self._adding.release()
        return report

    def compact(self) -> None:
        """Give back the space of what was deleted, join small segments, and put all of a large collection in its index.

        Searches and writes go on meanwhile.

        Raises:
            CollectionLockedError, StoreFullError
        """
        with self._adding:
            maintain(self._store, damaged=self._snapshots.status().degraded is not None, everything=True)
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
        if queries is not None and vectors is not None:
            raise InvalidRequestError("queries are either texts, or vectors")
        if queries is not None:
            texts = [storable(str(query))[0] for query in queries]
            if not all(text.strip() for text in texts):
                raise EmptyQueryError("a query is empty: leave it out")
            vectors = self._embedder.get().embed_queries(texts)
        rows = None if vectors is None else as_vectors(vectors, self._store.spec.dim)
        if rows is not None and len(rows) < MIN_QUERIES:
            raise InvalidRequestError(f"there are {len(rows)} queries; measuring needs at least {MIN_QUERIES}")
        with self._adding:
            return tune(self._store, rows)

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
        if not 1 <= page_size <= MAX_PAGE_SIZE:
            raise InvalidRequestError(f"page_size is {page_size}; a page has 1 to {MAX_PAGE_SIZE:,} documents")
        after = 0 if cursor is None else from_cursor(cursor)
        with self._store.read() as reader:
            rows = reader.summaries(filter, after, page_size + 1)
        more = to_cursor(rows[page_size - 1][0]) if len(rows) > page_size else None
        return Page(tuple(summary for _, summary in rows[:page_size]), more)

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
        chosen = _mode(mode)
        if isinstance(k, bool) or not hasattr(k, "__index__") or k < 1:
            raise InvalidRequestError(f"k is {k!r}; ask for a whole number of hits, at least 1")
        target = self._store.spec.target_recall if target_recall is None else target_recall
        check_target(target)
        if filter is not None:
            parse_filter(filter)
        watch = Stopwatch()
        with watch.stage("embed"):
            queries = self._query_vector(query, vector)
        with self._snapshots.current() as snapshot:
            hits, profile = search_semantic(
                snapshot,
                queries,
                k,
                filter=filter,
                target_recall=1.0 if exact else target,
                watch=watch,
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
        if token_budget < 1:
            raise InvalidRequestError(f"token_budget is {token_budget}; a context needs at least 1 token")
        if count_tokens is None and self._store.spec.model is None:
            raise InvalidRequestError("this collection has no model to count tokens with: in Python, pass count_tokens")
        hits = self.search(query, vector=vector, k=k, filter=filter).hits
        return build_context(hits, token_budget, count_tokens or self._count_tokens)

    def info(self) -> CollectionInfo:
        """What the collection holds, what made its vectors, and what serves its searches."""
        device = None if self._store.spec.model is None else self._embedder.device
        return describe(self._store, self._snapshots, device)

    def _maintained(self) -> str | None:
        """Bring the index and the files up to date, or tell why that has to wait."""
        return try_maintenance(lambda: maintain(self._store, damaged=self._snapshots.status().degraded is not None))

    def _query_vector(self, query: str | None, vector: npt.ArrayLike | None) -> Vectors:
        """(1, dim), normalised."""
        if query is not None and vector is not None:
            raise InvalidRequestError("a query and a vector are both given: say one of them")
        if vector is not None:
            return as_vector(vector, self._store.spec.dim)
        if query is None:
            raise InvalidRequestError("say what to search for: a query, or a vector")
        text, _ = storable(str(query))
        if not text.strip():
            raise EmptyQueryError("the query is empty: say in words what to find")
        return as_vectors(self._embedder.get().embed_queries([text]), self._store.spec.dim)

    def _count_tokens(self, text: str) -> int:
        return self._embedder.get().count_tokens([text])[0]


def list_collections(indexes: str | Path) -> list[str]:
    """Names of the collections in a folder, sorted; none if there is no such folder."""
    return sorted(path.parent.name for path in Path(indexes).glob(f"*/{DATABASE}"))


def _mode(mode: str) -> SearchMode:
    try:
        return SearchMode(mode)
    except ValueError as error:
        known = ", ".join(SearchMode)
        raise InvalidRequestError(f"mode is {mode!r}; it has to be one of: {known}") from error
