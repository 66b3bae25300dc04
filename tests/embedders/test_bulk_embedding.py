"""Embedding many texts at once with the real default model: precision, order, batches, copies, memory."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from model_copies import copy_model, load, update_json

from semsearch.embedders.batching import Batches
from semsearch.embedders.sentence_transformer import SentenceTransformerEmbedder, _copies
from semsearch.errors import InvalidRequestError

pytestmark = pytest.mark.model

TEXTS = ["The cat sat on the mat", "A kitten rested on the rug", "Stock prices rose sharply today"]
LONG = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
LONG_CUT = LONG.rpartition(" fifteen")[0]  # 14 tokens and two special ones
MIXED = ["a", "", *(f"{'word ' * (7 * number % 60)}{number}" for number in range(16)), "long " * 300, LONG]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return copy_model(tmp_path / "copy")


def test_bfloat16_gives_the_vectors_of_float32_to_four_digits(
    embedder: SentenceTransformerEmbedder, narrow: SentenceTransformerEmbedder
) -> None:
    cosines = (embedder.embed_documents(MIXED) * narrow.embed_documents(MIXED)).sum(axis=1)
    assert narrow.precision == "bfloat16"
    assert cosines.min() > 0.9995  # seen: .9998
    assert cosines.min() < 1 - 1e-6  # it is not float32


def test_vectors_are_those_of_the_library_in_the_order_of_the_texts(embedder: SentenceTransformerEmbedder) -> None:
    expected = embedder._model.encode(MIXED, normalize_embeddings=True)
    np.testing.assert_allclose(embedder.embed_documents(MIXED), expected, atol=1e-5)


def test_a_model_whose_tokens_the_library_makes_otherwise_is_embedded_by_the_library(
    embedder: SentenceTransformerEmbedder, folder: Path
) -> None:
    update_json(folder / "sentence_bert_config.json", document_length=16)
    copy = load(folder)
    assert copy._query.facts is not None
    assert copy._document.facts is None
    assert not copy.reads_plain_tokens
    cut = embedder.embed_documents([LONG_CUT, LONG])
    np.testing.assert_allclose(copy.embed_documents([LONG]), cut[:1], atol=1e-5)
    np.testing.assert_allclose(copy.embed_queries([LONG]), cut[1:], atol=1e-5)


def test_what_the_library_tokenizes_is_tokenized_by_one_thread_at_a_time(
    embedder: SentenceTransformerEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizing, most = 0, 0
    transformer = embedder._model[0]
    preprocess = transformer.preprocess

    def counted(*args: object, **kwargs: object) -> object:
        nonlocal tokenizing, most
        tokenizing += 1
        most = max(most, tokenizing)
        time.sleep(0.02)
        tokenizing -= 1
        return preprocess(*args, **kwargs)

    monkeypatch.setattr(transformer, "preprocess", counted, raising=False)
    monkeypatch.setattr(embedder, "_query", replace(embedder._query, facts=None))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(embedder.embed_queries, [TEXTS] * 8))
    assert most == 1


def test_a_prompt_that_is_not_pooled_is_left_out_of_the_vector_as_by_the_library(folder: Path) -> None:
    update_json(folder / "config_sentence_transformers.json", prompts={"document": "represent this: "})
    pooling = {"embedding_dimension": 384, "pooling_mode": "mean", "include_prompt": False}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    copy = load(folder)
    expected = copy._model.encode(MIXED, prompt="represent this: ", normalize_embeddings=True)
    np.testing.assert_allclose(copy.embed_documents(MIXED), expected, atol=1e-5)
    pooling["include_prompt"] = True
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    assert abs(load(folder).embed_documents(MIXED) - expected).max() > 1e-3
    assert not copy.reads_plain_tokens


def test_copies_of_a_model_share_the_documents_out_and_give_what_one_gives(
    embedder: SentenceTransformerEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = []
    copies = _copies(embedder._model, ["cpu", "cpu", "cpu"])
    for copy in copies:
        copy.register_forward_hook(lambda module, *_: used.append(module))
    expected = embedder.embed_documents(MIXED)
    monkeypatch.setattr(embedder, "_copies", copies)
    monkeypatch.setattr(embedder, "_batches", Batches(64))
    try:
        np.testing.assert_allclose(embedder.embed_documents(MIXED), expected, atol=1e-5)
    finally:
        embedder._model._forward_hooks.clear()
    assert len({id(module) for module in used}) == len(set(map(id, copies))) == 3


def test_memory_that_does_not_suffice_for_a_batch_suffices_for_its_halves(
    embedder: SentenceTransformerEmbedder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import torch

    def limited(module: object, inputs: tuple[dict[str, torch.Tensor]]) -> None:
        texts, tokens = inputs[0]["input_ids"].shape
        if texts * tokens > 300:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB\nmore")

    expected = embedder.embed_documents(MIXED)
    monkeypatch.setattr(embedder, "_batches", Batches(4_096))
    hook = embedder._model.register_forward_pre_hook(limited)
    try:
        np.testing.assert_allclose(embedder.embed_documents(MIXED), expected, atol=1e-5)
    finally:
        hook.remove()
    assert embedder._batches.budget < 4_096
    [record] = caplog.records
    assert "Tried to allocate 20.00 MiB)" in record.message


def test_a_precision_that_torch_does_not_compute_in_is_refused_with_those_it_does() -> None:
    for precision in ("int8", "half", ""):
        with pytest.raises(InvalidRequestError, match="auto, float32, bfloat16, float16") as caught:
            SentenceTransformerEmbedder("all-MiniLM-L6-v2", precision=precision)
        assert repr(precision) in str(caught.value)


def test_float16_is_computed_in_where_it_is_said(embedder: SentenceTransformerEmbedder) -> None:
    half = SentenceTransformerEmbedder("all-MiniLM-L6-v2", device="cpu", precision="float16")
    assert half._model[0].model.dtype.itemsize == 2
    cosines = (half.embed_documents(TEXTS) * embedder.embed_documents(TEXTS)).sum(axis=1)
    assert cosines.min() > 0.9999
    assert half.fingerprint == embedder.fingerprint
