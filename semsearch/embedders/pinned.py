"""The model of a collection: loaded when a text first has to be embedded, and refused if it is another one."""

import logging
import threading
from pathlib import Path

from semsearch.embedders.devices import INT8, check_precision, may_have_gpu
from semsearch.embedders.onnx import OnnxEmbedder, open_export
from semsearch.embedders.protocol import Embedder
from semsearch.embedders.sentence_transformer import SentenceTransformerEmbedder
from semsearch.errors import EmbedderMismatchError, InvalidRequestError, ModelError

logger = logging.getLogger(__name__)


class PinnedEmbedder:
    """The model that made the vectors of the collection at `root`, by its fingerprint.

    Args:
        root: the collection, for messages.
        fingerprint: what the model has to have, `None` for a collection without a model.
        model: a name to load, or an Embedder at hand.
        device: where a model that is loaded by name is to run.
        precision: and what it is to compute in.
        loaded: the model of that name, if it is at hand.

    Raises:
        EmbedderMismatchError: the Embedder at hand is another one.
    """

    def __init__(
        self,
        root: Path,
        fingerprint: str | None,
        model: str | Embedder | None,
        device: str,
        *,
        precision: str = "auto",
        loaded: Embedder | None = None,
    ) -> None:
        self._root, self._fingerprint, self._device, self._precision = root, fingerprint, device, precision
        self._lock = threading.Lock()
        self._name = model if isinstance(model, str) else ""
        at_hand = loaded if model is None or isinstance(model, str) else model
        self._embedder = None if at_hand is None else self._checked(at_hand)
        self._exported: OnnxEmbedder | None = None
        self._sought = False  # the export; a damaged one takes as long to refuse as a good one to open
        self._is_kept = False  # the export, when last seen; looking takes a fifth of a second

    @property
    def device(self) -> str | None:
        """Where the model runs, and until it is loaded, what was asked for; None if an Embedder does not tell."""
        present = self._exported if self._embedder is None else self._embedder
        if present is None:
            return self._device
        device = getattr(present, "device", None)
        return None if device is None else str(device)

    def get(self) -> Embedder:
        """The model for documents; it is loaded by the first call.

        Raises:
            InvalidRequestError: the collection has no model.
            EmbedderMismatchError: what has the name now is another model.
            ModelError, MissingDependencyError: the model cannot be had.
        """
        self._check_there_is_one()
        with self._lock:
            return self._loaded()

    def for_queries(self) -> Embedder:
        """The model for queries: on the CPU what was exported of it, which needs no torch; otherwise that of `get`.

        Raises: as `get`.
        """
        self._check_there_is_one()
        with self._lock:
            exported = self._export_found() if self._answers_on_cpu() else None
            return exported or self._loaded()

    def export(self) -> None:
        """Have queries on the CPU need no torch from now on, if documents were embedded; what prevents it is logged."""
        embedder = self._embedder
        if self._is_kept or self._exported or not isinstance(embedder, SentenceTransformerEmbedder):
            return
        if not self._answers_on_cpu():
            return
        from semsearch.embedders.export import export_for_queries

        try:
            export_for_queries(embedder)
            self._sought, self._is_kept = False, True
        except OSError as error:
            logger.warning("queries are embedded by torch, since what was exported cannot be kept: %s", error)

    def _check_there_is_one(self) -> None:
        if self._fingerprint is None:
            raise InvalidRequestError(
                f"{self._root} has no model to embed a text with; it was made for images, or for vectors that are "
                "brought along: pass one of these"
            )

    def _loaded(self) -> Embedder:
        if self._embedder is None:
            small = self._export_found() if self._precision == INT8 else None
            self._embedder = small or self._checked(load_embedder(self._name, self._device, self._precision))
        return self._embedder

    def _export_found(self) -> OnnxEmbedder | None:
        if not self._sought:
            self._exported, self._sought = open_export(str(self._fingerprint)), True
            self._is_kept = self._exported is not None
        return self._exported

    def _answers_on_cpu(self) -> bool:
        """Whether queries of this model, which has a name, run on the CPU; finding out does not load torch."""
        if not self._name:
            return False
        if self._device != "auto":
            return self._device == "cpu"
        if isinstance(self._embedder, SentenceTransformerEmbedder):
            return not self._embedder.device.startswith("cuda")
        return not may_have_gpu()

    def _checked(self, embedder: Embedder) -> Embedder:
        if embedder.fingerprint != self._fingerprint:
            raise EmbedderMismatchError(
                f"the vectors of {self._root} were made by a model with the fingerprint {self._fingerprint!s:.12}, and "
                f"{embedder.name} has {embedder.fingerprint:.12}: vectors of different models cannot be compared; open "
                "it with the model that made it, or make a new collection"
            )
        return embedder


def load_embedder(model: str | Embedder, device: str = "auto", precision: str = "auto") -> Embedder:
    """An Embedder from a sentence-transformers name or folder; an Embedder is given back as it is.

    Raises:
        InvalidRequestError: the name is empty, there is no such precision, or one is said of an Embedder.
        ModelError, MissingDependencyError: the model cannot be had, or not in this precision on this device.
    """
    check_precision(precision)
    if not isinstance(model, str):
        if precision != "auto":
            raise InvalidRequestError(f"the precision is {precision}, and the model is an Embedder, which has its own")
        return model
    if not model:
        raise InvalidRequestError("the model's name is empty; give one, or leave it out for the default")
    if precision != INT8:
        return SentenceTransformerEmbedder(model, device=device, precision=precision)
    if device not in ("auto", "cpu"):
        raise ModelError(f"a model in {INT8} runs on the CPU only, and the device is {device!r}: take cpu, or auto")
    from semsearch.embedders.export import quantised

    return quantised(SentenceTransformerEmbedder(model, device="cpu"))
