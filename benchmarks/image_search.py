"""Which images are found by the vectors of latents: alike ones and changed copies; drawn from how many bytes; how fast.

Alike: of each image the ten nearest others, by cosine, and how many of them are of its class; beside centred pixels and
beside what else one could make of the same latents. The photographs of Caltech are in classes of 38 to 435, more than
half of them faces, and so the figure is given of all, of at most 80 a class, and as the mean of the classes.
Changed copies: each photograph of Caltech and Kodak is changed as people and programs change pictures, and is asked for
among all originals; beside the perceptual hashes of imagehash. A hash that has several nearest ones, with the right one
among them, has found it.
Latents are kept in the cache of the benchmarks, so that what was interrupted goes on where it was.
"""

import argparse
import functools
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

import imagehash
import numpy as np
import numpy.typing as npt
from data import CACHE, SEED, data_folder
from image_changes import CHANGES, as_picture, as_pixels
from image_reductions import REDUCTIONS, centred, unit
from PIL.Image import Image
from report import save, write
from tqdm import tqdm

from semsearch.images.embedder import DEFAULT_SIZE, ImageEmbedder, load_image_embedder, to_square
from semsearch.images.loading import fit_square, load_image
from semsearch.images.measures import psnr
from semsearch.images.model_folder import BUNDLED_MODEL
from semsearch.images.packing import pack, unpack
from semsearch.images.protocol import Latents, Pixels

NEAREST = 10
AT_MOST = 80  # of a class, where classes are to be of like size
DRAWN, TIMED, ROUNDS, AT_ONCE = 24, 96, 7, 16
HASHES: Mapping[str, Callable[[Image], imagehash.ImageHash]] = {
    "pHash": imagehash.phash,
    "dHash": imagehash.dhash,
    "wHash": imagehash.whash,
    "aHash": imagehash.average_hash,
}

