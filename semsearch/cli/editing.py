"""The commands that draw images from latents: images reconstruct, interpolate, edit."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from semsearch.cli.operands import (
    In,
    Model,
    Near,
    Neighbours,
    Size,
    Source,
    Workbench,
    group,
    label,
    operand,
    workbench,
)
from semsearch.cli.output import counted, note_left_out, print_json, print_note, print_text
from semsearch.cli.parameters import AsJson
from semsearch.errors import InvalidRequestError
from semsearch.files import publish_folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from semsearch.images.edit import Interpolation
    from semsearch.images.operands import StoredImage
    from semsearch.images.protocol import Images, Latents, Pixels

_Drawn: TypeAlias = "tuple[dict[str, bytes], dict[str, Any], str]"  # files by name, facts, and these as text
_Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="A new folder, for the pictures.")]


def reconstruct(
    context: typer.Context,
    images: Annotated[
        list[str], typer.Argument(metavar="IMAGE...", help="Image files, of any size; of a collection also doc:ID.")
    ],
    *,
    out: _Out,
    collection: In = None,
    neighbours: Neighbours = None,
    model: Model = None,
    as_json: AsJson = False,
) -> None:
    """Draw images again from their latents, and measure what is lost."""
    _check_free(out)
    with workbench(context, Source(collection, model, neighbours=neighbours)) as bench:
        again = [_again(bench, operand(text)) for text in images]
        near = _near_each(bench, [each.latent for each in again])
    names = [label(operand(text)) for text in images]
    pictures: dict[str, bytes] = {}
    for number, (name, each) in enumerate(zip(names, again, strict=True)):
        pictures |= {f"{number:02d}-{Path(name).stem}{what}.png": picture for what, picture in each.pictures.items()}
    if near.hits:
        pictures["neighbours.png"] = near.below([each.image for each in again], names)
    _write(out, pictures)
    measured = [{"image": text, **each.facts} for text, each in zip(images, again, strict=True)]
    facts = {"model": bench.model, "images": measured, **_neighbours_facts(bench, near)}
    lines = [_reconstructions_text(measured), *_neighbours_text(near, names)]
    _tell(out, pictures, facts, "\n".join(lines), as_json=as_json)


def interpolate(
    context: typer.Context,
    first: Annotated[str, typer.Argument(metavar="FIRST", help="An image file, or doc:ID of a collection.")],
    second: Annotated[str, typer.Argument(metavar="SECOND", help="Another one.")],
    *,
    out: _Out,
    frames: Annotated[int, typer.Option("--frames", metavar="N", help="Pictures, the two ends included.")] = 9,
    how: Annotated[
        str, typer.Option("--how", metavar="linear|spherical", help="Along a line, or along an arc.")
    ] = "linear",
    collection: In = None,
    neighbours: Neighbours = None,
    size: Size = None,
    model: Model = None,
    as_json: AsJson = False,
) -> None:
    """Draw the images between two, and tell how much of a cross-fade they are."""
    from semsearch.images.edit import interpolate
    from semsearch.images.measures import finite
    from semsearch.images.pictures import ANIMATIONS, animation

    _check_free(out)
    with workbench(context, Source(collection, model, size, neighbours)) as bench:
        ends = [bench.operands.latent(operand(text)) for text in (first, second)]
        done = interpolate(bench.operands.decode, *ends, frames=frames, how=how)
        near = bench.near(done.latents)
    names = [f"{number / (frames - 1):.2f}" for number in range(frames)]
    pictures = _frames(done.images, names, near)
    pictures |= {f"animation.{form}": animation(done.images, form) for form in ANIMATIONS}
    _write(out, pictures)
    facts = {"how": how, "cross_fade_psnr": finite(done.cross_fade_psnr), "ghosting": done.ghosting}
    text = "\n".join([_ghosting_text(done), *_neighbours_text(near, names)])
    _tell(out, pictures, {**facts, **_neighbours_facts(bench, near)}, text, as_json=as_json)


def edit(
    context: typer.Context,
    image: Annotated[
        str, typer.Argument(metavar="IMAGE", help="The image to start from: a file, or doc:ID of a collection.")
    ],
    *,
    out: _Out,
    minus: Annotated[
        list[str] | None, typer.Option("--minus", metavar="IMAGE", help="Subtract it; may be repeated.")
    ] = None,
    plus: Annotated[list[str] | None, typer.Option("--plus", metavar="IMAGE", help="Add it; may be repeated.")] = None,
    direction: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--direction",
            metavar="WITH WITHOUT",
            help="Images with an attribute, and without: folders, or filter:JSON of a collection.",
        ),
    ] = None,
    strengths: Annotated[
        str | None,
        typer.Option("--strengths", metavar="LIST", help="How far along --direction, -2,-1,0,1,2 if not said."),
    ] = None,
    collection: In = None,
    neighbours: Neighbours = None,
    size: Size = None,
    model: Model = None,
    as_json: AsJson = False,
) -> None:
    """Add images to one and subtract others from it, or move it along an attribute."""
    others = [("-", text) for text in minus or ()] + [("+", text) for text in plus or ()]
    if bool(others) == (direction is not None):
        raise InvalidRequestError("say what to do: --minus and --plus, or --direction")
    if direction is None and strengths is not None:
        raise InvalidRequestError("--strengths are of a --direction, and none is given")
    steps = _parsed_strengths(strengths)
    _check_free(out)
    with workbench(context, Source(collection, model, size, neighbours)) as bench:
        if direction is None:
            pictures, facts, text = _added_up(bench, image, others)
        else:
            pictures, facts, text = _varied(bench, image, direction, steps)
    _write(out, pictures)
    _tell(out, pictures, facts, text, as_json=as_json)


@dataclass(frozen=True, slots=True, eq=False)
class _Again:
    """An image drawn again; `pictures` by the ends of their names."""

    latent: "Latents"
    image: "Images"
    facts: dict[str, Any]
    pictures: dict[str, bytes]


def _again(bench: Workbench, given: "Path | StoredImage") -> _Again:
    """Draw an image again, and compare it; what it could be compared with is not there of a stored one."""
    from semsearch.images.edit import reconstruct, redraw
    from semsearch.images.measures import finite
    from semsearch.images.pictures import compared, png

    beside = {}
    if isinstance(given, Path):
        pixels = _pixels(bench, given)
        done = reconstruct(bench.operands.autoencoder, pixels)
        captions = (given.name, f"{done.psnr:.1f} dB, SSIM {done.ssim:.3f}")
        beside = {"-compared": compared(pixels, done.image, captions)}
    else:
        done = redraw(bench.operands.decode, bench.operands.latent(given))
    facts = {"psnr": finite(done.psnr), "ssim": done.ssim, "compression": done.compression}
    pictures = {"": png(done.image), **beside}
    return _Again(done.latent, done.image, {"latent": list(done.latent.shape), **facts}, pictures)


def _pixels(bench: Workbench, path: Path) -> "Pixels":
    """An image as it is, or, where it is compared with those of a collection, as these are."""
    from semsearch.images.embedder import to_square
    from semsearch.images.loading import load_image

    return load_image(path) if bench.collection is None else to_square(path, bench.operands.size)


def _near_each(bench: Workbench, latents: "Sequence[Latents]") -> Near:
    """As `Workbench.near`, of latents that are of one size only where there is a collection."""
    import numpy as np

    return bench.near(np.stack(latents) if bench.collection is not None else np.zeros((0, 1, 1, 1), np.float32))


def _added_up(bench: Workbench, image: str, others: "Sequence[tuple[str, str]]") -> _Drawn:
    from semsearch.images.edit import add_up
    from semsearch.images.measures import finite
    from semsearch.images.pictures import png

    signed = [("+", image), *others]
    latents = [bench.operands.latent(operand(text)) for _, text in signed]
    done = add_up(bench.operands.decode, latents, [1.0 if sign == "+" else -1.0 for sign, _ in signed])
    near = bench.near(done.latent[None])
    captions = [label(operand(image)), *(f"{sign} {label(operand(text))}" for sign, text in others), "="]
    pictures = {"result.png": png(done.image), "strip.png": near.below([*done.terms, done.image], captions)}
    facts = {"terms": [f"{sign}{text}" for sign, text in signed], "pixel_psnr": finite(done.pixel_psnr)}
    lines = [f"against the same sum of pixels: {done.pixel_psnr:.1f} dB", *_neighbours_text(near, ["="])]
    return pictures, {**facts, **_neighbours_facts(bench, near)}, "\n".join(lines)


def _varied(bench: Workbench, image: str, groups: tuple[str, str], strengths: "Sequence[float]") -> _Drawn:
    from semsearch.images.edit import vary

    (positive, with_it), (negative, without) = (
        bench.operands.mean(group("--direction", text), note_left_out) for text in groups
    )
    latent = bench.operands.latent(operand(image))
    done = vary(bench.operands.decode, latent, positive[None], negative[None], strengths)
    near = bench.near(done.latents)
    names = [f"{strength:+g}" if strength else "0" for strength in strengths]
    facts = {"strengths": list(done.strengths), "with": with_it, "without": without}
    lines = [f"from {counted(without, 'image')} without towards {with_it} with", *_neighbours_text(near, names)]
    return _frames(done.images, names, near), {**facts, **_neighbours_facts(bench, near)}, "\n".join(lines)


def _frames(images: "Images", captions: "Sequence[str]", near: Near) -> dict[str, bytes]:
    """Each image by its number, and all of them as a strip, above what is near to them."""
    from semsearch.images.pictures import png

    frames = {f"frame-{number:02d}.png": png(image) for number, image in enumerate(images)}
    return {**frames, "strip.png": near.below([*images], captions)}


def _neighbours_facts(bench: Workbench, near: Near) -> dict[str, Any]:
    return {} if bench.collection is None else {"neighbours": near.facts()}


def _neighbours_text(near: Near, names: "Sequence[str]") -> list[str]:
    lines = near.lines(names)
    return ["", *lines] if lines else []


def _reconstructions_text(measured: "Sequence[Mapping[str, Any]]") -> str:
    lines = ["PSNR (dB)   SSIM  COMPRESSION  LATENT        IMAGE"]
    for each in measured:
        ssim, psnr = each["ssim"], each["psnr"]
        told = "-" if ssim is None else "identical" if psnr is None else f"{psnr:.2f}"
        latent = " x ".join(map(str, each["latent"]))
        alike = f"{'-':>5}" if ssim is None else f"{ssim:.3f}"
        lines.append(f"{told:>9}  {alike}  {each['compression']:>10.1f}x  {latent:<12}  {each['image']}")
    return "\n".join(lines)


def _ghosting_text(done: "Interpolation") -> str:
    verdict = (
        "a cross-fade: the middle shows both images laid over each other, not one in between"
        if done.is_cross_fade
        else "not a mere cross-fade"
    )
    return f"ghosting {done.ghosting:.2f} ({done.cross_fade_psnr:.1f} dB from the mean of the two images): {verdict}"


def _tell(out: Path, pictures: "Mapping[str, bytes]", facts: "Mapping[str, Any]", text: str, *, as_json: bool) -> None:
    if as_json:
        print_json({**facts, "out": str(out), "files": list(pictures)})
    else:
        print_text(text)
        print_note(f"drawn: {out}")


def _check_free(out: Path) -> None:
    """Raise InvalidRequestError if something is there that would have to be overwritten."""
    if out.is_dir() and not any(out.iterdir()):
        return
    if out.exists():
        raise InvalidRequestError(f"--out {out} is there already, and nothing is overwritten: name a new folder")


def _write(out: Path, pictures: "Mapping[str, bytes]") -> None:
    try:
        publish_folder(out, pictures)
    except OSError as error:
        raise InvalidRequestError(f"--out {out} cannot be written: {error}") from error


def _parsed_strengths(text: str | None) -> "Sequence[float]":
    from semsearch.images.edit import STRENGTHS

    if text is None:
        return STRENGTHS
    try:
        strengths = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise InvalidRequestError(f"--strengths is {text!r:.80}; it has to be numbers, like -1,0,1") from error
    if not all(map(math.isfinite, strengths)):
        raise InvalidRequestError(f"--strengths is {text!r:.80}; all of them have to be finite")
    return strengths
