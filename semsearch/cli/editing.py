"""The commands that draw images from latents: images reconstruct, interpolate, edit."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from semsearch.cli.output import counted, note_left_out, print_json, print_note, print_text
from semsearch.cli.parameters import AsJson
from semsearch.cli.shelf import Shelf
from semsearch.errors import InvalidRequestError
from semsearch.files import publish_folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from semsearch.images.autoencoder import TorchAutoencoder
    from semsearch.images.edit import Interpolation, Reconstruction
    from semsearch.images.operands import Operands
    from semsearch.images.protocol import Images

_Drawn: TypeAlias = "tuple[dict[str, bytes], dict[str, Any], str]"  # files by name, facts, and these as text
_Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="A new folder, for the pictures.")]
_Model = Annotated[
    str | None, typer.Option("--model", metavar="MODEL", help="An autoencoder, if not the one that comes along.")
]
_Size = Annotated[int, typer.Option("--size", metavar="N", help="Side of the middle square that images are cut to.")]
_STRENGTHS = "-2,-1,0,1,2"


def reconstruct(
    context: typer.Context,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Image files, of any size.")],
    *,
    out: _Out,
    model: _Model = None,
    as_json: AsJson = False,
) -> None:
    """Draw images again from their latents, and measure what is lost."""
    from semsearch.images.edit import reconstruct
    from semsearch.images.loading import load_image
    from semsearch.images.pictures import compared, png

    _check_free(out)
    autoencoder = _autoencoder(context, model)
    measured, pictures = [], {}
    for number, path in enumerate(images):
        pixels = load_image(path)
        done = reconstruct(autoencoder, pixels)
        name = f"{number:02d}-{path.stem}"
        pictures[f"{name}.png"] = png(done.image)
        pictures[f"{name}-compared.png"] = compared(
            pixels, done.image, (path.name, f"{done.psnr:.1f} dB, SSIM {done.ssim:.3f}")
        )
        measured.append(_measured(path, done))
    _write(out, pictures)
    facts = {"model": autoencoder.name, "images": measured}
    _tell(out, pictures, facts, _reconstructions_text(measured), as_json=as_json)


def interpolate(
    context: typer.Context,
    first: Annotated[Path, typer.Argument(metavar="FIRST", help="An image file.")],
    second: Annotated[Path, typer.Argument(metavar="SECOND", help="Another one.")],
    *,
    out: _Out,
    frames: Annotated[int, typer.Option("--frames", metavar="N", help="Pictures, the two ends included.")] = 9,
    how: Annotated[
        str, typer.Option("--how", metavar="linear|spherical", help="Along a line, or along an arc.")
    ] = "linear",
    size: _Size = 512,
    model: _Model = None,
    as_json: AsJson = False,
) -> None:
    """Draw the images between two, and tell how much of a cross-fade they are."""
    from semsearch.images.edit import interpolate
    from semsearch.images.pictures import ANIMATIONS, animation

    _check_free(out)
    operands = _operands(context, model, size)
    done = interpolate(operands.decode, operands.latent(first), operands.latent(second), frames=frames, how=how)
    pictures = _frames(done.images, [f"{number / (frames - 1):.2f}" for number in range(frames)])
    pictures |= {f"animation.{form}": animation(done.images, form) for form in ANIMATIONS}
    _write(out, pictures)
    facts = {"how": how, "cross_fade_psnr": _finite(done.cross_fade_psnr), "ghosting": done.ghosting}
    _tell(out, pictures, facts, _ghosting_text(done), as_json=as_json)


def edit(
    context: typer.Context,
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="The image file to start from.")],
    *,
    out: _Out,
    minus: Annotated[
        list[Path] | None, typer.Option("--minus", metavar="IMAGE", help="Subtract it; may be repeated.")
    ] = None,
    plus: Annotated[list[Path] | None, typer.Option("--plus", metavar="IMAGE", help="Add it; may be repeated.")] = None,
    direction: Annotated[
        tuple[Path, Path] | None,
        typer.Option("--direction", metavar="WITH WITHOUT", help="Folders of images with an attribute, and without."),
    ] = None,
    strengths: Annotated[
        str | None,
        typer.Option("--strengths", metavar="LIST", help="How far along --direction, -2,-1,0,1,2 if not said."),
    ] = None,
    size: _Size = 512,
    model: _Model = None,
    as_json: AsJson = False,
) -> None:
    """Add images to one and subtract others from it, or move it along an attribute."""
    others = [("-", path) for path in minus or ()] + [("+", path) for path in plus or ()]
    if bool(others) == (direction is not None):
        raise InvalidRequestError("say what to do: --minus and --plus, or --direction")
    if direction is None and strengths is not None:
        raise InvalidRequestError("--strengths are of a --direction, and none is given")
    steps = _parsed_strengths(strengths or _STRENGTHS)
    _check_free(out)
    operands = _operands(context, model, size)
    if direction is None:
        pictures, facts, text = _added_up(operands, image, others)
    else:
        pictures, facts, text = _varied(operands, image, direction, steps)
    _write(out, pictures)
    _tell(out, pictures, facts, text, as_json=as_json)


def _added_up(operands: "Operands", image: Path, others: "Sequence[tuple[str, Path]]") -> _Drawn:
    from semsearch.images.edit import add_up
    from semsearch.images.pictures import png, strip

    signed = [("+", image), *others]
    latents = [operands.latent(path) for _, path in signed]
    done = add_up(operands.decode, latents, [1.0 if sign == "+" else -1.0 for sign, _ in signed])
    captions = [image.name, *(f"{sign} {path.name}" for sign, path in others), "="]
    pictures = {"result.png": png(done.image), "strip.png": strip([*done.terms, done.image], captions)}
    facts = {"terms": [f"{sign}{path}" for sign, path in signed], "pixel_psnr": _finite(done.pixel_psnr)}
    return pictures, facts, f"against the same sum of pixels: {done.pixel_psnr:.1f} dB"


def _varied(operands: "Operands", image: Path, folders: tuple[Path, Path], strengths: "Sequence[float]") -> _Drawn:
    from semsearch.images.edit import vary

    positive, negative = (operands.latents(folder, left_out=note_left_out) for folder in folders)
    done = vary(operands.decode, operands.latent(image), positive, negative, strengths)
    pictures = _frames(done.images, [f"{strength:+g}" if strength else "0" for strength in strengths])
    facts = {"strengths": list(done.strengths), "with": len(positive), "without": len(negative)}
    return pictures, facts, f"from {counted(len(negative), 'image')} without towards {len(positive)} with"


def _frames(images: "Images", captions: "Sequence[str]") -> dict[str, bytes]:
    """Each image by its number, and all of them as a strip."""
    from semsearch.images.pictures import png, strip

    frames = {f"frame-{number:02d}.png": png(image) for number, image in enumerate(images)}
    return {**frames, "strip.png": strip(images, captions)}


def _measured(path: Path, done: "Reconstruction") -> dict[str, Any]:
    measures = {"psnr": _finite(done.psnr), "ssim": done.ssim, "compression": done.compression}
    return {"image": str(path), "latent": list(done.latent.shape), **measures}


def _reconstructions_text(measured: "Sequence[Mapping[str, Any]]") -> str:
    lines = ["PSNR (dB)   SSIM  COMPRESSION  LATENT        IMAGE"]
    for each in measured:
        psnr = "identical" if each["psnr"] is None else f"{each['psnr']:.2f}"
        latent = " x ".join(map(str, each["latent"]))
        lines.append(f"{psnr:>9}  {each['ssim']:.3f}  {each['compression']:>10.1f}x  {latent:<12}  {each['image']}")
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


def _parsed_strengths(text: str) -> list[float]:
    try:
        strengths = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise InvalidRequestError(f"--strengths is {text!r:.80}; it has to be numbers, like {_STRENGTHS}") from error
    if not all(map(math.isfinite, strengths)):
        raise InvalidRequestError(f"--strengths is {text!r:.80}; all of them have to be finite")
    return strengths


def _operands(context: typer.Context, model: str | None, size: int) -> "Operands":
    from semsearch.images.operands import Operands

    return Operands(_autoencoder(context, model), size)


def _autoencoder(context: typer.Context, model: str | None) -> "TorchAutoencoder":
    from semsearch.images.autoencoder import load_autoencoder
    from semsearch.images.model_folder import BUNDLED_MODEL

    return load_autoencoder(model or BUNDLED_MODEL, device=Shelf.of(context).settings().device)


def _finite(psnr: float) -> float | None:
    """A PSNR for JSON, which has no infinity: `None` if nothing differs."""
    return psnr if math.isfinite(psnr) else None
