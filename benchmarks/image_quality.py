"""What do latents of images keep, and what can be done with them: quality on Kodak, ghosting, directions measured.

Quality is PSNR and SSIM of the middle squares at 512 x 512, beside the best linear code of as many numbers, a PCA of
blocks of 8 x 8 pixels: fitted to photographs of those that the bundled model learnt from, and to Kodak's own.
Directions are proved by what they move: the brightness and warmth of photographs that took no part in the direction,
and the classes of the nearest stored clothes.
"""

import argparse
import functools
import gzip
import io
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from data import SEED, data_folder
from PIL import Image
from report import write
from tqdm import tqdm

from semsearch import Collection, Document
from semsearch.images.arithmetic import direction, moved
from semsearch.images.autoencoder import load_autoencoder
from semsearch.images.edit import interpolate
from semsearch.images.loading import fit_square, load_image
from semsearch.images.measures import psnr, ssim
from semsearch.images.protocol import Autoencoder, Images, Latents, Pixels

SIZE, PHOTOGRAPH, CLOTHES = 512, 128, 32  # sides in pixels: of Kodak, of photographs to edit, of clothes
LINEAR = 4  # numbers a block, as many as the bundled model has
FITTED = 100  # photographs that tell what is linear
STRENGTHS = (-2.0, -1.0, 0.0, 1.0, 2.0)
CLASSES = ("t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
PAIRS = (
    ("sneaker", "ankle boot"),
    ("trouser", "dress"),
    ("t-shirt", "pullover"),
    ("sandal", "sneaker"),
    ("shirt", "bag"),
)
TOWARDS = (0.0, 0.5, 1.0, 1.5)
CHANGED = 100  # photographs that are moved, or changed
STORED, ASKED, NEIGHBOURS = 1_000, 100, 10  # clothes a class; neighbours of each

Code: TypeAlias = Callable[[Pixels], Images]  # (1, 3, H, W) to what is left of it
Row: TypeAlias = dict[str, str | int | float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto", help="where the models run")
    device = parser.parse_args().device
    bundled = load_autoencoder(device=device)
    taef2 = load_autoencoder(str(data_folder() / "vae" / "taef2"), device=device)
    photographs, things = kodak(), photographs_of_things()
    codes = {
        "linear, fitted to Caltech": (
            linear_code([each[None] for each in photographs_of_things(SIZE, FITTED)]),
            LINEAR,
        ),
        "linear, fitted to Kodak itself": (linear_code(photographs), LINEAR),
        f"semsearch-vae, {bundled.precision}": (again(bundled), bundled.latent_channels),
        f"TAEF2, {taef2.precision}": (again(taef2), taef2.latent_channels),
    }
    write(
        "image_quality",
        {"size": SIZE, "photograph": PHOTOGRAPH, "clothes": CLOTHES, "device": bundled.device, "seed": SEED},
        {
            "Kodak": [quality(name, code, channels, photographs) for name, (code, channels) in codes.items()],
            "interpolation": [row for model in (bundled, taef2) for row in ghosting(model, photographs)],
            "photographs along a direction": attributes(bundled, things),
            "a photograph and a changed copy": list(seen(bundled, things)),
            "classes of the 10 nearest clothes": directions_between_clothes(bundled),
        },
    )


def photographs_of_things(size: int = PHOTOGRAPH, count: int | None = None) -> Pixels:
    """Photographs of seven kinds of things, all 762 or some, drawn by a fixed seed: (count, 3, size, size)."""
    paths = sorted((data_folder() / "images" / "caltech-subset").glob("*/*.jpg"))
    order = np.random.default_rng(SEED).permutation(len(paths))
    return np.stack([fit_square(load_image(paths[at]), size) for at in order[:count]])


def kodak() -> list[Pixels]:
    """The middle squares of the 24 photographs, (1, 3, 512, 512) each."""
    paths = sorted((data_folder() / "images" / "kodak").glob("*.png"))
    return [fit_square(load_image(path), SIZE)[None] for path in paths]


def again(model: Autoencoder) -> Code:
    return lambda pixels: model.decode(model.encode(pixels))


def linear_code(photographs: Sequence[Pixels]) -> Code:
    """Keep of each block what lies along the directions of largest variance of all blocks of these photographs."""
    blocks = np.concatenate([as_blocks(pixels) for pixels in photographs])  # (n, 192)
    mean = blocks.mean(axis=0)
    _, vectors = np.linalg.eigh(np.cov(blocks.T))
    kept = vectors[:, -LINEAR:]

    def code(pixels: Pixels) -> Images:
        coded = mean + (as_blocks(pixels) - mean) @ kept @ kept.T
        side = SIZE // 8
        grid = coded.reshape(side, side, 3, 8, 8).transpose(2, 0, 3, 1, 4)
        return grid.reshape(1, 3, SIZE, SIZE).clip(0, 1).astype(np.float32)

    return code


def as_blocks(pixels: Pixels) -> npt.NDArray[np.float64]:
    """(1, 3, 512, 512) to (4096, 192), in [0, 1]."""
    side = SIZE // 8
    return pixels[0].reshape(3, side, 8, side, 8).transpose(1, 3, 0, 2, 4).reshape(side * side, -1) / 255


def quality(name: str, code: Code, channels: int, photographs: Sequence[Pixels]) -> Row:
    measured = []
    for pixels in tqdm(photographs, desc=name, disable=None):
        original, coded = pixels.astype(np.float32) / 255, code(pixels)
        measured.append((psnr(original, coded)[0], ssim(original, coded)[0]))
    ratios, similarities = np.array(measured).T
    return {
        "code": name,
        "compression": 3 * 64 / channels,
        "PSNR mean": round(ratios.mean(), 2),
        "min": round(ratios.min(), 2),
        "max": round(ratios.max(), 2),
        "SSIM mean": round(similarities.mean(), 3),
    }


def ghosting(model: Autoencoder, photographs: Sequence[Pixels]) -> Iterator[Row]:
    """Interpolations from each of the first 12 photographs to its counterpart among the others, at 256 x 256."""
    latents = model.encode(np.concatenate([fit_square(pixels[0], 256)[None] for pixels in photographs]))
    for how in ("linear", "spherical"):
        done = [interpolate(model.decode, *latents[[at, at + 12]], frames=2, how=how) for at in range(12)]
        values = np.array([each.ghosting for each in done])
        ratio = float(np.mean([each.cross_fade_psnr for each in done]))
        row: Row = {"model": Path(model.name).name, "how": how, "ghosting mean": round(values.mean(), 3)}
        yield {
            **row,
            "min": round(values.min(), 3),
            "max": round(values.max(), 3),
            "PSNR to cross-fade": round(ratio, 1),
        }


def brightness(images: Images) -> npt.NDArray[np.float32]:
    return images.mean(axis=(1, 2, 3))


def warmth(images: Images) -> npt.NDArray[np.float32]:
    return (images[:, 0] - images[:, 2]).mean(axis=(1, 2))


def attributes(model: Autoencoder, pixels: Pixels) -> list[Row]:
    """An attribute of photographs by strength; a direction is made of one half, and moves 100 of the other."""
    half, latents = len(pixels) // 2, model.encode(pixels)
    rows = []
    for attribute in (brightness, warmth):
        ranks = np.argsort(attribute(pixels[:half].astype(np.float32) / 255))
        towards = direction(latents[ranks[-half // 3 :]], latents[ranks[: half // 3]])
        images = (model.decode(moved(each, towards, STRENGTHS)) for each in latents[half : half + CHANGED])
        values = np.array([attribute(each) for each in images])
        row: Row = {"attribute": attribute.__name__}
        for at, strength in enumerate(STRENGTHS):
            row[f"at {strength:+g}"] = round(float(values[:, at].mean()), 3)
        rows.append({**row, "rises at every step": f"{(np.diff(values, axis=1) > 0).all(axis=1).mean():.0%}"})
    return rows


def seen(model: Autoencoder, pixels: Pixels) -> Iterator[Row]:
    """How near photographs stay to changed copies of themselves, and how often these find them first among all."""
    latents = model.encode(pixels).reshape(len(pixels), -1)
    mean = latents.mean(axis=0)
    rows = unit(latents - mean)
    for change, changed in CHANGES.items():
        copies = np.stack([changed(each) for each in pixels[:CHANGED]])
        scores = unit(model.encode(copies).reshape(len(copies), -1) - mean) @ rows.T
        own = np.diagonal(scores)
        first = float((own >= scores.max(axis=1)).mean())
        yield {"change": change, "cosine": round(float(own.mean()), 3), "found first": f"{first:.0%}"}
    others = np.triu(rows[:CHANGED] @ rows[:CHANGED].T, 1)
    yield {"change": "another photograph", "cosine": round(float(others[np.triu_indices(CHANGED, 1)].mean()), 3)}


def unit(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def saved_badly(pixels: Pixels) -> Pixels:
    """As a JPEG of quality 20."""
    data = io.BytesIO()
    Image.fromarray(pixels.transpose(1, 2, 0)).save(data, "JPEG", quality=20)
    return load_image(data.getvalue())


def made_small(pixels: Pixels) -> Pixels:
    """Scaled to a quarter of the sides, and back."""
    return fit_square(fit_square(pixels, PHOTOGRAPH // 4), PHOTOGRAPH)


def zoomed(pixels: Pixels) -> Pixels:
    """The middle nine tenths of the sides, as large as all was."""
    edge = PHOTOGRAPH // 20
    return fit_square(pixels[:, edge:-edge, edge:-edge], PHOTOGRAPH)


CHANGES: Mapping[str, Callable[[Pixels], Pixels]] = {
    "JPEG of quality 20": saved_badly,
    "a quarter of the sides": made_small,
    "a fifth brighter": lambda pixels: (pixels * np.float32(1.2)).clip(0, 255).astype(np.uint8),
    "grey": lambda pixels: np.broadcast_to(pixels.mean(axis=0, keepdims=True).astype(np.uint8), pixels.shape),
    "cropped by a twentieth on each side": zoomed,
    "shifted by a sixteenth": lambda pixels: np.roll(pixels, PHOTOGRAPH // 16, axis=2),
    "shifted by a quarter": lambda pixels: np.roll(pixels, PHOTOGRAPH // 4, axis=2),
    "mirrored": lambda pixels: pixels[:, :, ::-1],
    "turned by 90 degrees": lambda pixels: np.rot90(pixels, axes=(1, 2)),
}


def directions_between_clothes(model: Autoencoder) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        stored = Clothes(model, Path(folder) / "clothes")
        return [row for pair in PAIRS for row in stored.towards(*pair)]


class Clothes:
    """Latents of Fashion-MNIST in a collection, in which the nearest to others are found.

    Vectors are latents less the mean of all that are stored, as one row.
    """

    def __init__(self, model: Autoencoder, folder: Path) -> None:
        self._model = model
        self._latents = {
            name: model.encode(clothes("train", name, STORED)) for name in tqdm(CLASSES, "clothes", disable=None)
        }
        self._mean = np.concatenate(list(self._latents.values())).mean(axis=0)
        self._collection = Collection.create(folder, dim=self._mean.size)
        for name, latents in self._latents.items():
            vectors = (latents - self._mean).reshape(len(latents), -1)
            self._collection.add(
                Document(f"{name} {at}", "", {"class": name}, vector=row) for at, row in enumerate(vectors)
            )

    def towards(self, source: str, target: str) -> Iterator[Row]:
        """By strength, the classes that clothes of one class are near to when they are moved towards another one.

        Once as moved latents, and once as pictures: drawn, and encoded again.
        """
        to_target = direction(self._latents[target], self._latents[source])
        asked = self._model.encode(clothes("t10k", source, ASKED))
        for strength in TOWARDS:
            latents = np.concatenate([moved(each, to_target, [strength]) for each in asked])
            drawn = self._model.encode(self._model.decode(latents))
            row: Row = {"from": source, "to": target, "strength": strength}
            for what, results in {"": latents, ", drawn": drawn}.items():
                near = self._neighbours(results)
                row |= {
                    f"{side}{what}": round(near.count(name) / len(near), 3)
                    for side, name in (("still", source), ("there", target))
                }
            yield row

    def _neighbours(self, latents: Latents) -> list[str]:
        """The classes of the nearest of each, one after the other."""
        vectors = (latents - self._mean).reshape(len(latents), -1)
        found = [self._collection.search(vector=vector, k=NEIGHBOURS, exact=True).hits for vector in vectors]
        return [str(hit.metadata["class"]) for hits in found for hit in hits]


def clothes(part: str, name: str, count: int) -> Pixels:
    """The first pictures of a class, (count, 3, 32, 32)."""
    grey = idx(f"{part}-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
    chosen = grey[idx(f"{part}-labels-idx1-ubyte.gz", 8) == CLASSES.index(name)][:count]
    return np.stack([fit_square(np.broadcast_to(each, (3, 28, 28)), CLOTHES) for each in chosen])


@functools.cache
def idx(name: str, header: int) -> npt.NDArray[np.uint8]:
    with gzip.open(data_folder() / "images" / "fashion-mnist" / name) as file:
        return np.frombuffer(file.read(), np.uint8, offset=header)


if __name__ == "__main__":
    main()
