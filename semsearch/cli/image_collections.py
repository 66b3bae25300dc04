"""The commands for collections of images: images add, images search."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semsearch.cli.adding import AllFiles, RetryFailed, TargetRecall
from semsearch.cli.ingesting import Files, Target, ingest
from semsearch.cli.output import print_json, print_note, print_text, result_text
from semsearch.cli.parameters import (
    AsJson,
    CollectionName,
    Cursor,
    Exact,
    Explain,
    Facets,
    FilterText,
    MinScore,
    Sort,
    Verbose,
    parsed_filter,
)
from semsearch.cli.parameters import TargetRecall as SearchedRecall
from semsearch.cli.shelf import Shelf
from semsearch.errors import InvalidRequestError
from semsearch.files import write_new

if TYPE_CHECKING:
    from semsearch.collection import Collection
    from semsearch.images.protocol import Images
    from semsearch.types import SearchResult

_DRAWN = 12  # hits at most in a picture


def add(
    context: typer.Context,
    collection: CollectionName,
    paths: Annotated[list[str], typer.Argument(metavar="PATH", help="Image files, folders and globs.")],
    *,
    model: Annotated[
        str | None,
        typer.Option("--model", help="For a new collection: an autoencoder, if not the one that comes along."),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option("--size", metavar="N", help="For a new collection: side of the squares that images are cut to."),
    ] = None,
    target_recall: TargetRecall = None,
    precision: Annotated[
        str | None,
        typer.Option(
            "--precision",
            metavar="auto|float32|bfloat16|float16",
            help="For a new collection: what its model computes in, auto if not said.",
        ),
    ] = None,
    retry_failed: RetryFailed = False,
    files: AllFiles = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Add images, or replace them by id.

    A collection of images that does not exist is created. Files that have not changed are not read again. What cannot
    be read as an image is reported, and the others are added all the same; the exit code is then 2.
    """
    target = Target(
        Shelf.of(context),
        collection,
        model,
        target_recall=target_recall,
        precision=precision,
        images=True,
        image_size=size,
    )
    ingest(target, Files(paths, retry_failed=retry_failed), files=files, verbose=verbose, as_json=as_json)


def search(
    context: typer.Context,
    collection: CollectionName,
    image: Annotated[Path | None, typer.Argument(metavar="IMAGE", help="An image file to find the like of.")] = None,
    *,
    expression: Annotated[
        str | None,
        typer.Option("--expression", metavar="TEXT", help="What to combine: 'image:\"a.jpg\" + doc:b - 0.5*doc:c'."),
    ] = None,
    words: Annotated[
        str | None, typer.Option("--words", metavar="QUERY", help="Words of captions, by themselves or as well.")
    ] = None,
    k: Annotated[int, typer.Option("-k", help="Hits asked for.")] = 10,
    filter_text: FilterText = None,
    target_recall: SearchedRecall = None,
    exact: Exact = False,
    explain: Explain = False,
    min_score: MinScore = None,
    facets: Facets = None,
    sort: Sort = None,
    cursor: Cursor = None,
    picture: Annotated[
        Path | None,
        typer.Option("--picture", metavar="FILE.png", help="Draw the query and the hits, these from their latents."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find the images that look most like another one."""
    condition = parsed_filter(filter_text)
    if picture is not None:
        _check_picture(picture)
    with Shelf.of(context).open(collection) as opened:
        if opened.image_size is None:
            raise InvalidRequestError(f"{collection} is no collection of images: use semsearch search")
        result = opened.search(
            words,
            image=image,
            expression=expression,
            k=k,
            filter=condition,
            target_recall=target_recall,
            exact=exact,
            explain=explain,
            min_score=min_score,
            facets=facets or (),
            sort=sort,
            cursor=cursor,
        )
        if picture is not None:
            _draw(opened, image, result, picture)
    if as_json:
        print_json(asdict(result))
        return
    print_text(result_text(result, explain=explain))
    if result.nearest is not None:
        print_note(f"of all images, the one nearest to what was combined has the cosine {result.nearest:.3f}")


def _draw(opened: "Collection", image: Path | None, result: "SearchResult", picture: Path) -> None:
    """A strip of the query, if it is an image, and of the first hits, with their scores."""
    from semsearch.images.pictures import strip

    hits = result.hits[:_DRAWN]
    drawn: list[Images] = []
    captions = [f"{hit.score:.3f}  {Path(hit.document_id).name}" for hit in hits]
    if image is not None:
        drawn, captions = [_query(image, opened.image_size or 0)], [f"query  {image.name}", *captions]
    if hits:
        drawn += list(opened.draw([hit.document_id for hit in hits]))
    if not drawn:
        print_note("nothing is drawn: there is no hit")
        return
    try:
        write_new(picture, strip(drawn, captions))
    except OSError as error:
        raise InvalidRequestError(f"--picture {picture} cannot be written: {error}") from error
    print_note(f"drawn: {picture}")


def _query(image: Path, size: int) -> "Images":
    from semsearch.images.embedder import to_square

    square: Images = (to_square(image, size) / 255).astype("float32")
    return square


def _check_picture(picture: Path) -> None:
    if picture.suffix.lower() != ".png":
        raise InvalidRequestError(f"--picture is {str(picture)!r:.80}; the picture is a PNG: name it so")
    if picture.exists():
        raise InvalidRequestError(f"--picture {picture} is there already, and nothing is overwritten: name a new file")
