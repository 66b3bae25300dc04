"""Text models of the sentence-transformers library as an Embedder.

How a model is found, checked and identified is in `model_folder`.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

from semsearch.embedders.model_folder import find_model, fingerprint
from semsearch.errors import ModelError
from semsearch.types import Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling
    from tokenizers import Tokenizer

P = ParamSpec("P")
R = TypeVar("R")

_MAX_TOKENS = 10_000_000  # transformers writes 10**30 where a model has no limit
_DOCUMENT_PROMPTS = ("document", "passage", "corpus")


class SentenceTransformerEmbedder:
    """A sentence-transformers model: cosine-ready float32 vectors on the device of your choice.

    It may be shared between threads, and a query does not wait for the documents that are being embedded. Vectors
    are computed in float32, whatever the precision of the weights' file is.

    Args:
        name: see `semsearch.embedders.model_folder.find_model`.
        device: `cuda`, `mps` or `cpu`; `auto` takes the first of them that is there.

    Raises:
        MissingDependencyError: the package with the default model is not installed.
        ModelError: the model cannot be found, verified or loaded, or the device is not there.
    """

    def __init__(self, name: str, *, device: str = "auto") -> None:
        folder = find_model(name)
        self._name = name
        self._device = _choose_device(device)
        self._model = _load(name, folder, self._device)
        # How much to cut and to pad is state of the one tokenizer; the forward pass has none, and takes the time.
        self._model.preprocess = _one_at_a_time(self._model.preprocess)  # type: ignore[method-assign]
        self._document_prompt = _prompt(self._model.prompts, _DOCUMENT_PROMPTS)
        self._query_prompt = _prompt(self._model.prompts, ("query",))
        self._tokenizer = _counting_tokenizer(name, self._model)
        self._max_tokens = _max_tokens(name, self._model)
        self._dim = _dim(name, self._model)
        self._fingerprint = fingerprint(folder, self._behaviour())

    @property
    def name(self) -> str:
        return self._name

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    @property
    def dim(self) -> int:
        return self._dim

    @property
    def max_tokens(self) -> int:
        return self._max_tokens

    @property
    def device(self) -> str:
        """Where the model runs: `cuda`, `mps` or `cpu`."""
        return self._device

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Embed texts to be found, with the model's document prompt: (n,) to (n, dim)."""
        return self._embed(self._model.encode_document, texts, self._document_prompt)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """Embed texts to search with, with the model's query prompt: (n,) to (n, dim)."""
        return self._embed(self._model.encode_query, texts, self._query_prompt)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text as a document, uncut: with the special tokens and those of the document prompt."""
        encodings = self._tokenizer.encode_batch_fast([self._document_prompt + text for text in texts])
        return [len(encoding) for encoding in encodings]

    def _embed(self, encode: Callable[..., Any], texts: Sequence[str], prompt: str) -> Vectors:
        if not texts:
            return np.empty((0, self._dim), np.float32)
        vectors = encode(list(texts), prompt=prompt, normalize_embeddings=True, show_progress_bar=False)
        return np.ascontiguousarray(vectors, dtype=np.float32)  # (n, dim)

    def _behaviour(self) -> dict[str, object]:
        """What decides the vectors beside weights and tokenizer, as the library reads it from whatever format."""
        from sentence_transformers.sentence_transformer.modules import Normalize

        pooling = _pooling(self._name, self._model)
        modes = pooling.pooling_mode
        return {
            "pooling": [modes] if isinstance(modes, str) else list(modes),
            "prompt_pooled": pooling.include_prompt,
            "normalised": any(isinstance(module, Normalize) for module in self._model),
            "prompts": {"document": self._document_prompt, "query": self._query_prompt},
            "max_tokens": self._max_tokens,
            "dim": self._dim,
        }


def _choose_device(device: str) -> str:
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    available = [name for name, is_there in there.items() if is_there]
    if device == "auto":
        return available[0]
    if device not in available:
        raise ModelError(
            f"the device {device!r} is not available here: take {', '.join(available)}, or auto for the first of these"
        )
    return device


def _load(name: str, folder: Path, device: str) -> "SentenceTransformer":
    from sentence_transformers import SentenceTransformer

    try:
        with _without_progress_bars():
            return SentenceTransformer(
                str(folder),
                device=device,
                trust_remote_code=False,
                local_files_only=True,
                model_kwargs={"use_safetensors": True, "dtype": "float32"},
            )
    except Exception as error:  # a damaged folder fails in as many ways as the library has readers
        raise ModelError(
            f"the model {name!r} in {folder} cannot be loaded ({type(error).__name__}: {error}): "
            "get the folder anew, or take another model"
        ) from error


@contextlib.contextmanager
def _without_progress_bars() -> Iterator[None]:
    """Keep the library from drawing its progress through the weights on stderr; its messages are left alone."""
    from transformers.utils import logging

    enabled = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if enabled:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _one_at_a_time(function: Callable[P, R]) -> Callable[P, R]:
    """The same function, which threads now enter one after the other."""
    lock = threading.Lock()

    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with lock:
            return function(*args, **kwargs)

    return run


def _prompt(prompts: Mapping[str, str | None], names: Sequence[str]) -> str:
    """The first of the named prompts that has text.

    The library's own choice is the first that is there, and it puts an empty `document` into every model that
    has none, so that it never comes to `passage`.
    """
    return next((text for name in names if (text := prompts.get(name))), "")


def _counting_tokenizer(name: str, model: "SentenceTransformer") -> "Tokenizer":
    """A copy of the model's own tokenizer that neither cuts nor pads."""
    from tokenizers import Tokenizer

    backend = getattr(model.tokenizer, "backend_tokenizer", None)
    if backend is None or "message" in model.modalities:
        raise ModelError(
            f"the tokens of the model {name!r} cannot be counted: it does not read plain text through a tokenizer "
            "of the tokenizers library: take another model"
        )
    tokenizer = Tokenizer.from_str(backend.to_str())
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _max_tokens(name: str, model: "SentenceTransformer") -> int:
    limit = model.max_seq_length
    if limit is None or not 0 < limit <= _MAX_TOKENS:
        raise ModelError(
            f"the model {name!r} does not say how many tokens it reads (max_seq_length is {limit}): "
            "write max_seq_length into a copy's sentence_bert_config.json, or take another model"
        )
    return int(limit)


def _dim(name: str, model: "SentenceTransformer") -> int:
    dim = model.get_embedding_dimension()
    if dim is None:
        raise ModelError(f"the model {name!r} does not say how long its vectors are: take another model")
    return dim


def _pooling(name: str, model: "SentenceTransformer") -> "Pooling":
    from sentence_transformers.sentence_transformer.modules import Pooling

    found: list[Pooling] = [module for module in model if isinstance(module, Pooling)]
    if len(found) != 1:
        modules = ", ".join(type(module).__name__ for module in model)
        raise ModelError(
            f"the model {name!r} has {len(found)} Pooling modules where one is needed "
            f"(its modules are {modules}): take another model"
        )
    return found[0]
