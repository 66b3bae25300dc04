"""Do directions between stored images move what a collection finds? Classes of clothes, by strength.

A collection holds pictures of Fashion-MNIST. From the mean of the stored latents of one class to that of another leads
a direction; it is added, more and more of it, to stored latents of the first class, and the ten nearest stored pictures
of each sum are found by the collection's own vectors. The picture that was moved is not counted among them.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from image_quality import CLASSES, PAIRS, clothes
from report import write
from tqdm import tqdm

from semsearch import Collection, Document
from semsearch.images.arithmetic import direction, moved
from semsearch.images.operands import StoredImages

SIZE, STORED, MOVED, NEIGHBOURS = 64, 1_000, 50, 10  # pixels a side; pictures a class; of each the nearest others
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)

Row: TypeAlias = dict[str, str | int | float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto", help="where the model runs")
    device = parser.parse_args().device
    with tempfile.TemporaryDirectory() as folder, stored(Path(folder) / "clothes", device) as collection:
        parameters = {"size": SIZE, "stored": STORED, "moved": MOVED, "neighbours": NEIGHBOURS, "device": device}
        rows = [row for pair in tqdm(PAIRS, "pairs", disable=None) for row in towards(collection, *pair)]
        write("image_directions", parameters, {"classes of the 10 nearest stored pictures": rows})


def stored(path: Path, device: str) -> Collection:
    """A collection of images with the first pictures of every class."""
    collection = Collection.create(path, images="semsearch-vae", image_size=SIZE, device=device)
    for name in tqdm(CLASSES, "clothes", disable=None):
        pictures = clothes("train", name, STORED)
        collection.add(Document(f"{name} {at}", "", {"class": name}, image=each) for at, each in enumerate(pictures))
    return collection


def towards(collection: Collection, source: str, target: str) -> Iterator[Row]:
    """By strength, the shares of both classes among the neighbours of what is moved from the one to the other."""
    operands = collection.operands()
    there, here = (operands.mean(StoredImages({"class": name}))[0][None] for name in (target, source))
    ids = [f"{source} {at}" for at in range(MOVED)]
    steps = [moved(latent, direction(there, here), STRENGTHS) for latent in collection.latents(ids)]
    for at, strength in enumerate(STRENGTHS):
        found = [
            hit.metadata["class"]
            for document_id, latents in zip(ids, steps, strict=True)
            for hit in [
                hit
                for hit in collection.search(latent=latents[at], k=NEIGHBOURS + 1, exact=True).hits
                if hit.document_id != document_id
            ][:NEIGHBOURS]
        ]
        shares = {
            what: round(found.count(name) / len(found), 3) for what, name in (("still", source), ("there", target))
        }
        yield {"from": source, "to": target, "strength": strength, **shares}


if __name__ == "__main__":
    main()
