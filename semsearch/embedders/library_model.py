"""What is asked of a model as the sentence-transformers library has it: loading it, and the facts about it.

Embedding with it is in `sentence_transformer`.
"""

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from semsearch.embedders.devices import choose_dtype
from semsearch.embedders.tokens import NAMES, Shape, TextTokens
from semsearch.errors import ModelError
from semsearch.machine import torch_threads

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling

logger = logging.getLogger(__name__)

Features: TypeAlias = dict[str, Any]  # what the library's modules hand on: arrays of tokens, vectors, and facts

_MAX_TOKENS = 10_000_000  # transformers writes 10**30 where a model has no limit


def load_model(
    name: str, folder: Path, device: str, *, dtype: str, attention: str | None = None
) -> "SentenceTransformer":
    """Load the library's model; `dtype` is the transformer's, and what follows it computes in float32.

    Args:
        name: for messages.
        folder: where it is.
        device: one device.
        dtype: `float32`, `bfloat16` or `float16`.
        attention: an implementation of the transformers library; its choice, which is the fused one, if not said.

    Raises:
        ModelError: it cannot be loaded.
    """
    from sentence_transformers import SentenceTransformer

    use_cores()
    said = {} if attention is None else {"attn_implementation": attention}
    try:
        with without_progress_bars():
            model = SentenceTransformer(
                str(folder),
                device=device,
                trust_remote_code=False,
                local_files_only=True,
                model_kwargs={"use_safetensors": True, "dtype": dtype, **said},
            )
    except Exception as error:  # a damaged folder fails in as many ways as the library has readers
        raise ModelError(
            f"the model {name!r} in {folder} cannot be loaded ({type(error).__name__}: {error}): "
            "get the folder anew, or take another model"
        ) from error
    model.eval()
    if dtype != "float32":
        model[0].register_forward_hook(_in_float32)
        for module in list(model)[1:]:
            module.float()  # the library has them follow the transformer
    return model


def load_narrow(name: str, folder: Path, device: str, *, precision: str) -> "tuple[SentenceTransformer, str]":
    """Load the model in a precision, and tell in which it is; `auto` is float32 where the model needs it.

    Raises:
        ModelError: it cannot be loaded, or does not compute in the precision that was said.
    """
    dtype = str(choose_dtype(precision, device)).removeprefix("torch.")
    model = load_model(name, folder, device, dtype=dtype)
    if dtype == "float32" or _computes(model):
        return model, dtype
    if precision != "auto":
        raise ModelError(f"the model {name!r} does not compute in {dtype} on {device}: take float32, or auto")
    logger.info("%s does not compute in %s on %s, and so it does in float32", name, dtype, device)
    return load_model(name, folder, device, dtype="float32"), "float32"


def _computes(model: "SentenceTransformer") -> bool:
    """Whether numbers come out; layers that were written for float32 fail in others, or exceed their range."""
    try:
        vectors = model.encode(["a", "Two cats sat on a mat."], convert_to_tensor=True, show_progress_bar=False)
    except RuntimeError:
        return False
    return bool(vectors.isfinite().all())


def _in_float32(_module: object, _inputs: object, features: Features) -> Features:
    """The output of the transformer as what comes after it computes: pooling sums up to thousands of tokens."""
    for name, value in features.items():
        if hasattr(value, "is_floating_point") and value.is_floating_point():
            features[name] = value.float()
    return features


def use_cores() -> None:
    """Have torch compute on as many as there are."""
    import torch

    torch.set_num_threads(torch_threads())


@contextlib.contextmanager
def without_progress_bars() -> Iterator[None]:
    """Keep the library from drawing its progress through the weights on stderr; its messages are left alone."""
    from transformers.utils import logging

    enabled = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if enabled:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def first_prompt(prompts: Mapping[str, str | None], names: Sequence[str]) -> str:
    """The first of the named prompts that has text.

    The library's own choice is the first that is there, and it puts an empty `document` into every model that
    has none, so that it never comes to `passage`.
    """
    return next((text for name in names if (text := prompts.get(name))), "")


def text_tokens(name: str, model: "SentenceTransformer", max_tokens: int) -> TextTokens:
    """The model's own tokenizer, which is faster without the library around it."""
    library = model.tokenizer
    backend = getattr(library, "backend_tokenizer", None)
    if backend is None or "message" in model.modalities:
        raise ModelError(
            f"the tokens of the model {name!r} cannot be counted: it does not read plain text through a tokenizer "
            "of the tokenizers library: take another model"
        )
    if library.pad_token_id is None:
        raise ModelError(f"the model {name!r} has no token to pad texts with: take another model")
    names = tuple(each for each in NAMES if each in library.model_input_names)
    shape = Shape(max_tokens, names, library.pad_token_id, library.padding_side, library.truncation_side)
    return TextTokens(backend.to_str(), shape)


def facts_beside(
    model: "SentenceTransformer", tokens: TextTokens, prompt: str, task: str
) -> Mapping[str, object] | None:
    """What the library puts beside the arrays of tokens; `None` if it makes other arrays of the same texts.

    It may pad queries to a fixed length, know two tokenizers, or whatever it will learn.
    """
    import torch

    texts = ["a", "", "Wörter, 言葉 and 🐈", "word " * tokens.shape.max_tokens]
    theirs = dict(model.preprocess(list(texts), prompt=prompt or None, task=task))
    ours = tokens.padded(tokens.read([prompt + text for text in texts]))
    arrays = {name: value.numpy() for name, value in theirs.items() if torch.is_tensor(value)}
    if arrays.keys() != ours.keys() or not all(np.array_equal(arrays[name], ours[name]) for name in ours):
        return None
    return {name: value for name, value in theirs.items() if name not in arrays}


def max_tokens_of(name: str, model: "SentenceTransformer") -> int:
    limit = model.max_seq_length
    if limit is None or not 0 < limit <= _MAX_TOKENS:
        raise ModelError(
            f"the model {name!r} does not say how many tokens it reads (max_seq_length is {limit}): "
            "write max_seq_length into a copy's sentence_bert_config.json, or take another model"
        )
    return int(limit)


def dim_of(name: str, model: "SentenceTransformer") -> int:
    dim = model.get_embedding_dimension()
    if dim is None:
        raise ModelError(f"the model {name!r} does not say how long its vectors are: take another model")
    return dim


def pooling_of(name: str, model: "SentenceTransformer") -> "Pooling":
    from sentence_transformers.sentence_transformer.modules import Pooling

    found: list[Pooling] = [module for module in model if isinstance(module, Pooling)]
    if len(found) != 1:
        modules = ", ".join(type(module).__name__ for module in model)
        raise ModelError(
            f"the model {name!r} has {len(found)} Pooling modules where one is needed "
            f"(its modules are {modules}): take another model"
        )
    return found[0]
