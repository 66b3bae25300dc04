"""How fast image files become searchable, beside the model alone on the same images.

`model` is the model on squares that are in memory already, in blocks as large as those of an `add`, and in a thread of
its own as there. `sync` reads the files, decodes them in processes of their own, encodes them, and is done when they
are durable and can be found; starting its processes is included. Both take their turn in every round, and what counts
is the median of the ratios within a round. The processor seconds are those of all processes together.
"""

import argparse
import resource
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from data import data_folder
from report import write

from semsearch.collection import Collection
from semsearch.images.embedder import ImageEmbedder, load_image_embedder, to_square
from semsearch.images.model_folder import BUNDLED_MODEL
from semsearch.images.protocol import Pixels

BLOCK_PIXELS = 1 << 21  # as the write path hands them to the model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=data_folder() / "images" / "caltech-subset")
    parser.add_argument("--images", type=int, default=762)
    parser.add_argument("--model", default=BUNDLED_MODEL)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    paths = sorted(path for path in arguments.folder.rglob("*") if path.suffix.lower() in {".jpg", ".png"})
    paths = paths[: arguments.images]
    embedder = load_image_embedder(arguments.model, size=arguments.size)
    squares = np.stack([to_square(path, arguments.size) for path in paths])
    embedder.embed_images(squares[:8])  # what only the first call costs
    ways: dict[str, Callable[[], None]] = {
        "model": lambda: in_a_thread(lambda: embed(embedder, squares)),
        "sync": lambda: sync(embedder, paths),
    }
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(arguments.rounds):
        for name, way in ways.items():
            taken[name].append(measured(way))
    parameters = {**vars(arguments), "folder": str(arguments.folder), "images": len(paths)}
    write("image-adding", parameters, {"images a second": rows(taken, len(paths))})


def rows(taken: dict[str, list[tuple[float, float]]], images: int) -> list[dict[str, object]]:
    """A row for each, with its rate, its ratio to the model's, and the processor time of an image."""
    table: list[dict[str, object]] = []
    for name, each in taken.items():
        ratios = [model[0] / own[0] for model, own in zip(taken["model"], each, strict=True)]
        table.append(
            {
                "": name,
                "images/s": round(images / statistics.median(wall for wall, _ in each), 1),
                "times the model": round(statistics.median(ratios), 3),
                "processor ms an image": round(1_000 * statistics.median(used for _, used in each) / images, 1),
            }
        )
    return table


def measured(way: Callable[[], None]) -> tuple[float, float]:
    """Wall seconds, and processor seconds."""
    start, used = time.perf_counter(), processor()
    way()
    return time.perf_counter() - start, processor() - used


def processor() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in usages)


def in_a_thread(call: Callable[[], None]) -> None:
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


def embed(embedder: ImageEmbedder, squares: Pixels) -> None:
    step = max(1, BLOCK_PIXELS // embedder.size**2)
    for start in range(0, len(squares), step):
        embedder.embed_images(squares[start : start + step])


def sync(embedder: ImageEmbedder, paths: list[Path]) -> None:
    with tempfile.TemporaryDirectory() as folder, Collection.create(Path(folder) / "c", images=embedder) as collection:
        report = collection.sync([str(path) for path in paths])
        if report.added != len(paths):
            raise SystemExit(f"{report.added} of {len(paths)} images were added: {report.failed[:1]}")


if __name__ == "__main__":
    main()
