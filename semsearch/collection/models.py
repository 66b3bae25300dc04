"""Which model a collection has: chosen when it is made, and found again when it is opened."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, cast

from semsearch.config import DEFAULT_MODEL
from semsearch.embedders.pinned import PinnedEmbedder, load_embedder
from semsearch.embedders.protocol import Embedder
from semsearch.errors import EmbedderMismatchError, InvalidRequestError
from semsearch.images.embedder import DEFAULT_SIZE, load_image_embedder
from semsearch.images.pinned import PinnedImageEmbedder
from semsearch.images.protocol import ImageEmbedder
from semsearch.index.vectors import check_dim
from semsearch.store.documents import DocumentStore
from semsearch.store.records import CollectionSpec

Pinned: TypeAlias = PinnedEmbedder | PinnedImageEmbedder


@dataclass(frozen=True, slots=True)
class Choice:
    """What was said of a new collection: a model of texts, a dim, or a model of images with a size; as of `create`."""

    model: str | Embedder | None = None
    dim: int | None = None
    images: str | ImageEmbedder | None = None
    image_size: int | None = None

    def check(self, precision: str) -> None:
        """Raise InvalidRequestError if this does not go together."""
        if sum(each is not None for each in (self.model, self.dim, self.images)) > 1:
            raise InvalidRequestError(
                "a collection has either a model of texts, or a model of images, or a dim for vectors that are brought "
                "along"
            )
        if self.dim is not None and precision != "auto":
            raise InvalidRequestError(
                f"the precision is {precision!r:.80}, and vectors that are brought along have none"
            )
        if self.images is None:
            if self.image_size is not None:
                raise InvalidRequestError(f"image_size is {self.image_size!r:.80}, and no model of images is said")
            return
        own = None if isinstance(self.images, str) else self.images.size
        if own is not None and (precision != "auto" or self.image_size not in (None, own)):
            raise InvalidRequestError("the model is an ImageEmbedder, which has its own size and precision")

    @property
    def size(self) -> int:
        """Of images."""
        if self.images is not None and not isinstance(self.images, str):
            return self.images.size
        return DEFAULT_SIZE if self.image_size is None else self.image_size


def new_model(root: Path, chosen: Choice, device: str, precision: str) -> tuple[CollectionSpec, Pinned]:
    """What the collection at `root` is to be, as far as its model says, with the model.

    Raises:
        InvalidRequestError: the model's name is empty, or there is no such precision, or no such size.
        ModelError, MissingDependencyError: the model cannot be had.
    """
    if chosen.dim is not None:
        return CollectionSpec(check_dim(chosen.dim)), PinnedEmbedder(root, None, None, device)
    if chosen.images is not None:
        return _new_of_images(root, chosen.images, chosen.size, device, precision)
    model = DEFAULT_MODEL if chosen.model is None else chosen.model
    loaded = load_embedder(model, device, precision)
    spec = CollectionSpec(loaded.dim, loaded.name, loaded.fingerprint, precision, loaded.max_tokens)
    return spec, PinnedEmbedder(root, spec.fingerprint, model, device, precision=precision, loaded=loaded)


def _new_of_images(
    root: Path, images: str | ImageEmbedder, size: int, device: str, precision: str
) -> tuple[CollectionSpec, Pinned]:
    if not images:
        raise InvalidRequestError("the name of the model of images is empty; give one")
    loaded = images
    if isinstance(loaded, str):
        loaded = load_image_embedder(loaded, size=size, device=device, precision=precision)
    spec = CollectionSpec(loaded.dim, loaded.name, loaded.fingerprint, precision, image_size=size)
    pinned = PinnedImageEmbedder(root, loaded.fingerprint, size, images, device, precision=precision, loaded=loaded)
    return spec, pinned


def pinned_model(store: DocumentStore, model: str | Embedder | ImageEmbedder | None, device: str) -> Pinned:
    """The model of a collection that exists, from where it is said to be, or else under the name that it had.

    Raises:
        EmbedderMismatchError: the collection has no model, or the one at hand is another.
    """
    root, spec = store.root, store.spec
    if spec.model is None and model is not None:
        raise EmbedderMismatchError(f"{root} has no model: its documents and queries bring their own vectors")
    needs, kind = ("embed_documents", "texts") if spec.image_size is None else ("embed_images", "images")
    if model is not None and not isinstance(model, str) and not hasattr(model, needs):
        raise EmbedderMismatchError(f"{root} is a collection of {kind}, and {model.name} is no model of these")
    chosen, precision = spec.model if model is None else model, spec.precision or "auto"
    if spec.image_size is None:
        texts = cast("str | Embedder | None", chosen)
        return PinnedEmbedder(root, spec.fingerprint, texts, device, precision=precision)
    images = cast("str | ImageEmbedder", chosen)
    return PinnedImageEmbedder(root, str(spec.fingerprint), spec.image_size, images, device, precision=precision)
