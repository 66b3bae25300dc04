"""Text models of the sentence-transformers library as an Embedder.

How a model is found, checked and identified is in `model_folder`, and how it answers without torch in `onnx`.
"""

import copy
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import numpy as np

from semsearch.embedders.batching import Batches, Rows
from semsearch.embedders.devices import FLOATS, every_device
from semsearch.embedders.library_model import (
    Features,
    dim_of,
    facts_beside,
    first_prompt,
    load_narrow,
    max_tokens_of,
    pooling_of,
    text_tokens,
)
from semsearch.embedders.model_folder import find_model, fingerprint
from semsearch.errors import InvalidRequestError
from semsearch.machine import choose_device, torch_shared, torch_threads
from semsearch.types import Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

P = ParamSpec("P")
R = TypeVar("R")

_DOCUMENT_PROMPTS = ("document", "passage", "corpus")
# Tokens in a batch, padding included. One core of an EPYC with all-MiniLM-L6-v2, tokens/s: 5,290 at 512, 5,500 at
# 1,024, 5,590 at 2,048, 5,410 at 4,096, 5,090 at 8,192.
_TOKENS_A_CORE, _TOKENS_AT_MOST, _TOKENS_A_GPU = 2_048, 16_384, 65_536
_THREADS_AT_MOST = 8  # that run a model on the CPU beside each other; more would wait for Python


@dataclass(frozen=True, slots=True)
class _Role:
    """What texts are embedded as.

    Attributes:
        prompt: what is put before them, "" if nothing.
        task: what the library calls the role.
        facts: what the library puts beside the arrays of tokens; `None` where it makes other arrays than we do.
    """

    prompt: str
    task: str
    facts: Mapping[str, object] | None


