"""The commands for images, `semsearch images ...`; here: train."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semsearch.cli.output import counted, note_left_out, print_json, print_text
from semsearch.cli.parameters import AsJson
from semsearch.cli.progress import progress_bar
from semsearch.cli.shelf import Shelf

if TYPE_CHECKING:
    from semsearch.images.training import TrainingProgress

app = typer.Typer(help="Images: collections of them, and what autoencoders make of them.", rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """Images: collections of them, and what autoencoders make of them."""


@app.command("train")
def train(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Photographs to learn from, also in its folders.")],
    *,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where checkpoints, samples and the model go.")],
    steps: Annotated[int, typer.Option("--steps", help="Steps in all, those before a --resume included.")] = 12_000,
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the newest checkpoint in --out.")] = False,
    as_json: AsJson = False,
) -> None:
    """Train an autoencoder on a folder of photographs.

    The model has 1/8 of the sides and 4 channels; its folder can be loaded wherever an autoencoder is named.
    """
    from semsearch.images.loading import images_in
    from semsearch.images.training import Schedule, train

    paths = [path for path, _ in images_in(folder, note_left_out)]
    device = Shelf.of(context).settings().device
    with progress_bar(steps, "steps", shown=not as_json) as bar:

        def show(progress: "TrainingProgress") -> None:
            bar.update(progress.step - bar.n)
            bar.set_postfix_str(f"{progress.psnr:.1f} dB")

        model = train(paths, out, Schedule(steps=steps), device=device, resume=resume, progress=show)
    if as_json:
        print_json({"model": str(model), "steps": steps, "images": len(paths)})
    else:
        print_text(f"{model}: trained on {counted(len(paths), 'image')}, {counted(steps, 'step')}")
