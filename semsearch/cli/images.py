"""The commands for images, `semsearch images ...`; here: train."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semsearch.cli.output import counted, note_left_out, print_json, print_text
from semsearch.cli.parameters import AsJson
from semsearch.cli.progress import progress_bar
from semsearch.cli.shelf import Shelf
from semsearch.errors import InvalidRequestError

if TYPE_CHECKING:
    from semsearch.images.training import TrainingProgress

app = typer.Typer(help="Images: collections of them, and what autoencoders make of them.", rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """Images: collections of them, and what autoencoders make of them."""


@app.command("train")
def train(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="FOLDER|COLLECTION",
            help="Photographs: in a folder and its folders, or the files of a collection of images.",
        ),
    ],
    *,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where checkpoints, samples and the model go.")],
    steps: Annotated[int, typer.Option("--steps", help="Steps in all, those before a --resume included.")] = 12_000,
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the newest checkpoint in --out.")] = False,
    as_json: AsJson = False,
) -> None:
    """Train an autoencoder on photographs.

    The model has 1/8 of the sides and 4 channels; its folder can be loaded wherever an autoencoder is named.
    """
    from semsearch.images.training import Schedule, train

    shelf = Shelf.of(context)
    paths, device = _photographs(shelf, name), shelf.settings().device
    with progress_bar(steps, "steps", shown=not as_json) as bar:

        def show(progress: "TrainingProgress") -> None:
            bar.update(progress.step - bar.n)
            bar.set_postfix_str(f"{progress.psnr:.1f} dB")

        model = train(paths, out, Schedule(steps=steps), device=device, resume=resume, progress=show)
    if as_json:
        print_json({"model": str(model), "steps": steps, "images": len(paths)})
    else:
        print_text(f"{model}: trained on {counted(len(paths), 'image')}, {counted(steps, 'step')}")


def _photographs(shelf: Shelf, name: str) -> list[Path]:
    """The image files of a folder; or, of a collection, those of the files that it was made of that are there still."""
    from semsearch.collection.reading import every_document
    from semsearch.images.loading import images_among, images_in
    from semsearch.store.documents import DATABASE

    folder = Path(name)
    if folder.is_dir() and not (folder / DATABASE).exists():
        return [path for path, _ in images_in(folder, note_left_out)]
    with shelf.open(name) as collection:
        if collection.image_size is None:
            raise InvalidRequestError(
                f"{name} is a collection of texts: name one of images, or a folder of photographs"
            )
        sources = [Path(document.source) for document in every_document(collection) if document.source]
    return [path for path, _ in images_among(sources, note_left_out)]
