"""What latent operations on the command line are given, and what of a collection is near to what they give.

Operands are files, or, with `--in COLLECTION`, stored images: `doc:ID`, and `filter:JSON` for all that it matches.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from semsearch.cli.parameters import parsed_filter
from semsearch.cli.shelf import Shelf
from semsearch.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from semsearch.collection import Collection
    from semsearch.images.operands import Operands, StoredImage, StoredImages
    from semsearch.images.protocol import Images, Latents
    from semsearch.types import Hit

In = Annotated[
    str | None,
    typer.Option(
        "--in",
        metavar="COLLECTION",
        help="Whose model it is, whose images doc:ID names, and which of its images are near to each result.",
    ),
]
Neighbours = Annotated[
    int | None,
    typer.Option("--neighbours", metavar="N", help="Stored images that are shown of each result, 3 if not said."),
]
Model = Annotated[
    str | None,
    typer.Option("--model", metavar="MODEL", help="An autoencoder, if not the one that comes along, or that of --in."),
]
Size = Annotated[
    int | None,
    typer.Option("--size", metavar="N", help="Side of the middle square that images are cut to, 512; of --in its own."),
]
_SIZE, _NEIGHBOURS, _MOST = 512, 3, 20
_STORED, _FILE, _MATCHING = "doc:", "image:", "filter:"


@dataclass(frozen=True, slots=True)
class Source:
    """Where operands come from, as the options say."""

    collection: str | None
    model: str | None
    size: int | None = None
    neighbours: int | None = None


@dataclass(frozen=True, slots=True)
class Near:
    """The nearest stored images of some results, best first; none where no collection was asked."""

    hits: "Sequence[Sequence[Hit]]"
    drawn: "dict[str, Images]"

    def below(self, images: "Sequence[Images]", captions: "Sequence[str]") -> bytes:
        """A sheet as PNG: images, and below the last ones, which are the results, a row of what is nearest, and so on.

        Args:
            images: of the size of the stored ones.
            captions: one for each.
        """
        from semsearch.images.pictures import sheet

        rows: list[Sequence[Images | None]] = [images]
        texts = [captions]
        before = len(images) - len(self.hits)
        for rank in range(max(map(len, self.hits), default=0)):
            row = [hits[rank] if rank < len(hits) else None for hits in self.hits]
            rows.append([None] * before + [None if hit is None else self.drawn[hit.document_id] for hit in row])
            texts.append([""] * before + ["" if hit is None else _caption(hit) for hit in row])
        return sheet(rows, texts)

    def facts(self) -> list[list[dict[str, Any]]]:
        """For JSON."""
        return [[{"document_id": hit.document_id, "score": hit.score} for hit in hits] for hits in self.hits]

    def lines(self, names: "Sequence[str]") -> list[str]:
        """A table for people: a line for each result, by its name."""
        if not self.hits:
            return []
        width = max(len("RESULT"), *map(len, names))
        shown = [", ".join(f"{hit.score:.3f} {hit.document_id}" for hit in hits) or "-" for hits in self.hits]
        return [
            f"{name:<{width}}  {each}"
            for name, each in zip(["RESULT", *names], ["NEAREST STORED IMAGES", *shown], strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Workbench:
    """Operands, and the collection that results are compared with."""

    operands: "Operands"
    collection: "Collection | None"
    neighbours: int

    @property
    def model(self) -> str:
        return self.operands.autoencoder.name

    def near(self, latents: "Latents") -> Near:
        """The stored images nearest to each of some latents, (n, C, h, w), drawn from what is stored of them."""
        if self.collection is None or not self.neighbours:
            return Near([], {})
        hits = [self.collection.search(latent=latent, k=self.neighbours).hits for latent in latents]
        ids = list(dict.fromkeys(hit.document_id for found in hits for hit in found))
        drawn = dict(zip(ids, self.collection.draw(ids), strict=True)) if ids else {}
        return Near(hits, drawn)


@contextlib.contextmanager
def workbench(context: typer.Context, source: Source) -> Iterator[Workbench]:
    """Load the model, and open the collection if one is named.

    Raises:
        InvalidRequestError: options do not go together.
        Whatever opening it, and loading the model, raises.
    """
    if source.collection is None:
        yield _of_files(context, source)
        return
    neighbours = _NEIGHBOURS if source.neighbours is None else source.neighbours
    if not 0 <= neighbours <= _MOST:
        raise InvalidRequestError(f"--neighbours is {neighbours}; it is from 0 to {_MOST}")
    with Shelf.of(context).open(source.collection, model=source.model) as opened:
        if opened.image_size is None:
            raise InvalidRequestError(f"--in {source.collection} is no collection of images: name one")
        if source.size not in (None, opened.image_size):
            raise InvalidRequestError(
                f"--size is {source.size}, and the images of {source.collection} are squares of {opened.image_size}: "
                "leave --size out"
            )
        yield Workbench(opened.operands(), opened, neighbours)


def operand(text: str) -> "Path | StoredImage":
    """What is named: a stored image by `doc:ID`, else a file, with or without `image:` in front."""
    from semsearch.images.operands import StoredImage

    if text.startswith(_STORED):
        return StoredImage(text.removeprefix(_STORED))
    return Path(text.removeprefix(_FILE))


def group(option: str, text: str) -> "Path | StoredImages":
    """Several images: those that match `filter:JSON`, else those in a folder.

    Raises:
        InvalidRequestError: what follows `filter:` is no JSON object.
    """
    from semsearch.images.operands import StoredImages

    if text.startswith(_MATCHING):
        return StoredImages(parsed_filter(text.removeprefix(_MATCHING), option) or {})
    return Path(text)


def label(given: "Path | StoredImage") -> str:
    """An operand in a caption: the last part of its path, or of its id."""
    return given.name if isinstance(given, Path) else Path(given.document_id).name


def _caption(hit: "Hit") -> str:
    return f"{hit.score:.3f}  {Path(hit.document_id).name}"


def _of_files(context: typer.Context, source: Source) -> Workbench:
    from semsearch.images.autoencoder import load_autoencoder
    from semsearch.images.model_folder import BUNDLED_MODEL
    from semsearch.images.operands import Operands

    if source.neighbours is not None:
        raise InvalidRequestError("--neighbours are images of a collection: say which, with --in COLLECTION")
    autoencoder = load_autoencoder(source.model or BUNDLED_MODEL, device=Shelf.of(context).settings().device)
    return Workbench(Operands(autoencoder, _SIZE if source.size is None else source.size), None, 0)
