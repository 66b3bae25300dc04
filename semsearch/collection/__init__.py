"""Collection: the one object that users hold; it wires store, model, ingest, index and search, and does none of it."""

from dataclasses import replace
from pathlib import Path
from types import TracebackType

from semsearch.collection.models import Choice, new_model, pinned_model
from semsearch.collection.reading import Readable
from semsearch.collection.writing import Writable
from semsearch.embedders.protocol import Embedder, Reranker
from semsearch.embedders.reranker import ChosenReranker
from semsearch.errors import InvalidRequestError
from semsearch.images.protocol import ImageEmbedder
from semsearch.index.device import choose_device
from semsearch.index.sizing import check_codec
from semsearch.index.vectors import check_target
from semsearch.ingest.chunking.methods import check_chunking
from semsearch.store.documents import DocumentStore, check_free, remove_collection
from semsearch.types import TARGET_RECALL, Chunking

__all__ = ["Collection"]


class Collection(Writable, Readable):
    """One searchable set of documents in one directory.

    Threads may share an instance. Of several processes, one may write (the write lock is taken at the first write and
    kept until `close`), and any number may read meanwhile. Usable as a context manager.
    """

    @classmethod
    def create(
        cls,
        path: str | Path,
        *,
        model: str | Embedder | None = None,
        dim: int | None = None,
        images: str | ImageEmbedder | None = None,
        image_size: int | None = None,
        target_recall: float = TARGET_RECALL,
        codec: str | None = None,
        chunking: Chunking | None = None,
        device: str = "auto",
        precision: str = "auto",
        search_device: str = "cpu",
        reranker: str | Reranker | None = None,
    ) -> "Collection":
        """Make an empty collection.

        Args:
            path: its directory, which must not exist or be empty.
            model: a sentence-transformers name or folder, or an Embedder; all-MiniLM-L6-v2 if nothing is said.
            dim: instead of a model: the length of the vectors that documents and queries will bring.
            images: instead of a model of texts, one of images, whose documents are images: the bundled `semsearch-vae`,
                a folder, an id of the Hugging Face hub, or an ImageEmbedder; see docs/images.md.
            image_size: of images: side of the squares that they are brought to, a multiple of 8 from 64 to 2,048.
            target_recall: what searches aim at that say nothing else, above 0, up to 1.
            codec: how its index holds vectors, `compact`, `sq8` or `float16`; chosen by size if nothing is said.
            chunking: how its documents are cut into chunks, see docs/chunking.md.
            device: where the model runs: auto, cpu, cuda, one of several as cuda:1, or mps.
            precision: what the model computes in, for as long as the collection exists: float32, bfloat16, float16,
                int8 (twice as fast on a CPU without bfloat16, and less exact; not of images), or auto, the fastest one
                that is exact to 4 digits on the device at hand.
            search_device: where vectors are searched and indexes built: cpu, cuda or auto.
            reranker: as of `open`.

        Raises:
            CollectionExistsError: something is there already.
            ConfigError: the search device is not there.
            InvalidRequestError: more than one of model, dim and images, an empty model, a dim that is not 1 to 65,536,
                a target outside (0, 1], an unknown codec or precision, a chunking that is not to be had with this
                model, or a size that images cannot have.
            ModelError, MissingDependencyError: the model cannot be had.
        """
        if images is not None and chunking is not None:
            raise InvalidRequestError("images are not cut into chunks: leave the chunking out")
        chosen = Choice(model, dim, images, image_size)
        chosen.check(precision)
        check_target(target_recall)
        chosen_codec = check_codec(codec)
        searching = choose_device(search_device)
        check_free(Path(path))
        spec, embedder = new_model(Path(path).absolute(), chosen, device, precision)
        cut = check_chunking(chunking, spec.max_tokens)
        spec = replace(spec, target_recall=target_recall, codec=chosen_codec, chunking=cut)
        store = DocumentStore.create(Path(path), spec)
        return cls(store, embedder, searching, ChosenReranker(reranker, device))

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        model: str | Embedder | ImageEmbedder | None = None,
        device: str = "auto",
        search_device: str = "cpu",
        reranker: str | Reranker | None = None,
    ) -> "Collection":
        """Open what is there; the model is loaded when a text, or an image, first has to be embedded.

        Args:
            path: the collection's directory.
            model: where to find the collection's model, if not under the name that it was created with.
            device: where the model runs: auto, cpu, cuda, one of several as cuda:1, or mps.
            search_device: where vectors are searched and indexes built: cpu, cuda or auto.
            reranker: what searches with `rerank` go by: the name or the folder of a sentence-transformers CrossEncoder,
                or a Reranker; it runs where the model does, and is loaded when it is first needed.

        Raises:
            CollectionNotFoundError, CorruptStoreError, FormatVersionError
            ConfigError: the search device is not there.
            EmbedderMismatchError: `model` is an Embedder, or an ImageEmbedder, and not what made the vectors.
        """
        searching = choose_device(search_device)
        store = DocumentStore.open(Path(path))
        embedder = pinned_model(store, model, device)
        return cls(store, embedder, searching, ChosenReranker(reranker, device))

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
