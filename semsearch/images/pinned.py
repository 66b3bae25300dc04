"""The model of a collection of images: loaded when one first has to be encoded, and refused if it is another one."""

import threading
from pathlib import Path

from semsearch.errors import EmbedderMismatchError
from semsearch.images.embedder import load_image_embedder
from semsearch.images.protocol import ImageEmbedder


class PinnedImageEmbedder:
    """The model that made the vectors of the collection at `root`, by its fingerprint.

    Args:
        root: the collection, for messages.
        fingerprint: what the model has to have.
        size: side of the squares that it makes vectors of.
        model: a name to load, or an ImageEmbedder at hand.
        device: where a model that is loaded by name is to run.
        precision: and what it is to compute in.

    Raises:
        EmbedderMismatchError: the ImageEmbedder at hand is another one.
    """

    def __init__(
        self,
        root: Path,
        fingerprint: str,
        size: int,
        model: str | ImageEmbedder,
        device: str,
        *,
        precision: str = "auto",
        loaded: ImageEmbedder | None = None,
    ) -> None:
        self._root, self._fingerprint, self.size = root, fingerprint, size
        self._device, self._precision = device, precision
        self._lock = threading.Lock()
        self._name = model if isinstance(model, str) else ""
        at_hand = loaded if isinstance(model, str) else model
        self._embedder = None if at_hand is None else self._checked(at_hand)

    @property
    def device(self) -> str:
        """Where the model runs, and until it is loaded, what was asked for."""
        return self._device if self._embedder is None else self._embedder.device

    def get(self) -> ImageEmbedder:
        """The model; it is loaded by the first call.

        Raises:
            EmbedderMismatchError: what has the name now is another model.
            ModelError, MissingDependencyError: the model cannot be had.
        """
        with self._lock:
            if self._embedder is None:
                self._embedder = self._checked(
                    load_image_embedder(self._name, size=self.size, device=self._device, precision=self._precision)
                )
            return self._embedder

    def _checked(self, embedder: ImageEmbedder) -> ImageEmbedder:
        if embedder.fingerprint != self._fingerprint:
            raise EmbedderMismatchError(
                f"the vectors of {self._root} were made by a model with the fingerprint {self._fingerprint:.12}, and "
                f"{embedder.name} at {embedder.size} x {embedder.size} has {embedder.fingerprint:.12}: vectors of "
                "different models cannot be compared; open it with the model that made it, or make a new collection"
            )
        return embedder
