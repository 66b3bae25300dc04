"""The model of a collection: loaded when a text first has to be embedded, and refused if it is another one."""

import threading
from pathlib import Path

from semsearch.embedders.protocol import Embedder
from semsearch.errors import EmbedderMismatchError, InvalidRequestError


class PinnedEmbedder:
    """The model that made the vectors of the collection at `root`, by its fingerprint.

    Args:
        root: the collection, for messages.
        fingerprint: what the model has to have, `None` for a collection without a model.
        model: a name to load, or an Embedder at hand.
        device: where a model that is loaded by name is to run.

    Raises:
        EmbedderMismatchError: the Embedder at hand is another one.
    """

    def __init__(self, root: Path, fingerprint: str | None, model: str | Embedder | None, device: str) -> None:
        self._root, self._fingerprint, self._device = root, fingerprint, device
        self._lock = threading.Lock()
        self._name = model if isinstance(model, str) else ""
        self._embedder = None if model is None or isinstance(model, str) else self._checked(model)

    @property
    def device(self) -> str | None:
        """Where the model runs, and until it is loaded, what was asked for; None if an Embedder does not tell."""
        if self._embedder is None:
            return self._device
        device = getattr(self._embedder, "device", None)
        return None if device is None else str(device)

    def get(self) -> Embedder:
        """The model; it is loaded by the first call.

        Raises:
            InvalidRequestError: the collection has no model.
            EmbedderMismatchError: what has the name now is another model.
            ModelError, MissingDependencyError: the model cannot be had.
        """
        if self._fingerprint is None:
            raise InvalidRequestError(
                f"{self._root} has no model to embed a text with; it was made for vectors that are brought along: "
                "pass a vector"
            )
        with self._lock:
            if self._embedder is None:
                self._embedder = self._checked(load_embedder(self._name, self._device))
            return self._embedder

    def _checked(self, embedder: Embedder) -> Embedder:
        if embedder.fingerprint != self._fingerprint:
            raise EmbedderMismatchError(
                f"the vectors of {self._root} were made by a model with the fingerprint {self._fingerprint!s:.12}, and "
                f"{embedder.name} has {embedder.fingerprint:.12}: vectors of different models cannot be compared; open "
                "it with the model that made it, or make a new collection"
            )
        return embedder


def load_embedder(model: str | Embedder, device: str = "auto") -> Embedder:
    """An Embedder from a sentence-transformers name or folder; an Embedder is given back as it is.

    Raises:
        InvalidRequestError: the name is empty.
        ModelError, MissingDependencyError: the model cannot be had.
    """
    if not isinstance(model, str):
        return model
    if not model:
        raise InvalidRequestError("the model's name is empty; give one, or leave it out for the default")
    from semsearch.embedders.sentence_transformer import SentenceTransformerEmbedder

    return SentenceTransformerEmbedder(model, device=device)
