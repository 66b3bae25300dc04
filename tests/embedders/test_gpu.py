"""The real default model on a GPU, where there is one."""

import numpy as np
import pytest

from semsearch.embedders.batching import Batches
from semsearch.embedders.devices import may_have_gpu
from semsearch.embedders.sentence_transformer import SentenceTransformerEmbedder

pytestmark = [pytest.mark.model, pytest.mark.skipif(not may_have_gpu(), reason="there is no GPU")]

TEXTS = ["a", "", *(f"{'word ' * (11 * number)}{number}" for number in range(30))]


@pytest.fixture(scope="module")
def on_gpu() -> SentenceTransformerEmbedder:
    return SentenceTransformerEmbedder("all-MiniLM-L6-v2", device="cuda")


def test_a_gpu_gives_the_vectors_of_the_cpu_to_four_digits_in_the_order_of_the_texts(
    on_gpu: SentenceTransformerEmbedder, embedder: SentenceTransformerEmbedder
) -> None:
    assert on_gpu.precision in ("bfloat16", "float16")
    cosines = (on_gpu.embed_documents(TEXTS) * embedder.embed_documents(TEXTS)).sum(axis=1)
    assert cosines.min() > 0.999
    assert on_gpu.fingerprint == embedder.fingerprint


def test_many_batches_over_all_gpus_give_what_one_batch_gives(
    on_gpu: SentenceTransformerEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = on_gpu.embed_documents(TEXTS)
    monkeypatch.setattr(on_gpu, "_batches", Batches(64))
    np.testing.assert_allclose(on_gpu.embed_documents(TEXTS), expected, atol=5e-3)
