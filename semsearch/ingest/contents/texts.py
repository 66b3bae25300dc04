"""Documents that are texts: cut by their structure, within what the model reads, and embedded chunk by chunk."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from semsearch.embedders.protocol import Embedder
from semsearch.ingest.batch import Batch, Brought, Embedded, Made, Outcome, Prepared, text_hash
from semsearch.ingest.contents.made import stored_or_errors
from semsearch.ingest.reuse import AlreadyEmbedded
from semsearch.store.documents import DocumentStore
from semsearch.types import Document

if TYPE_CHECKING:
    from semsearch.ingest.chunking.chunker import Chunker

BATCH_CHARACTERS = 200_000  # some 50,000 tokens
_PIECE_CHARACTERS = 120_000  # about; between two of these an interruption is heeded: some three seconds on two cores


class Texts:
    """The contents of a collection of texts.

    Args:
        store: the collection.
        embedder: gives its model, and is called when a text first has to be embedded.
    """

    def __init__(self, store: DocumentStore, embedder: Callable[[], Embedder]) -> None:
        self._spec, self._embedder = store.spec, embedder
        self._embedded = AlreadyEmbedded(store)
        self._chunker: Chunker | None = None

    @property
    def batch_size(self) -> int:
        return BATCH_CHARACTERS

    def size(self, document: Document) -> int:
        return characters(document)

    def brought(self, document: Document) -> Brought:
        return Brought()

    def cut(self, items: Sequence[Prepared], batch: Batch) -> None:
        embedder = self._embedder()
        cut = self._chunker_for(embedder).prepare([item.document for item in items])
        batch.new = [(item, [span for span, _ in chunks]) for item, chunks in zip(items, cut, strict=True)]
        texts = {text_hash(span): text for chunks in cut for span, text in chunks}
        batch.known = {key: Made(vector) for key, vector in self._embedded.vectors(texts).items()}
        batch.texts = {key: text for key, text in texts.items() if key not in batch.known}
        tokens = {text_hash(span): span.tokens or 0 for chunks in cut for span, _ in chunks}
        batch.tokens = sum(tokens[key] for key in batch.texts)
        batch.truncated = sum((span.tokens or 0) > embedder.max_tokens for chunks in cut for span, _ in chunks)

    def embed(self, batch: Batch, is_stopped: Callable[[], bool]) -> Embedded:
        embedder = self._embedder()
        embedded: dict[bytes, Outcome] = {}
        for keys in _pieces(batch.texts):
            if is_stopped():
                break
            rows = embedder.embed_documents([batch.texts[key] for key in keys])  # (n, dim)
            stored = stored_or_errors(rows, self._spec.dim)
            embedded.update(zip(keys, stored, strict=True))
        return embedded

    def _chunker_for(self, embedder: Embedder) -> "Chunker":
        from semsearch.ingest.chunking.chunker import Chunker  # 30 ms, which searches do without

        if self._chunker is None:
            self._chunker = Chunker(embedder.count_tokens, embedder.max_tokens, self._spec.chunking)
        return self._chunker


def characters(document: Document) -> int:
    """Of a text, which may be none."""
    return len(document.text) if isinstance(document.text, str) else 0


def _pieces(texts: Mapping[bytes, str]) -> Iterator[list[bytes]]:
    """The keys of texts, the shortest first, in pieces of as many characters each: at the end of one cores wait."""
    total = sum(map(len, texts.values()))
    most = total / max(1, round(total / _PIECE_CHARACTERS))
    piece: list[bytes] = []
    characters = 0
    for key in sorted(texts, key=lambda key: len(texts[key])):
        piece.append(key)
        characters += len(texts[key])
        if characters >= most:
            yield piece
            piece, characters = [], 0
    if piece:
        yield piece
