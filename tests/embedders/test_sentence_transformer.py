"""The real default model, copies of it with one thing changed, and models that cannot be used."""

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from model_copies import copy_model, load, update_json

from semsearch.embedders.sentence_transformer import SentenceTransformerEmbedder
from semsearch.errors import ModelError

pytestmark = pytest.mark.model

TEXTS = ["The cat sat on the mat", "A kitten rested on the rug", "Stock prices rose sharply today"]
FINGERPRINT = "958e7163679399b4b57908cab3e45986fc0fa7fdfebcd7ac34f02599ca93d72a"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
NOUNS = """
king queen prince princess emperor empress duke duchess lord lady knight baron count throne crown palace castle court
man woman boy girl child baby father mother son daughter brother sister husband wife uncle aunt nephew niece cousin
grandfather grandmother friend neighbour guest stranger bride groom widow twin
doctor nurse teacher student lawyer judge farmer baker butcher carpenter mason plumber painter sculptor writer poet
singer dancer actor actress waiter waitress soldier sailor pilot driver policeman fireman priest nun monk bishop pope
president minister senator mayor governor ambassador scientist engineer mechanic tailor barber chef clerk secretary
dog cat horse mare stallion cow bull calf sheep lamb goat pig hen rooster duck goose lion lioness tiger wolf fox bear
deer rabbit mouse rat squirrel elephant giraffe monkey whale dolphin shark salmon eagle hawk owl sparrow crow snake
lizard frog spider ant bee butterfly
bread butter cheese milk egg meat fish rice pasta soup salad apple pear plum cherry grape orange lemon banana carrot
house home room kitchen bedroom garden roof wall door window floor ceiling stair chimney chair table bed sofa lamp
car bus train bicycle boat ship plane truck wheel engine road street bridge tunnel station harbour airport
tree flower grass leaf root branch forest mountain hill valley river lake sea ocean island beach desert field meadow
sun moon star planet sky cloud rain snow wind storm thunder fire smoke stone sand gold silver iron copper wood glass
hand foot head eye ear nose mouth tooth tongue hair arm leg knee finger heart brain blood bone skin
book letter newspaper pen pencil paper map picture song music piano violin guitar drum dance game ball toy
city town village country school university church temple hospital prison library museum theatre market shop bank
""".split()  # noqa: SIM905


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return copy_model(tmp_path / "copy")


def test_the_default_model_has_384_numbers_256_tokens_and_its_published_fingerprint(
    embedder: SentenceTransformerEmbedder,
) -> None:
    assert (embedder.name, embedder.dim, embedder.max_tokens) == ("all-MiniLM-L6-v2", 384, 256)
    assert embedder.fingerprint == FINGERPRINT


@pytest.mark.parametrize("method", ["embed_documents", "embed_queries"])
def test_the_default_model_has_its_published_cosines(embedder: SentenceTransformerEmbedder, method: str) -> None:
    cat, kitten, stocks = getattr(embedder, method)(TEXTS)
    assert cat @ kitten == pytest.approx(0.613, abs=0.002)
    assert cat @ stocks == pytest.approx(0.059, abs=0.002)


def test_king_minus_man_plus_woman_is_nearest_to_queen_among_289_nouns(embedder: SentenceTransformerEmbedder) -> None:
    assert len(set(NOUNS)) == 289
    vectors = dict(zip(NOUNS, embedder.embed_documents(NOUNS), strict=True))
    target = vectors["king"] - vectors["man"] + vectors["woman"]
    others = [noun for noun in NOUNS if noun not in ("king", "man", "woman")]
    assert max(others, key=lambda noun: vectors[noun] @ target) == "queen"


def test_a_second_load_has_the_same_fingerprint(embedder: SentenceTransformerEmbedder) -> None:
    assert SentenceTransformerEmbedder("sentence-transformers/all-MiniLM-L6-v2").fingerprint == embedder.fingerprint


