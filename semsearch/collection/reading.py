"""The half of a collection's methods that leave it as it is."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Unpack

import numpy.typing as npt

from semsearch.collection.parts import Parts
from semsearch.errors import CorruptStoreError, DocumentNotFoundError, InvalidRequestError, StoreError
from semsearch.images.operands import LatentSource, Operands
from semsearch.images.protocol import Images, Latents
from semsearch.ingest.gate import distinct_ids
from semsearch.reports import CollectionInfo, CollectionReport, MapReport
from semsearch.search.context import build_context
from semsearch.search.description import describe
from semsearch.search.engine import search
from semsearch.search.mapping import map_vectors
from semsearch.search.query import Given, as_query
from semsearch.search.report import NEARLY_SAME, report_on
from semsearch.search.shaping import Shaping, ShapingOptions
from semsearch.store.reader import MAX_PAGE_SIZE
from semsearch.store.records import Kind
from semsearch.types import (
    AxisEnds,
    Context,
    Document,
    DocumentSummary,
    Expression,
    Filter,
    ImageSource,
    Judgment,
    Page,
    SearchResult,
)

_BLOCK = 256  # documents whose latents are in memory at once


class Readable(Parts):
    """What asks a collection."""

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
        image: ImageSource | None = None,
        latent: npt.ArrayLike | None = None,
        expression: Expression | None = None,
        read_files: bool = True,
        relevant: Sequence[str | int] = (),
        irrelevant: Sequence[str | int] = (),
        k: int = 10,
        mode: str | None = None,
        filter: Filter | None = None,
        target_recall: float | None = None,
        exact: bool = False,
        fusion: str = "convex",
        explain: bool = False,
        **shaping: Unpack[ShapingOptions],
    ) -> SearchResult:
        """The k chunks that answer a query best: by its meaning, by its words, or by both.

        With a filter there are min(k, chunks of matching documents) hits, always; by words alone, those that have any.

        Args:
            query: text; `"a phrase"` has to be there as it is, `begin*` stands for all words that begin so.
            vector: numbers of shape (dim,), instead of the query, or of what the model would make of it.
            image: in a collection of images, what to find the like of: a Path, the bytes of a file, or pixels.
            latent: instead of an image, (channels, height, width), as `latents` gives them.
            expression: what to combine a vector from, `"king" - "man" + doc:queen`, see docs/expressions.md.
            read_files: an expression may name image files (`image:"a.jpg"`); say False to one that a stranger wrote.
            relevant: hits that were right, as document ids (text) or chunk ids, to move the query towards (Rocchio).
            irrelevant: hits that were wrong, to move it away from.
            k: hits asked for, chunks (not documents).
            mode: `semantic`, `keyword` or `hybrid`; if nothing is said, whatever the query and the collection allow.
            filter: a condition on metadata, see docs/filters.md; `None` is none, `{}` matches everything.
            target_recall: the share of the exact nearest chunks to find in the mean, in (0, 1]; else the collection's.
            exact: compare with every stored vector, the same as a target_recall of 1.
            fusion: of the two rankings in hybrid mode: `convex` goes by scores, `rrf` by ranks.
            explain: have each hit tell which words, and which sentence, it was found by.
            shaping: which hits are made of what is found, and what comes with them: `semsearch.search.shaping.Shaping`.

        Raises:
            EmptyQueryError, InvalidRequestError, InvalidFilterError, InvalidVectorError, InvalidExpressionError
            DocumentNotFoundError, ChunkNotFoundError, EmbedderMismatchError, ConflictError, InvalidDocumentError
        """
        asked = as_query(
            self._store.spec,
            Given(query, vector, image, latent, expression, relevant, irrelevant, read_files),
            k=k,
            mode=mode,
            filter=filter,
            target_recall=target_recall,
            exact=exact,
            fusion=fusion,
            explain=explain,
            shaping=Shaping(**shaping),
        )
        texts, images = self._query_vectors, self._image_vectors
        return search(self._snapshots, asked, self._store.spec, self._reranker.get, texts=texts, images=images)

    def latents(self, ids: Sequence[str]) -> Latents:
        """What the images of documents are drawn from, in the order of the ids: (n, channels, height, width), float32.

        Raises:
            InvalidRequestError: this is no collection of images, there are no ids, or an id is no str.
            DocumentNotFoundError, CorruptStoreError
        """
        _ = self._images
        wanted = [ids] if isinstance(ids, str) else list(ids)
        if not wanted:
            raise InvalidRequestError("there are no ids: say whose latents")
        known = distinct_ids(wanted)
        with self._store.read() as reader:
            found = reader.latents(known)
        missing = [each for each in known if each not in found]
        if missing:
            raise DocumentNotFoundError(missing[0])
        return self._unpacked(found[each] for each in wanted)

    def draw(self, ids: Sequence[str]) -> Images:
        """The images of documents, drawn from their latents alone: (n, 3, size, size), float32 in [0, 1].

        Raises: as `latents`; ModelError, MissingDependencyError, EmbedderMismatchError.
        """
        return self._images.get().draw(self.latents(ids))

    def operands(self) -> Operands:
        """Stored images, and others, as what `semsearch.images.edit` takes: all by the model of this collection.

        Raises:
            InvalidRequestError: this is no collection of images.
            ModelError, MissingDependencyError, EmbedderMismatchError: its model cannot be had.
        """
        embedder = self._images.get()
        return Operands(embedder.autoencoder, embedder.size, LatentSource(self.latents, self._latents_of))

    def context(
        self,
        query: str | None = None,
        *,
        vector: npt.ArrayLike | None = None,
        token_budget: int = 1_000,
        k: int = 20,
        mode: str | None = None,
        filter: Filter | None = None,
        count_tokens: Callable[[str], int] | None = None,
    ) -> Context:
        """Search, and put the hits' texts into one text for a language model, each with a citation.

        Args:
            query: as in `search`, and so are vector, mode and filter.
            vector: as in `search`.
            token_budget: tokens that the text may have.
            k: hits to choose from, best first.
            mode: as in `search`.
            filter: as in `search`.
            count_tokens: the language model's own count of a text; the collection's model's if nothing is given.

        Raises:
            As `search`; InvalidRequestError for token_budget < 1.
        """
        if count_tokens is None and self._store.spec.kind is not Kind.TEXTS:
            raise InvalidRequestError("this collection has no model to count tokens with: in Python, pass count_tokens")
        hits = self.search(query, vector=vector, k=k, mode=mode, filter=filter).hits
        return build_context(hits, token_budget, count_tokens or self._count_tokens)

    def report(
        self, *, similarity: float | None = None, most: int = 10, progress: Callable[[int], None] | None = None
    ) -> CollectionReport:
        """What to check in a collection before relying on it: duplicates, what was cut off, empty pages, languages.

        Every chunk is searched for its neighbours, which takes minutes for a million.

        Args:
            similarity: cosine from which on two chunks are nearly the same, in (0, 1]; 0.95, and of images 0.9.
            most: documents and groups that are listed of each kind.
            progress: called with the number of chunks done.

        Raises:
            InvalidRequestError: another similarity, or `most` is below 0.
        """
        nearly = NEARLY_SAME[self._store.spec.kind] if similarity is None else similarity
        if not 0 < nearly <= 1 or most < 0:
            raise InvalidRequestError(f"similarity is {nearly} and most {most}; they are in (0, 1] and at least 0")
        return report_on(self._store, self._snapshots, similarity=nearly, most=most, progress=progress)

    def map(
        self,
        *,
        label: str | None = None,
        x: AxisEnds | None = None,
        y: AxisEnds | None = None,
        filter: Filter | None = None,
    ) -> MapReport:
        """Project the vectors of all chunks to two axes; `semsearch.drawing.draw_map` draws the result.

        Args:
            label: a metadata key whose value each point has.
            x: two ends of the horizontal axis, at -1 and at 1: filters, for the means of what they match; texts; or
                parts of an expression, `[{"doc": ID}]`, `[{"image": Path("a.jpg")}]`; without them it is the
                direction of largest variance.
            y: two ends of the vertical axis, of which only what is orthogonal to the horizontal one counts.
            filter: only chunks of documents that it matches.

        Raises:
            InvalidRequestError: the label cannot be a key; an end is a text and the collection has no model; no
                document matches an end; or the ends of an axis are at one place.
            InvalidFilterError, InvalidExpressionError, InvalidDocumentError, EmptyQueryError, EmbedderMismatchError
            DocumentNotFoundError, ChunkNotFoundError
        """
        dim, texts, images = self._store.spec.dim, self._query_vectors, self._image_vectors
        return map_vectors(self._snapshots, dim, texts, images, label=label, x=x, y=y, filter=filter)

    def info(self) -> CollectionInfo:
        """What the collection holds, what made its vectors, and what serves its searches."""
        device = None if self._store.spec.kind is Kind.VECTORS else self._embedder.device
        return describe(self._store, self._snapshots, device)

    def _count_tokens(self, text: str) -> int:
        return self._texts.for_queries().count_tokens([text])[0]

    def _latents_of(self, filter: Filter) -> Iterator[Latents]:
        """The latents of the documents that a filter matches, by the block, all of one state of the collection."""
        with self._store.read() as reader:
            cursor: str | None = None
            while True:
                page = reader.page(filter, cursor, _BLOCK)
                found = reader.latents(document.id for document in page.documents)
                if found:
                    yield self._unpacked(found.values())
                if page.cursor is None:
                    return
                cursor = page.cursor

    def _unpacked(self, packed: Iterable[bytes]) -> Latents:
        from semsearch.images.packing import unpack

        try:
            return unpack([*packed])
        except StoreError as error:
            raise CorruptStoreError(self._store.path, f"a latent cannot be read: {error}") from error


def every_document(collection: Readable) -> Iterator[DocumentSummary]:
    """All documents as `list` tells of them, a page at a time."""
    cursor = None
    while True:
        page = collection.list(cursor=cursor, page_size=MAX_PAGE_SIZE)
        yield from page.documents
        cursor = page.cursor
        if cursor is None:
            return
