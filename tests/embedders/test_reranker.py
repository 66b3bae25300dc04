"""Cross-encoders through the real loading: small ones with random weights, made here."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from model_copies import make_cross_encoder, make_tiny, update_json

from semsearch.embedders.reranker import ChosenReranker, CrossEncoderReranker
from semsearch.errors import InvalidRequestError, ModelError

QUERY = "where do cats sit"
TEXTS = ["cats sit on mats", "dogs", ".", "the bank raised rates " * 40, "猫 and Ünïcödé", "a mat"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_cross_encoder(tmp_path_factory.mktemp("reranker"))


@pytest.fixture(scope="module")
def reranker(folder: Path) -> CrossEncoderReranker:
    return CrossEncoderReranker(str(folder), device="cpu")


def sigmoids(folder: Path, query: str, texts: list[str]) -> list[float]:
    """By the transformers library alone, a pair at a time."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    found = []
    for text in texts:
        with torch.inference_mode():
            output = model(**tokenizer(query, text, truncation=True, max_length=64, return_tensors="pt")).logits
        found.append(float(torch.sigmoid(output.double()).item()))
    return found


def test_scores_are_the_sigmoids_of_the_models_output_for_each_pair(
    reranker: CrossEncoderReranker, folder: Path
) -> None:
    scores = reranker.score(QUERY, TEXTS)
    assert scores.dtype == np.float64
    np.testing.assert_allclose(scores, sigmoids(folder, QUERY, TEXTS), atol=1e-5)
    assert len(set(scores.round(4))) == len(TEXTS)


def test_a_pair_has_the_same_score_in_batches_of_any_size(reranker: CrossEncoderReranker) -> None:
    every = reranker.score(QUERY, TEXTS * 20)
    np.testing.assert_allclose(every, np.tile(reranker.score(QUERY, TEXTS), 20), atol=1e-5)


def test_no_texts_have_no_scores(reranker: CrossEncoderReranker) -> None:
    assert reranker.score(QUERY, []).shape == (0,)


def test_threads_get_what_one_alone_gets(reranker: CrossEncoderReranker) -> None:
    queries = [f"{QUERY} {number}" for number in range(12)]
    alone = [reranker.score(query, TEXTS) for query in queries]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda query: reranker.score(query, TEXTS), queries))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_the_library_saved_as_a_cross_encoder_gives_the_same(
    reranker: CrossEncoderReranker, folder: Path, tmp_path: Path
) -> None:
    reranker._model.save_pretrained(str(tmp_path / "saved"), create_model_card=False)
    saved = CrossEncoderReranker(str(tmp_path / "saved"), device="cpu")
    assert (saved.name, saved.device) == (str(tmp_path / "saved"), "cpu")
    np.testing.assert_array_equal(saved.score(QUERY, TEXTS), reranker.score(QUERY, TEXTS))


def test_a_model_that_was_not_trained_to_rerank_is_refused(tmp_path: Path) -> None:
    for name in ("all-MiniLM-L6-v2", str(make_tiny(tmp_path))):
        with pytest.raises(ModelError, match="is no cross-encoder"):
            CrossEncoderReranker(name, device="cpu")


def test_a_model_with_several_outputs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has 3 outputs, and a reranker has one"):
        CrossEncoderReranker(str(make_cross_encoder(tmp_path, outputs=3)), device="cpu")


def test_weights_that_can_carry_code_are_refused(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        os.link(file, tmp_path / file.name.replace("model.safetensors", "pytorch_model.bin"))
    with pytest.raises(ModelError, match="no \\*.safetensors"):
        CrossEncoderReranker(str(tmp_path), device="cpu")


def test_a_damaged_model_is_refused_with_its_folder(tmp_path: Path) -> None:
    folder = make_cross_encoder(tmp_path)
    (folder / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelError, match=f"in {folder} cannot be loaded"):
        CrossEncoderReranker(str(folder), device="cpu")


def test_code_that_comes_with_a_model_is_never_run(tmp_path: Path) -> None:
    folder = make_cross_encoder(tmp_path)
    (folder / "planted.py").write_text("raise SystemExit('planted code ran')")
    update_json(folder / "config.json", auto_map={"AutoModelForSequenceClassification": "planted.Model"})
    assert CrossEncoderReranker(str(folder), device="cpu").score(QUERY, TEXTS).shape == (len(TEXTS),)


def test_a_model_that_gives_no_numbers_is_an_error(tmp_path: Path) -> None:
    broken = CrossEncoderReranker(str(make_cross_encoder(tmp_path)), device="cpu")
    with torch.no_grad():
        for each in broken._model.parameters():
            each.fill_(torch.nan)
    with pytest.raises(ModelError, match="gives no numbers"):
        broken.score(QUERY, TEXTS)


def test_where_none_is_named_the_error_says_how_to_name_one() -> None:
    for none in (None, ""):
        with pytest.raises(InvalidRequestError, match=r"SEMSEARCH_RERANKER, --reranker or Collection.open"):
            ChosenReranker(none).get()


def test_what_was_named_is_loaded_once_and_when_it_is_asked_for(folder: Path, tmp_path: Path) -> None:
    chosen = ChosenReranker(str(folder), "cpu")
    assert chosen.get() is chosen.get() is ChosenReranker(str(folder), "cpu").get()
    missing = ChosenReranker(str(tmp_path / "nothing"), "cpu")
    with pytest.raises(ModelError, match="there is no model"):
        missing.get()


def test_a_name_without_an_organization_is_one_of_cross_encoder_on_the_hub(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    root = tmp_path / "models--cross-encoder--tiny"
    (root / "refs").mkdir(parents=True)
    (root / "refs" / "main").write_text(commit)
    shutil.copytree(folder, root / "snapshots" / commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert CrossEncoderReranker("tiny", device="cpu").score(QUERY, TEXTS).shape == (len(TEXTS),)
    with pytest.raises(ModelError, match="'cross-encoder/other' is neither in the cache"):
        CrossEncoderReranker("other", device="cpu")
