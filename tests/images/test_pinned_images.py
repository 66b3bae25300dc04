"""The model of a collection of images is loaded when it is needed, once, and checked."""

from pathlib import Path
from typing import Any

import pytest
from fakes import FakeImageEmbedder

from semsearch.errors import EmbedderMismatchError
from semsearch.images import pinned
from semsearch.images.pinned import PinnedImageEmbedder


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The arguments of each loading; what is loaded is the fake."""
    calls: list[tuple[Any, ...]] = []

    def load(name: str, *, size: int, device: str, precision: str) -> FakeImageEmbedder:
        calls.append((name, size, device, precision))
        return FakeImageEmbedder(size)

    monkeypatch.setattr(pinned, "load_image_embedder", load)
    return calls


def test_a_model_that_has_a_name_is_loaded_at_the_first_call_and_once(loads: list[tuple[Any, ...]]) -> None:
    model = PinnedImageEmbedder(Path("c"), "fake-images-32", 32, "vae", "auto", precision="bfloat16")
    assert (loads, model.device) == ([], "auto")
    assert model.get() is model.get()
    assert (loads, model.device) == ([("vae", 32, "auto", "bfloat16")], "cpu")


def test_what_has_the_name_now_is_refused_if_it_is_another(loads: list[tuple[Any, ...]]) -> None:
    model = PinnedImageEmbedder(Path("c"), "what it was", 32, "vae", "auto")
    with pytest.raises(EmbedderMismatchError, match=r"the vectors of c were made by .* what it was.* fake-images-"):
        model.get()
    assert len(loads) == 1


def test_a_model_at_hand_is_used_and_checked_at_once(loads: list[tuple[Any, ...]]) -> None:
    fake = FakeImageEmbedder(32)
    assert PinnedImageEmbedder(Path("c"), "fake-images-32", 32, fake, "auto").get() is fake
    assert PinnedImageEmbedder(Path("c"), "fake-images-32", 32, "vae", "auto", loaded=fake).get() is fake
    with pytest.raises(EmbedderMismatchError):
        PinnedImageEmbedder(Path("c"), "fake-images-64", 64, fake, "auto")
    assert loads == []
