"""Cross-encoders of the sentence-transformers library as a Reranker, loaded when one is first asked.

How a model is found and checked is in `model_folder`; which candidates it is given is not said here.
"""

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import numpy as np

from semsearch.embedders.library_model import use_cores, without_progress_bars
from semsearch.embedders.model_folder import find_model
from semsearch.embedders.protocol import Reranker
from semsearch.errors import InvalidRequestError, ModelError
from semsearch.machine import choose_device
from semsearch.types import Relevance

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

_ORGANIZATION = "cross-encoder"  # of hub names without one
_CLASSIFIER = "ForSequenceClassification"  # with an output that was trained
_BATCH = 32  # pairs, which the library sorts by length


class CrossEncoderReranker:
    """A cross-encoder with one output, in float32: a narrower type has too few numbers to tell good texts apart.

    Threads may share an instance, and take turns.

    Args:
        name: a folder, or an id of the Hugging Face hub, see `semsearch.embedders.model_folder.find_model`.
        device: `cuda`, `cuda:1`, `mps` or `cpu`; `auto` takes the first that is there.

    Raises:
        ModelError: the model cannot be found, verified or loaded, is no cross-encoder with one output, or the device
            is not there.
    """

    def __init__(self, name: str, *, device: str = "auto") -> None:
        folder = find_model(name, _ORGANIZATION)
        _check_is_cross_encoder(name, folder)
        self._name, self._device = name, choose_device(device)
        self._model = _loaded(name, folder, self._device)
        self._lock = threading.Lock()  # how much to cut and to pad is state of the tokenizer

    @property
    def name(self) -> str:
        return self._name

    @property
    def device(self) -> str:
        """Where the model runs."""
        return self._device

    def score(self, query: str, texts: Sequence[str]) -> Relevance:
        """The sigmoid of the model's output for the query with each text: (n,), in [0, 1].

        Of a pair that is longer than the model reads, it reads the beginning.

        Raises:
            ModelError: what comes out are no numbers.
        """
        from torch.nn import Identity

        if not texts:
            return np.empty(0)
        pairs = [(query, text) for text in texts]
        with self._lock:
            logits = self._model.predict(pairs, batch_size=_BATCH, activation_fn=Identity(), show_progress_bar=False)
        if not np.isfinite(logits).all():
            raise ModelError(f"the reranker {self._name!r} gives no numbers for some texts: take another model")
        relevance: Relevance = np.exp(-np.logaddexp(0.0, -logits.astype(np.float64)))
        return relevance


class ChosenReranker:
    """What an operator named as the reranker, loaded by the first call of `get`; collections share what is loaded.

    Args:
        reranker: a name to load, a Reranker at hand, or `None` where none was named.
        device: where one that is loaded is to run.
    """

    def __init__(self, reranker: str | Reranker | None, device: str = "auto") -> None:
        self._reranker, self._device = reranker, device

    def get(self) -> Reranker:
        """The reranker; raises InvalidRequestError if none was named, and what CrossEncoderReranker does."""
        if not self._reranker:
            raise InvalidRequestError(
                "no reranker is named, which the operator does: SEMSEARCH_RERANKER, --reranker or "
                "Collection.open(..., reranker=...), with the folder or the name of a cross-encoder like "
                "ms-marco-MiniLM-L6-v2"
            )
        if isinstance(self._reranker, str):
            self._reranker = _shared(self._reranker, self._device)
        return self._reranker


_loaded_ones: WeakValueDictionary[tuple[str, str], CrossEncoderReranker] = WeakValueDictionary()
_loading = threading.Lock()


def _shared(name: str, device: str) -> CrossEncoderReranker:
    """The one of this name on this device, as long as somebody has it."""
    with _loading:
        found = _loaded_ones.get((name, device))
        if found is None:
            found = _loaded_ones[name, device] = CrossEncoderReranker(name, device=device)
        return found


def _check_is_cross_encoder(name: str, folder: Path) -> None:
    """Refuse what the library would make a cross-encoder of by adding an output of random weights."""
    architectures = _read(folder / "config.json").get("architectures")
    classifies = isinstance(architectures, list) and any(str(each).endswith(_CLASSIFIER) for each in architectures)
    if not classifies and _read(folder / "config_sentence_transformers.json").get("model_type") != "CrossEncoder":
        raise ModelError(f"the model {name!r} in {folder} is no cross-encoder: take one that was trained to rerank")


def _read(file: Path) -> dict[str, object]:
    """A JSON object; an empty one where there is none."""
    try:
        value = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _loaded(name: str, folder: Path, device: str) -> "CrossEncoder":
    from sentence_transformers import CrossEncoder

    use_cores()
    try:
        with without_progress_bars():
            model: CrossEncoder = CrossEncoder(
                str(folder),
                device=device,
                trust_remote_code=False,
                local_files_only=True,
                model_kwargs={"use_safetensors": True, "dtype": "float32"},
            )
    except Exception as error:  # a damaged folder fails in as many ways as the library has readers
        raise ModelError(
            f"the reranker {name!r} in {folder} cannot be loaded ({type(error).__name__}: {error}): "
            "get the folder anew, or take another model"
        ) from error
    if model.num_labels != 1:
        raise ModelError(
            f"the model {name!r} has {model.num_labels} outputs, and a reranker has one: take another model"
        )
    return model
