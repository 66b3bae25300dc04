"""Copies of the packaged model with something changed, and tiny models that say nothing and are loaded at once."""

import json
from pathlib import Path
from typing import Any

from semsearch.embedders.model_folder import find_model
from semsearch.embedders.sentence_transformer import SentenceTransformerEmbedder


def copy_model(folder: Path) -> Path:
    """A copy of the packaged model; its weights are a link, everything else can be changed in place."""
    packaged = find_model("all-MiniLM-L6-v2")
    for source in packaged.rglob("*.*"):
        target = folder / source.relative_to(packaged)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".safetensors":
            target.symlink_to(source)
        else:
            target.write_bytes(source.read_bytes())
    return folder


def update_json(file: Path, **values: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}, indent=1))


def load(folder: Path) -> SentenceTransformerEmbedder:
    return SentenceTransformerEmbedder(str(folder), device="cpu", precision="float32")


def make_tiny(folder: Path, architecture: str = "Bert", **config: Any) -> Path:  # noqa: ANN401
    """A model of random weights with the packaged tokenizer: 32 numbers, 64 tokens."""
    import torch
    import transformers
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling

    torch.manual_seed(0)
    sizes = {"vocab_size": 30_522, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    made = getattr(transformers, f"{architecture}Config")(**sizes, intermediate_size=48, pad_token_id=0, **config)
    getattr(transformers, f"{architecture}Model")(made).save_pretrained(folder / "transformer")
    packaged = find_model("all-MiniLM-L6-v2")
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"):
        (folder / "transformer" / name).write_bytes((packaged / name).read_bytes())
    transformer = Transformer(str(folder / "transformer"), max_seq_length=64)
    modules = [transformer, Pooling(32, pooling_mode="mean"), Normalize()]
    SentenceTransformer(modules=modules, device="cpu").save(str(folder / "model"), create_model_card=False)
    return folder / "model"


def make_cross_encoder(folder: Path, outputs: int = 1) -> Path:
    """A cross-encoder of random weights, seeded, with the packaged tokenizer: 64 tokens a pair."""
    import torch
    import transformers

    torch.manual_seed(0)
    sizes = {"vocab_size": 30_522, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    made = transformers.BertConfig(**sizes, intermediate_size=48, pad_token_id=0, num_labels=outputs)
    model = transformers.BertForSequenceClassification(made)
    with torch.no_grad():  # random outputs are all about the same
        model.classifier.weight *= 100
    model.save_pretrained(folder)
    packaged = find_model("all-MiniLM-L6-v2")
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"):
        (folder / name).write_bytes((packaged / name).read_bytes())
    update_json(folder / "tokenizer_config.json", model_max_length=64)
    return folder
