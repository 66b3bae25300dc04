"""An exported model as an Embedder, by ONNX Runtime on the CPU: neither torch nor sentence_transformers is loaded.

Where exported models are kept is in `exports`, and how they are made in `export`.
"""

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from semsearch.embedders.batching import Batches, Rows
from semsearch.embedders.exports import Export, find_export
from semsearch.embedders.tokens import TextTokens, TokenIds
from semsearch.machine import cores
from semsearch.types import Vectors

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

logger = logging.getLogger(__name__)

_TOKENS_A_BATCH = 2_048  # padding included


class OnnxEmbedder:
    """An exported model: vectors of length one, float32, as the model gives them that it was made from.

    It may be shared between threads.
    """

    device = "cpu"

    def __init__(self, export: Export) -> None:
        self._facts = export.facts
        self._tokens = TextTokens(export.tokenizer, export.facts.shape)
        self._session = _session(export.model)
        self._names = {each.name for each in self._session.get_inputs()}  # of the arrays that it looks at
        self._batches = Batches(_TOKENS_A_BATCH)

    @property
    def name(self) -> str:
        return self._facts.name

    @property
    def fingerprint(self) -> str:
        return self._facts.fingerprint

    @property
    def dim(self) -> int:
        return self._facts.dim

    @property
    def max_tokens(self) -> int:
        return self._facts.shape.max_tokens

    @property
    def precision(self) -> str:
        """What it computes in: `float32` or `int8`."""
        return self._facts.precision

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Embed texts to be found, with the model's document prompt: (n,) to (n, dim)."""
        return self._embed(texts, self._facts.prompts[0])

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """Embed texts to search with, with the model's query prompt: (n,) to (n, dim)."""
        return self._embed(texts, self._facts.prompts[1])

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text as a document, uncut: with the special tokens and those of the document prompt."""
        return self._tokens.count([self._facts.prompts[0] + text for text in texts])

    def _embed(self, texts: Sequence[str], prompt: str) -> Vectors:
        ids = self._tokens.read([prompt + text for text in texts])
        return self._batches.embed(list(map(len, ids)), [partial(self._run, ids)], self.dim)

    def _run(self, ids: Sequence[TokenIds], rows: Rows) -> Vectors:
        arrays = self._tokens.padded([ids[row] for row in rows])
        (vectors,) = self._session.run(None, {name: arrays[name] for name in self._names})
        return np.asarray(vectors, np.float32)  # (rows, dim)


def open_export(fingerprint: str) -> OnnxEmbedder | None:
    """The exported model with this fingerprint; `None` if there is none, or none that can be used, which is logged."""
    export = find_export(fingerprint)
    if export is None:
        return None
    try:
        return OnnxEmbedder(export)
    except Exception as error:  # what another version of ONNX Runtime wrote; its errors have no base of their own
        logger.warning("%s is not used: %s; when documents are added, it is made anew", export.model, error)
        return None


def save_optimised(graph: bytes, path: Path) -> None:
    """Write a graph of ONNX as a file for an `Export`, optimised in ways that are good on every processor."""
    from onnxruntime import GraphOptimizationLevel, InferenceSession, SessionOptions

    options = SessionOptions()
    options.graph_optimization_level = GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.add_session_config_entry("session.save_model_format", "ORT")
    options.optimized_model_filepath = str(path)
    InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _session(model: Path) -> "InferenceSession":
    from onnxruntime import GraphOptimizationLevel, InferenceSession, SessionOptions

    options = SessionOptions()
    options.graph_optimization_level = GraphOptimizationLevel.ORT_DISABLE_ALL  # it is optimised
    options.intra_op_num_threads = cores()
    options.inter_op_num_threads = 1
    # Mapped, it is there in half of the time that reading takes. Its weights are still copied, into the order in which
    # they are multiplied: that costs 70 ms once, and saves a tenth of every query.
    options.add_session_config_entry("session.use_memory_mapped_ort_model", "1")
    # Its threads wait busily for the next piece of work, which must not go on when FAISS has its turn
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return InferenceSession(model, options, providers=["CPUExecutionProvider"])