class SentenceTransformerEmbedder:
    """A sentence-transformers model: cosine-ready float32 vectors on the device of your choice.

    It may be shared between threads, and a query does not wait for the documents that are being embedded. The
    transformer computes in the precision that is asked for, pooling and what follows it in float32.

    Args:
        name: see `semsearch.embedders.model_folder.find_model`.
        device: `cuda` (all of them), `cuda:1` (this one), `mps` or `cpu`; `auto` takes the first that is there.
        precision: `float32`, `bfloat16` or `float16`; `auto` takes the narrowest that is safe and native on the
            device. Their vectors agree to 4 digits.

    Attributes:
        folder: where the model is.
        tokens: what makes arrays of texts for it.

    Raises:
        InvalidRequestError: there is no such precision.
        MissingDependencyError: the package with the default model is not installed.
        ModelError: the model cannot be found, verified or loaded, the device is not there, or the model does not
            compute in this precision.
    """

    def __init__(self, name: str, *, device: str = "auto", precision: str = "auto") -> None:
        if precision not in ("auto", *FLOATS):
            kinds = ", ".join(FLOATS)
            raise InvalidRequestError(f"the precision is {precision!r:.80}; torch computes in one of auto, {kinds}")
        self.folder = find_model(name)
        self._name = name
        self._device = choose_device(device)
        devices = every_device(self._device)
        self._model, self._precision = load_narrow(name, self.folder, devices[0], precision=precision)
        self._max_tokens = max_tokens_of(name, self._model)
        self._dim = dim_of(name, self._model)
        # How much to cut and to pad is state of the one tokenizer; the forward pass has none, and takes the time.
        self._model.preprocess = _one_at_a_time(self._model.preprocess)  # type: ignore[method-assign]
        self.tokens = text_tokens(name, self._model, self._max_tokens)
        self._document = self._role("document", _DOCUMENT_PROMPTS)
        self._query = self._role("query", ("query",))
        self._fingerprint = fingerprint(self.folder, self._behaviour())
        on_cpu = self._device == "cpu"
        self._copies = [self._model] * _threads() if on_cpu else _copies(self._model, devices)
        self._batches = Batches(_budget(), torch_shared) if on_cpu else Batches(_TOKENS_A_GPU)

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
        """Where the model runs: `cuda`, `cuda:<number>`, `mps` or `cpu`."""
        return self._device

    @property
    def precision(self) -> str:
        """What its transformer computes in: `float32`, `bfloat16` or `float16`."""
        return self._precision

    @property
    def prompts(self) -> tuple[str, str]:
        """What is put before documents, and before queries."""
        return self._document.prompt, self._query.prompt

    @property
    def parameters(self) -> int:
        """The numbers that the model consists of."""
        return sum(each.numel() for each in self._model.parameters())

    @property
    def reads_plain_tokens(self) -> bool:
        """Whether its vectors depend on nothing but the arrays that `tokens` makes, and not on a text's role."""
        from sentence_transformers.base.modules import Transformer

        plain = self._document.facts is not None and self._query.facts is not None
        pooled = pooling_of(self._name, self._model).include_prompt
        return plain and pooled and isinstance(self._model[0], Transformer)

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Embed texts to be found, with the model's document prompt: (n,) to (n, dim).

        The more texts, the better: they are sorted by length, so that the batches waste little.
        """
        return self._embed(texts, self._document)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """Embed texts to search with, with the model's query prompt: (n,) to (n, dim)."""
        return self._embed(texts, self._query)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text as a document, uncut: with the special tokens and those of the document prompt."""
        return self.tokens.count([self._document.prompt + text for text in texts])

    def _embed(self, texts: Sequence[str], role: _Role) -> Vectors:
        if not texts:
            return np.empty((0, self._dim), np.float32)
        lengths, features = self._tokenized(texts, role)
        embeds = [partial(self._forward, model, role.task, features) for model in self._copies]
        return self._batches.embed(lengths, embeds, self._dim)

    def _tokenized(self, texts: Sequence[str], role: _Role) -> tuple[list[int], Callable[[Rows], Features]]:
        """The texts' lengths in tokens, and a function from their numbers to what the model reads of them."""
        import torch

        prompted = [role.prompt + text for text in texts]
        if role.facts is None:
            chosen = partial(self._model.preprocess, prompt=role.prompt or None, task=role.task)
            lengths = [min(count, self._max_tokens) for count in self.tokens.count(prompted)]
            return lengths, lambda rows: chosen([texts[row] for row in rows])
        ids, facts = self.tokens.read(prompted), role.facts

        def features(rows: Rows) -> Features:
            arrays = self.tokens.padded([ids[row] for row in rows])
            return {**{name: torch.from_numpy(array) for name, array in arrays.items()}, **facts}

        return list(map(len, ids)), features

    def _forward(
        self, model: "SentenceTransformer", task: str, features: Callable[[Rows], Features], rows: Rows
    ) -> Vectors:
        import torch

        with torch.inference_mode():
            made = features(rows)
            moved = {name: each.to(model.device) if torch.is_tensor(each) else each for name, each in made.items()}
            vectors = model(moved, task=task)["sentence_embedding"].float()  # (rows, dim)
            normalised: Vectors = torch.nn.functional.normalize(vectors, p=2, dim=1).cpu().numpy()
        return normalised

    def _role(self, task: str, prompts: Sequence[str]) -> _Role:
        prompt = first_prompt(self._model.prompts, prompts)
        return _Role(prompt, task, facts_beside(self._model, self.tokens, prompt, task))

    def _behaviour(self) -> dict[str, object]:
        """What decides the vectors beside weights and tokenizer, as the library reads it from whatever format."""
        from sentence_transformers.sentence_transformer.modules import Normalize

        pooling = pooling_of(self._name, self._model)
        modes = pooling.pooling_mode
        return {
            "pooling": [modes] if isinstance(modes, str) else list(modes),
            "prompt_pooled": pooling.include_prompt,
            "normalised": any(isinstance(module, Normalize) for module in self._model),
            "prompts": {"document": self._document.prompt, "query": self._query.prompt},
            "max_tokens": self._max_tokens,
            "dim": self._dim,
        }


def _copies(model: "SentenceTransformer", devices: Sequence[str]) -> "list[SentenceTransformer]":
    return [model, *(copy.deepcopy(model).to(device) for device in devices[1:])]


def _threads() -> int:
    """Batches that are computed beside each other on the CPU, with the same weights."""
    return min(torch_threads(), _THREADS_AT_MOST)


def _budget() -> int:
    """Tokens in a batch on the CPU."""
    return min(_TOKENS_A_CORE * torch_threads() // _threads(), _TOKENS_AT_MOST)


def _one_at_a_time(function: Callable[P, R]) -> Callable[P, R]:
    """The same function, which threads now enter one after the other."""
    lock = threading.Lock()

    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with lock:
            return function(*args, **kwargs)

    return run