Row: TypeAlias = dict[str, str | int | float]
Labels: TypeAlias = npt.NDArray[np.str_]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto", help="where the models run")
    parser.add_argument("--size", type=int, default=DEFAULT_SIZE, help="side of the squares")
    arguments = parser.parse_args()
    models = [BUNDLED_MODEL, str(data_folder() / "vae" / "taef2")]
    sizes = [arguments.size // 2, arguments.size]
    embedders = [load_image_embedder(name, size=size, device=arguments.device) for name in models for size in sizes]
    bundled, taef2 = embedders[1], embedders[3]
    parts: Mapping[str, Callable[[], list[Row]]] = {
        "of the 10 nearest, of the same class": lambda: [
            *pixel_rows(),
            *(row for each in embedders for row in alike(each)),
        ],
        "cut or squashed to the square": lambda: fits(bundled),
        "a changed copy finds its original first": lambda: copies(embedders[:2]),
        "cosine to a changed copy, and to another photograph": lambda: cosines(bundled),
        "images per second": lambda: rates(bundled, {"read, decoded, embedded and packed": embed_and_pack}),
        "PSNR of what is drawn from stored latents": lambda: [row for each in (bundled, taef2) for row in drawn(each)],
    }
    parameters = {
        "size": arguments.size,
        "device": bundled.device,
        "precision": bundled.precision,
        "nearest": NEAREST,
        "seed": SEED,
    }
    figures: dict[str, list[Row]] = {}
    for name, part in parts.items():
        figures[name] = part()
        save("image_search", parameters, figures)
    write("image_search", parameters, figures)


@functools.cache
def things() -> list[Path]:
    return sorted((data_folder() / "images" / "caltech-subset").glob("*/*.jpg"))


@functools.cache
def kodak() -> list[Path]:
    return sorted((data_folder() / "images" / "kodak").glob("*.png"))


@functools.cache
def clothes() -> list[Path]:
    return sorted((data_folder() / "images" / "fashion-mnist" / "test100").glob("*/*.png"))


def classes(paths: Sequence[Path]) -> Labels:
    return np.array([path.parent.name for path in paths])


def latents(embedder: ImageEmbedder, what: str, paths: Sequence[Path], change: str = "", fit: str = "crop") -> Latents:
    """Latents of images, of changed ones where a change is named, rounded to float16; encoded once."""
    folder = CACHE / f"latents-{embedder.autoencoder.fingerprint[:16]}-{embedder.precision}-{embedder.size}"
    kept = folder / f"{what}-{fit}{change and '-' + change.replace(' ', '-')}.npy"
    if not kept.exists():
        changed = CHANGES.get(change, lambda picture: picture)
        encoded = []
        for start in tqdm(range(0, len(paths), AT_ONCE), f"{folder.name} {kept.stem}", disable=None):
            pictures = [changed(as_picture(load_image(path))) for path in paths[start : start + AT_ONCE]]
            squares = [fit_square(as_pixels(picture), embedder.size, fit=fit) for picture in pictures]
            encoded.append(embedder.autoencoder.encode(np.stack(squares)))
        folder.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(".partial.npy")
        np.save(partial, np.concatenate(encoded).astype(np.float16))
        partial.rename(kept)
    return np.load(kept).astype(np.float32)


def pixel_rows() -> list[Row]:
    rows = []
    for size in (32, 128):
        of_things, of_clothes = (
            centred(np.stack([fit_square(load_image(path), size) for path in paths]).astype(np.float32))
            for paths in (things(), clothes())
        )
        row: Row = {"model": "none", "size": size, "vector": "pixels, centred", "numbers": of_things.shape[1]}
        rows.append(row | precisions(of_things, of_clothes))
    return rows


def alike(embedder: ImageEmbedder) -> list[Row]:
    of_things, of_clothes = (
        latents(embedder, what, paths) for what, paths in (("things", things()), ("clothes", clothes()))
    )
    rows = []
    for name, reduction in {**REDUCTIONS, "the index": embedder.vectors}.items():
        reduced = reduction(of_things), reduction(of_clothes)
        row: Row = {"model": Path(embedder.name).name, "size": embedder.size, "vector": name}
        rows.append(row | {"numbers": reduced[0].shape[1]} | precisions(*reduced))
    return rows


def precisions(of_things: npt.NDArray[np.float32], of_clothes: npt.NDArray[np.float32]) -> Row:
    of_class = classes(things())
    few = np.concatenate([np.flatnonzero(of_class == name)[:AT_MOST] for name in np.unique(of_class)])
    all_of_them = precision(of_things, of_class)
    return {
        "Caltech": round(float(all_of_them.mean()), 3),
        f"at most {AT_MOST} a class": round(float(precision(of_things[few], of_class[few]).mean()), 3),
        "mean of classes": round(
            float(np.mean([all_of_them[of_class == name].mean() for name in np.unique(of_class)])), 3
        ),
        "Fashion-MNIST": round(float(precision(of_clothes, classes(clothes())).mean()), 3),
    }


def precision(vectors: npt.NDArray[np.float32], of_class: Labels) -> npt.NDArray[np.float64]:
    """Of each, the share of the nearest others that are of its class: (n,)."""
    scores = unit(vectors) @ unit(vectors).T
    np.fill_diagonal(scores, -np.inf)
    nearest = np.argpartition(-scores, NEAREST, axis=1)[:, :NEAREST]
    return np.asarray((of_class[nearest] == of_class[:, None]).mean(axis=1))


def fits(embedder: ImageEmbedder) -> list[Row]:
    of_clothes = embedder.vectors(latents(embedder, "clothes", clothes()))
    return [
        {"fit": fit} | precisions(embedder.vectors(latents(embedder, "things", things(), fit=fit)), of_clothes)
        for fit in ("crop", "squash")
    ]


def copies(embedders: Sequence[ImageEmbedder]) -> list[Row]:
    """Recall@1 by change, and the mean of them."""
    paths = [*things(), *kodak()]
    found: dict[str, dict[str, float]] = {}
    for embedder in embedders:
        originals = embedder.vectors(latents(embedder, "photographs", paths))
        found[f"the index, {embedder.size}"] = {
            change: found_first(embedder.vectors(latents(embedder, "photographs", paths, change)) @ originals.T)
            for change in CHANGES
        }
    pictures = [as_picture(load_image(path)) for path in paths]
    for name, digest in HASHES.items():
        originals = bits(digest, pictures)
        found[name] = {}
        for change, changed in tqdm(CHANGES.items(), name, disable=None):
            alike = bits(digest, [changed(picture) for picture in pictures]) @ originals.T
            found[name][change] = found_first(alike)
    shares = {change: {name: each[change] for name, each in found.items()} for change in CHANGES}
    shares["mean"] = {name: float(np.mean(list(each.values()))) for name, each in found.items()}
    return [
        {"change": change} | {name: round(share, 3) for name, share in row.items()} for change, row in shares.items()
    ]


def cosines(embedder: ImageEmbedder) -> list[Row]:
    """How near changed copies are, and how near photographs that have nothing to do with each other."""
    paths = [*things(), *kodak()]
    originals = embedder.vectors(latents(embedder, "photographs", paths))
    rows = []
    for change in CHANGES:
        changed = embedder.vectors(latents(embedder, "photographs", paths, change))
        rows.append({"of": change} | spread((changed * originals).sum(axis=1)))
    few = originals[len(things()) :]
    others = (few @ originals[: len(things())].T).ravel()  # of Kodak to Caltech
    return [*rows, {"of": "another photograph"} | spread(others)]


def spread(values: npt.NDArray[np.float32]) -> Row:
    low, middle, high = np.percentile(values, [5, 50, 95])
    return {"lowest 5 %": round(float(low), 2), "median": round(float(middle), 2), "highest 5 %": round(float(high), 2)}


def bits(digest: Callable[[Image], imagehash.ImageHash], pictures: Sequence[Image]) -> npt.NDArray[np.float32]:
    """Hashes as -1 and 1, so that products rank as Hamming distances do: (n, bits)."""
    return np.stack([digest(picture).hash.ravel() for picture in pictures]).astype(np.float32) * 2 - 1


def found_first(alike: npt.NDArray[np.float32]) -> float:
    """How often no other one is nearer than the one of the same number."""
    return float((np.diagonal(alike) >= alike.max(axis=1)).mean())


def drawn(embedder: ImageEmbedder) -> list[Row]:
    """PSNR of images that are drawn from their latents as they came, in float16, and packed."""
    order = np.random.default_rng(SEED).permutation(len(things()))
    rows = []
    for what, paths in (("Kodak", kodak()), ("Caltech", [things()[at] for at in order[:DRAWN]])):
        squares = np.stack([to_square(path, embedder.size) for path in paths])
        encoded = embedder.autoencoder.encode(squares)
        packed = pack(encoded)
        codings = {
            "float32": (encoded, encoded[0].nbytes),
            "float16": (encoded.astype(np.float16).astype(np.float32), encoded[0].nbytes // 2),
            "8 bits, packed": (unpack(packed), len(packed[0])),
        }
        for coding, (kept, size) in codings.items():
            ratio = psnr(squares.astype(np.float32) / 255, embedder.draw(kept)).mean()
            row: Row = {"model": Path(embedder.name).name, "size": embedder.size, "images": what, "latents": coding}
            rows.append(row | {"bytes": size, "PSNR": round(float(ratio), 3)})
    return rows


def rates(embedder: ImageEmbedder, ways: Mapping[str, Callable[[ImageEmbedder, Sequence[Path]], object]]) -> list[Row]:
    """Images per second of the model on ready arrays, and of other ways from files on, by turns; medians of the rounds.

    Args:
        embedder: the model.
        ways: by name, what takes files and does all there is to do with them.
    """
    order = np.random.default_rng(SEED).permutation(len(things()))
    paths = [things()[at] for at in order[:TIMED]]
    squares = np.stack([to_square(path, embedder.size) for path in paths])
    blocks = np.split(squares, range(AT_ONCE, len(squares), AT_ONCE))
    calls: dict[str, Callable[[], object]] = {
        "the model alone, on ready arrays": lambda: [embedder.autoencoder.encode(block) for block in blocks]
    }
    calls |= {name: functools.partial(way, embedder, paths) for name, way in ways.items()}
    taken = np.array([[seconds(call) for call in calls.values()] for _ in range(ROUNDS)])  # (rounds, ways)
    rows = zip(calls, np.median(taken, axis=0), np.median(taken[:, :1] / taken, axis=0), strict=True)
    return [
        {"what": name, "images/s": round(len(paths) / each, 1), "of the model's": round(share, 3)}
        for name, each, share in rows
    ]


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def embed_and_pack(embedder: ImageEmbedder, paths: Sequence[Path]) -> None:
    """All that makes of image files what is stored of them; a block is read while the model has the one before."""

    def read(start: int) -> Pixels:
        return np.stack([to_square(path, embedder.size) for path in paths[start : start + AT_ONCE]])

    with ThreadPoolExecutor(1) as reader:
        ahead = reader.submit(read, 0)
        for start in range(0, len(paths), AT_ONCE):
            squares = ahead.result()
            if start + AT_ONCE < len(paths):
                ahead = reader.submit(read, start + AT_ONCE)
            _, encoded = embedder.embed_images(squares)
            pack(encoded)


if __name__ == "__main__":
    main()
