"""The pictures of docs/images.md, made anew: operations on latents of Kodak's and Caltech's photographs, as WebP.

What is to be seen in them is measured by image_quality.py.
"""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from data import ROOT, data_folder
from image_quality import brightness, photographs_of_things, unit, warmth
from PIL import Image

from semsearch.images.autoencoder import load_autoencoder
from semsearch.images.edit import add_up, interpolate, reconstruct, vary
from semsearch.images.loading import fit_square, load_image
from semsearch.images.pictures import strip
from semsearch.images.protocol import Autoencoder, Images, Pixels

DOCS = ROOT / "docs"
SIDE = 176  # pixels of an image in a strip
STRENGTHS = (-2.0, -1.0, 0.0, 1.0, 2.0)
THINGS = ("laptop/image_0069", "dollar_bill/image_0049", "ceiling_fan/image_0037", "scissors/image_0036")


def main() -> None:
    bundled, taef2 = load_autoencoder(), load_autoencoder(str(data_folder() / "vae" / "taef2"))
    things = photographs_of_things(SIDE)
    save("images-reconstruction", reconstructions(bundled, taef2))
    save("images-interpolation", *(interpolation(bundled, how) for how in ("linear", "spherical")))
    save("images-sum", total(bundled))
    save("images-direction", *(along(bundled, things, attribute) for attribute in (brightness, warmth)))
    save("images-neighbours", *neighbours(bundled))


def kodak(number: int, size: int = SIDE) -> Pixels:
    return fit_square(load_image(data_folder() / "images" / "kodak" / f"kodim{number:02d}.png"), size)


def reconstructions(bundled: Autoencoder, taef2: Autoencoder) -> bytes:
    """The middle of a photograph at 512 x 512, and what two models keep of it."""
    pixels = kodak(23, 512)
    images, captions = [as_images(pixels)], ["original"]
    for name, model in (("semsearch-vae", bundled), ("TAEF2", taef2)):
        done = reconstruct(model, pixels)
        images.append(done.image)
        captions.append(f"{name}, {done.psnr:.1f} dB")
    middle = slice(128, 384)
    return strip([image[:, middle, middle] for image in images], captions)


def interpolation(model: Autoencoder, how: str) -> bytes:
    done = interpolate(model.decode, *model.encode(np.stack([kodak(3), kodak(23)])), frames=5, how=how)
    captions = [f"{share:.0%}" for share in np.linspace(0, 1, 5)]
    captions[2] = f"{how}, ghosting {done.ghosting:.2f}"
    return strip(done.images, captions)


def total(model: Autoencoder) -> bytes:
    done = add_up(model.decode, list(model.encode(np.stack([kodak(3), kodak(2), kodak(23)]))), [1, -1, 1])
    return strip([*done.terms, done.image], ["caps", "- door", "+ parrots", "="])


def along(model: Autoencoder, things: Pixels, attribute: Callable[[Images], npt.NDArray[np.float32]]) -> bytes:
    """From the third of the photographs with the least of an attribute towards the third with the most."""
    ranks, third = np.argsort(attribute(as_images(things))), len(things) // 3
    positive, negative = (model.encode(things[some]) for some in (ranks[-third:], ranks[:third]))
    done = vary(model.decode, model.encode(kodak(7)[None])[0], positive, negative, STRENGTHS)
    captions = [
        f"{strength:+g}: {value:.2f}" for strength, value in zip(STRENGTHS, attribute(done.images), strict=True)
    ]
    captions[0] = f"{attribute.__name__} {captions[0]}"
    return strip(done.images, captions)


def neighbours(model: Autoencoder) -> Iterator[bytes]:
    """Photographs, each beside those of other things than faces that have the nearest latents."""
    folder = data_folder() / "images" / "caltech-subset"
    paths = [path for path in sorted(folder.glob("*/*.jpg")) if path.parent.name != "Faces_easy"]
    pixels = np.stack([fit_square(load_image(path), SIDE) for path in paths])
    latents = model.encode(pixels).reshape(len(pixels), -1)
    rows = unit(latents - latents.mean(axis=0))
    for name in THINGS:
        scores = rows @ rows[paths.index(folder / f"{name}.jpg")]
        nearest = np.argsort(-scores)[:5]
        captions = [f"{paths[at].parent.name}, {scores[at]:.2f}" for at in nearest[1:]]
        yield strip(pixels[nearest], ["asked for", *captions])


def as_images(pixels: Pixels) -> Images:
    images: Images = pixels / np.float32(255)
    return images


def save(name: str, *strips: bytes) -> None:
    """Strips, one below the other, as docs/<name>.webp."""
    sheet = np.concatenate([load_image(each) for each in strips], axis=1)
    path = DOCS / f"{name}.webp"
    Image.fromarray(sheet.transpose(1, 2, 0)).save(path, quality=75, method=6)
    print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
