"""A model of sentence-transformers made into a graph of ONNX, so that queries on the CPU need no torch; and into int8.

The graph goes from arrays of tokens to normalised vectors. It is traced from texts of two lengths, and kept only if
it gives the library's own vectors for other texts, alone and in batches. Where exports are kept is in `exports`.
"""

import contextlib
import hashlib
import io
import logging
import tempfile
import threading
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from semsearch import __version__
from semsearch.embedders.devices import INT8
from semsearch.embedders.exports import Export, Facts, publish_export, publish_refusal, was_refused
from semsearch.embedders.fusing import fused
from semsearch.embedders.library_model import load_model
from semsearch.embedders.onnx import OnnxEmbedder, open_export, save_optimised
from semsearch.embedders.sentence_transformer import SentenceTransformerEmbedder
from semsearch.embedders.tokens import Arrays
from semsearch.errors import ModelError
from semsearch.types import Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

logger = logging.getLogger(__name__)

# Of an exported vector and the library's; in int8, all-MiniLM-L6-v2 has .969 on the texts below, and .990 on abstracts
_LEAST_COSINES = {"float32": 0.9999, INT8: 0.9}
_OPSET = 17
_exporting = threading.Lock()  # torch's exporter keeps its state in the process
_MOST_BYTES = 2_000_000_000  # a file of ONNX has to be smaller than 2 GiB
_CHECKED = (
    "a",
    "",
    " \n\t ",
    "?!...",
    "Two cats",
    "The cat sat on the mat, and nobody knew for how long it had been there.",
    "def export(model): return model.to('cpu')  # 3.14159",
    "Wörter, naïve façade, Ελληνικά, русский",
    "言葉は意味を運ぶ。猫は畳の上に座った。",
    "🐈 🐕 🦜",
    "word " * 100,
    "One long text of many sentences. " * 400,
)


def exporter() -> str:
    """What exports here: another version may do what this one could not."""
    others = [f"{name} {version(name)}" for name in ("torch", "transformers", "onnxruntime")]
    return ", ".join([f"semsearch {__version__}", *others])


def export_for_queries(embedder: SentenceTransformerEmbedder) -> None:
    """Export a model, unless that was done, or tried in vain; of one that cannot be exported it is logged why."""
    with _exporting, tempfile.TemporaryDirectory() as folder:
        if open_export(embedder.fingerprint) is not None or was_refused(embedder.fingerprint, exporter()):
            return
        logger.info("exporting %s, once, so that queries on the CPU need no torch", embedder.name)
        try:
            graph, expected = _graph(embedder, fuse=True)
            export = _checked(_facts(embedder), graph, embedder.tokens.json, expected=expected, folder=Path(folder))
        except ModelError as error:
            logger.warning("queries are embedded by torch: %s", error)
            publish_refusal(embedder.fingerprint, str(error), exporter())
        else:
            publish_export(export, exporter())


def fingerprint_in_int8(fingerprint: str) -> str:
    """That of a model in int8, whose vectors are not those of the model with this fingerprint."""
    return hashlib.sha256(f"{fingerprint} in {INT8}".encode()).hexdigest()


def quantised(embedder: SentenceTransformerEmbedder) -> OnnxEmbedder:
    """The model in int8, which is made now if it was not before.

    Raises:
        ModelError: it cannot be exported, or loses too much.
    """
    fingerprint = fingerprint_in_int8(embedder.fingerprint)
    with _exporting, tempfile.TemporaryDirectory() as folder:
        present = open_export(fingerprint)
        if present is not None:
            return present
        graph, expected = _graph(embedder, fuse=False)
        facts = replace(_facts(embedder), fingerprint=fingerprint, precision=INT8)
        small, tokenizer = _in_int8(graph, Path(folder)), embedder.tokens.json
        export = _checked(facts, small, tokenizer, expected=expected, folder=Path(folder))
        publish_export(export, exporter())
        return OnnxEmbedder(export)  # its file stays mapped when the folder goes


def _facts(embedder: SentenceTransformerEmbedder) -> Facts:
    shape = embedder.tokens.shape
    return Facts(embedder.name, embedder.fingerprint, "float32", embedder.dim, embedder.prompts, shape)