def test_a_copy_with_reformatted_and_newer_settings_has_the_same_fingerprint_and_vectors(
    embedder: SentenceTransformerEmbedder, folder: Path
) -> None:
    for file in folder.rglob("*.json"):
        if file.name != "tokenizer.json":
            file.write_text(json.dumps(json.loads(file.read_text()), indent=3, sort_keys=True))
    pooling = {"embedding_dimension": 384, "pooling_mode": "mean", "include_prompt": True}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    update_json(folder / "config_sentence_transformers.json", prompts={"query": "", "document": ""})
    copy = load(folder)
    assert copy.fingerprint == embedder.fingerprint
    np.testing.assert_array_equal(copy.embed_documents(TEXTS), embedder.embed_documents(TEXTS))


def test_a_copy_saved_by_the_library_is_the_same_model_but_for_its_own_files(
    embedder: SentenceTransformerEmbedder, tmp_path: Path
) -> None:
    embedder._model.save(str(tmp_path / "saved"), create_model_card=False)
    saved = load(tmp_path / "saved")
    assert saved._behaviour() == embedder._behaviour()
    np.testing.assert_array_equal(saved.embed_documents(TEXTS), embedder.embed_documents(TEXTS))


def test_one_changed_byte_of_the_weights_is_another_fingerprint(folder: Path) -> None:
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-4] ^= 1  # the lowest bit of the last number
    weights.unlink()
    weights.write_bytes(content)
    assert load(folder).fingerprint != FINGERPRINT


def test_one_more_byte_of_the_tokenizer_is_another_fingerprint(folder: Path) -> None:
    with (folder / "tokenizer.json").open("a") as file:
        file.write("\n")
    assert load(folder).fingerprint != FINGERPRINT


def test_another_max_seq_length_is_another_fingerprint_and_the_max_tokens(folder: Path) -> None:
    update_json(folder / "sentence_bert_config.json", max_seq_length=128)
    copy = load(folder)
    assert copy.max_tokens == 128
    assert copy.fingerprint != FINGERPRINT
    assert copy.count_tokens(["word " * 300]) == [302]


def test_another_pooling_is_another_fingerprint(folder: Path) -> None:
    (folder / "1_Pooling" / "config.json").write_text('{"embedding_dimension": 384, "pooling_mode": ["cls", "max"]}')
    copy = load(folder)
    assert (copy.dim, copy.fingerprint == FINGERPRINT) == (768, False)


@pytest.mark.parametrize("document", ["document", "passage", "corpus"])
def test_the_models_own_prompts_are_put_before_documents_and_queries_and_counted(
    embedder: SentenceTransformerEmbedder, folder: Path, document: str
) -> None:
    prompts = {"query": "find: ", document: "read: ", "other": "never: "}
    update_json(folder / "config_sentence_transformers.json", prompts=prompts)
    copy = load(folder)
    np.testing.assert_allclose(
        copy.embed_documents(TEXTS), embedder.embed_documents([f"read: {text}" for text in TEXTS]), atol=1e-5
    )
    np.testing.assert_allclose(
        copy.embed_queries(TEXTS), embedder.embed_queries([f"find: {text}" for text in TEXTS]), atol=1e-5
    )
    assert copy.count_tokens(["", "word"]) == [4, 5]  # [CLS] read : word [SEP]
    assert copy.fingerprint != FINGERPRINT


def test_vectors_have_length_one_even_if_the_model_does_not_normalise_and_its_fingerprint_says_so(
    embedder: SentenceTransformerEmbedder, folder: Path
) -> None:
    modules = json.loads((folder / "modules.json").read_text())
    (folder / "modules.json").write_text(json.dumps(modules[:2]))
    copy = load(folder)
    np.testing.assert_allclose(copy.embed_documents(TEXTS), embedder.embed_documents(TEXTS), atol=1e-6)
    assert copy.fingerprint != FINGERPRINT


