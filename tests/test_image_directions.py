"""Directions between stored images move what their collection finds: measured by classes, by the bundled model."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from semsearch import Collection, Document
from semsearch.images.arithmetic import direction, moved
from semsearch.images.operands import StoredImages

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("SEMSEARCH_BENCHMARK_DATA", ROOT.parent / "shared" / "data")) / "images"
CLOTHES = DATA / "fashion-mnist" / "test100"
TROUSER, DRESS, SNEAKER, BAG, SHIRT, ANKLE_BOOT = "1", "3", "7", "8", "6", "9"
STRENGTHS = (0.0, 0.5, 1.0)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CLOTHES.exists(), reason="needs the images of the shared data"),
]


@pytest.fixture(scope="module")
def clothes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    """A thousand pictures of ten classes."""
    path = tmp_path_factory.mktemp("clothes") / "clothes"
    with Collection.create(path, images="semsearch-vae", image_size=64, device="cpu") as made:
        paths = sorted(CLOTHES.glob("*/*.png"))
        made.add(
            Document(f"{each.parent.name}/{each.stem}", "", {"class": each.parent.name}, image=each) for each in paths
        )
        yield made


@pytest.mark.parametrize(
    ("source", "target"),
    [(SNEAKER, ANKLE_BOOT), (TROUSER, DRESS), (SHIRT, BAG)],
    ids=["sneaker to ankle boot", "trouser to dress", "shirt to bag"],
)
def test_the_nearest_stored_images_change_from_one_class_to_the_other_at_every_step(
    source: str, target: str, clothes: Collection
) -> None:
    operands = clothes.operands()
    (there, here) = (operands.mean(StoredImages({"class": name}))[0][None] for name in (target, source))
    ids = [each.id for each in clothes.list(filter={"class": source}, page_size=20).documents]
    shares = []
    steps = np.stack([moved(latent, direction(there, here), STRENGTHS) for latent in clothes.latents(ids)])
    for at in range(len(STRENGTHS)):
        found = [nearest(clothes, document_id, latents[at]) for document_id, latents in zip(ids, steps, strict=True)]
        shares.append([np.mean([near.count(name) / len(near) for near in found]) for name in (source, target)])
    still, moved_there = np.array(shares).T
    assert np.all(np.diff(still) < 0), shares
    assert np.all(np.diff(moved_there) > 0), shares
    assert moved_there[-1] > still[-1], shares
    assert moved_there[0] < 0.1 < 0.3 < moved_there[-1], shares  # observed at the end: .34 and more


def nearest(clothes: Collection, document_id: str, latent: np.ndarray) -> list[str]:
    """The classes of the ten that are nearest, but for the image that was moved."""
    hits = clothes.search(latent=latent, k=11, exact=True).hits
    return [hit.metadata["class"] for hit in hits if hit.document_id != document_id][:10]