def _graph(embedder: SentenceTransformerEmbedder, *, fuse: bool) -> tuple[bytes, Vectors]:
    """The model in float32, and the library's own vectors of the texts that it is checked with.

    Raises:
        ModelError: it cannot be exported.
    """
    _check_exportable(embedder)
    model = load_model(embedder.name, embedder.folder, "cpu", dtype="float32", attention="eager")
    tokens, prompt = embedder.tokens, embedder.prompts[1]
    with _failing_as_model_error(embedder.name):
        graph = _traced(model, tokens.padded(tokens.read(_CHECKED[3:6])), tokens.shape.names)
    expected = model.encode(list(_CHECKED), prompt=prompt, normalize_embeddings=True, show_progress_bar=False)
    return fused(graph, model[0].config) if fuse else graph, expected


def _checked(facts: Facts, graph: bytes, tokenizer: str, *, expected: Vectors, folder: Path) -> Export:
    """The graph as an export in this folder, whose vectors were compared with the library's, in batches and alone.

    Raises:
        ModelError: one is too far off.
    """
    export, least = Export(facts, folder / "model.ort", tokenizer), _LEAST_COSINES[facts.precision]
    with _failing_as_model_error(facts.name):
        save_optimised(graph, export.model)
        candidate = OnnxEmbedder(export)
        alone = [candidate.embed_queries([text]) for text in _CHECKED]
        found = np.stack([candidate.embed_queries(_CHECKED), np.concatenate(alone)])  # (2, n, dim)
    cosine = float(np.nan_to_num((found * expected).sum(axis=2), nan=-1.0).min())
    if cosine < least:
        raise ModelError(
            f"the model {facts.name!r} cannot be exported to {facts.precision}: a vector has a cosine of "
            f"{cosine:.4f} with the library's own, and {least} is the least"
        )
    return export


@contextlib.contextmanager
def _failing_as_model_error(name: str) -> Iterator[None]:
    """The exporter and ONNX Runtime fail in as many ways as there are models, none of which may stop an `add`."""
    try:
        yield
    except OSError:  # a full disk says nothing of the model
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
        raise ModelError(f"the model {name!r} cannot be exported ({reason})") from error


def _check_exportable(embedder: SentenceTransformerEmbedder) -> None:
    if not embedder.reads_plain_tokens:
        raise ModelError(f"the model {embedder.name!r} cannot be exported: it needs more than the tokens of a text")
    if 4 * embedder.parameters > _MOST_BYTES:
        raise ModelError(
            f"the model {embedder.name!r} cannot be exported: it has {embedder.parameters:,} parameters, "
            f"and a file of ONNX holds at most {_MOST_BYTES // 4:,}"
        )


def _traced(model: "SentenceTransformer", sample: Arrays, names: Sequence[str]) -> bytes:
    """The graph of a model, for any number of texts of any length; `sample` are the arrays of a few."""
    import torch

    class Whole(torch.nn.Module):
        """From arrays to vectors; the library's own goes from a dict to a dict, which cannot be traced."""

        def forward(self, *arrays: torch.Tensor) -> torch.Tensor:
            vectors = model(dict(zip(names, arrays, strict=True)))["sentence_embedding"]
            return torch.nn.functional.normalize(vectors, p=2, dim=1)

    file = io.BytesIO()
    whole = Whole()
    whole.model = model  # a submodule, so that its weights are part of the graph
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what tracing may get wrong, which is checked, and of what replaces it
        torch.onnx.export(
            whole.eval(),
            tuple(torch.from_numpy(sample[name]) for name in names),
            file,  # type: ignore[arg-type]
            input_names=list(names),
            output_names=["vectors"],
            dynamic_axes={**{name: {0: "texts", 1: "tokens"} for name in names}, "vectors": {0: "texts"}},
            opset_version=_OPSET,
            dynamo=False,  # the other exporter takes ten times as long, and onnxscript
        )
    return file.getvalue()


def _in_int8(graph: bytes, folder: Path) -> bytes:
    """The graph with its weights as whole numbers, a scale a channel; what they meet is rounded as it comes."""
    import onnx
    from onnxruntime.quantization import quantize_dynamic
    from onnxruntime.quantization.quant_utils import add_pre_process_metadata

    model, path = onnx.load_from_string(graph), folder / "int8.onnx"
    add_pre_process_metadata(model)  # or else it is recommended, through the root logger
    quantize_dynamic(model, path, per_channel=True)
    return path.read_bytes()