def test_a_default_prompt_is_not_put_before_texts(embedder: SentenceTransformerEmbedder, folder: Path) -> None:
    update_json(folder / "config_sentence_transformers.json", prompts={"sts": "sts: "}, default_prompt_name="sts")
    np.testing.assert_allclose(load(folder).embed_documents(TEXTS), embedder.embed_documents(TEXTS), atol=1e-5)


def test_weights_in_half_precision_give_float32_vectors_of_length_one(
    embedder: SentenceTransformerEmbedder, folder: Path
) -> None:
    from safetensors.numpy import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    half = {name: array.astype(np.float16) if array.dtype == np.float32 else array for name, array in weights.items()}
    save_file(half, folder / "model.safetensors", metadata={"format": "pt"})
    vectors = load(folder).embed_documents(TEXTS)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(vectors, embedder.embed_documents(TEXTS), atol=1e-2)


def test_a_hub_id_in_the_cache_has_the_fingerprint_of_the_packaged_model(
    embedder: SentenceTransformerEmbedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_cached(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    cached = SentenceTransformerEmbedder("org/name")
    assert cached.name == "org/name"
    assert cached.fingerprint == embedder.fingerprint


def write_cached(home: Path) -> None:
    """The packaged model as `org/name` in the hub's cache below HF_HOME: blobs, and a snapshot of links to them."""
    root = home / "hub" / "models--org--name"
    blobs = copy_model(root / "blobs")
    for blob in [path for path in blobs.rglob("*.*") if path.is_file()]:
        link = root / "snapshots" / COMMIT / blob.relative_to(blobs)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text(COMMIT)


NO_NETWORK = """
import socket, sys
def refuse(*args, **kwargs):
    print("NETWORK", args, flush=True)
    raise OSError("no network")
for name in ("connect", "connect_ex", "sendto"):
    setattr(socket.socket, name, refuse)
socket.getaddrinfo = refuse
from semsearch.embedders.sentence_transformer import SentenceTransformerEmbedder
for name in sys.argv[1:]:
    embedder = SentenceTransformerEmbedder(name)
    print(embedder.fingerprint, embedder.embed_documents(["a cat"]).shape)
"""


@pytest.mark.slow
def test_packaged_local_and_cached_copies_load_as_one_model_in_a_process_that_never_tries_the_network(
    folder: Path, tmp_path: Path
) -> None:
    write_cached(tmp_path)
    online = [sys.executable, "-W", "error", "-c", NO_NETWORK, "all-MiniLM-L6-v2", str(folder)]
    offline = [sys.executable, "-W", "error", "-c", NO_NETWORK, "org/name"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TRANSFORMERS_"))}
    run = subprocess.run(online, env=environment, capture_output=True, text=True, check=True)
    assert run.stdout == f"{FINGERPRINT} (1, 384)\n" * 2
    environment |= {"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    run = subprocess.run(offline, env=environment, capture_output=True, text=True, check=True)
    assert run.stdout == f"{FINGERPRINT} (1, 384)\n"


def test_importing_the_module_imports_neither_torch_nor_the_library() -> None:
    code = (
        "import sys, semsearch.embedders.sentence_transformer; "
        "print({'torch', 'transformers', 'sentence_transformers', 'tokenizers'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"


def test_loading_and_embedding_write_nothing_to_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    SentenceTransformerEmbedder("all-MiniLM-L6-v2").embed_documents(TEXTS)
    assert capfd.readouterr() == ("", "")


def test_progress_bars_are_as_they_were_after_loading(embedder: SentenceTransformerEmbedder) -> None:
    from transformers.utils import logging

    SentenceTransformerEmbedder("all-MiniLM-L6-v2")
    assert logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        SentenceTransformerEmbedder("all-MiniLM-L6-v2")
        assert not logging.is_progress_bar_enabled()
    finally:
        logging.enable_progress_bar()


def test_threads_that_embed_and_count_at_once_get_what_one_thread_gets(embedder: SentenceTransformerEmbedder) -> None:
    texts = [f"{'word ' * (5 * number)}{number}" for number in range(12)]
    vectors, counts = embedder.embed_documents(texts), embedder.count_tokens(texts)

    def both(number: int) -> tuple[np.ndarray, list[int]]:
        method = embedder.embed_documents if number % 2 else embedder.embed_queries
        return method([texts[number]]), embedder.count_tokens(texts[number:])

    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(both, [*range(12)] * 3))
    for position, (vector, count) in enumerate(results):
        np.testing.assert_allclose(vector[0], vectors[position % 12], atol=1e-5)
        assert count == counts[position % 12 :]


def test_a_query_does_not_wait_for_documents_that_are_being_embedded(embedder: SentenceTransformerEmbedder) -> None:
    arrived, go_on = threading.Event(), threading.Event()

    def hold(*_: object) -> None:
        if threading.current_thread() is not threading.main_thread():
            arrived.set()
            assert go_on.wait(60)

    hook = embedder._model.register_forward_pre_hook(hold)
    with ThreadPoolExecutor(1) as pool:
        documents = pool.submit(embedder.embed_documents, TEXTS)
        try:
            assert arrived.wait(60)
            assert embedder.embed_queries(TEXTS).shape == (3, 384)
            assert not documents.done()
        finally:
            go_on.set()
            hook.remove()
        assert documents.result().shape == (3, 384)


def test_the_model_is_on_the_device_that_is_said(embedder: SentenceTransformerEmbedder) -> None:
    assert embedder._model.device.type == embedder.device


def test_a_class_that_comes_with_the_model_is_refused_and_its_code_is_not_run(folder: Path, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    (folder / "custom.py").write_text(f"open({str(marker)!r}, 'w')\nfrom sentence_transformers.models import Pooling")
    modules = json.loads((folder / "modules.json").read_text())
    modules[1]["type"] = "custom.Pooling"
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(ModelError, match=r"custom\.Pooling"):
        load(folder)
    assert not marker.exists()


def test_code_that_the_settings_of_the_transformer_name_is_not_run(folder: Path, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    (folder / "custom.py").write_text(f"open({str(marker)!r}, 'w')\nfrom transformers import BertConfig, BertModel\n")
    automatic = {"AutoConfig": "custom.BertConfig", "AutoModel": "custom.BertModel"}
    update_json(folder / "config.json", auto_map=automatic, model_type="custom")
    with pytest.raises(ModelError, match="cannot be loaded"):
        load(folder)
    assert not marker.exists()


def test_a_model_without_pooling_is_refused(folder: Path) -> None:
    modules = json.loads((folder / "modules.json").read_text())
    (folder / "modules.json").write_text(json.dumps(modules[:1]))
    with pytest.raises(ModelError, match=r"has 0 Pooling modules where one is needed \(its modules are Transformer\)"):
        load(folder)


def test_an_unknown_pooling_is_refused(folder: Path) -> None:
    (folder / "1_Pooling" / "config.json").write_text('{"embedding_dimension": 384, "pooling_mode": "median"}')
    with pytest.raises(ModelError, match="'median'"):
        load(folder)


@pytest.mark.parametrize("limit", [10**30, 0, -1])
def test_a_model_without_a_sensible_max_seq_length_is_refused(folder: Path, limit: int) -> None:
    update_json(folder / "sentence_bert_config.json", max_seq_length=limit)
    with pytest.raises(ModelError, match=f"max_seq_length is {limit}"):
        load(folder)


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json", "config.json", "1_Pooling/config.json"])
def test_a_model_with_a_damaged_file_is_refused(folder: Path, file: str) -> None:
    content = (folder / file).read_bytes()
    (folder / file).unlink()
    (folder / file).write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError, match="cannot be loaded"):
        load(folder)
