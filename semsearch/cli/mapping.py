"""The command that shows a collection as a map: map, and images map, which is the same."""

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semsearch.cli.operands import operand
from semsearch.cli.output import counted, print_json, print_note, print_text
from semsearch.cli.parameters import AsJson, CollectionName, FilterText, parsed_filter
from semsearch.cli.shelf import Shelf

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from semsearch.collection import Collection
    from semsearch.reports import MapAxis, MapReport
    from semsearch.types import AxisEnd, AxisEnds

_END = "each a text, a filter in JSON, doc:ID, or image:PATH"
_SIDE = 64  # pixels of an image on a map
_AT_ONCE = 16  # images drawn at once


def map_collection(
    context: typer.Context,
    collection: CollectionName,
    *,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE.png", help="Draw the map.")] = None,
    label: Annotated[
        str | None, typer.Option("--label", metavar="KEY", help="Metadata key whose values points have as colours.")
    ] = None,
    x: Annotated[
        tuple[str, str] | None,
        typer.Option("--x", metavar="LEFT RIGHT", help=f"What the horizontal axis leads from and to, {_END}."),
    ] = None,
    y: Annotated[
        tuple[str, str] | None,
        typer.Option("--y", metavar="BOTTOM TOP", help=f"What the vertical axis leads from and to, {_END}."),
    ] = None,
    filter_text: FilterText = None,
    as_json: AsJson = False,
) -> None:
    """Project the vectors of a collection to two axes: those of largest variance, or attributes."""
    from semsearch.drawing import check_picture, draw_map

    condition = parsed_filter(filter_text)
    horizontal, vertical = _parsed_ends("--x", x), _parsed_ends("--y", y)
    if out is not None:
        check_picture(out)
    with Shelf.of(context).open(collection) as opened:
        found = opened.map(label=label, x=horizontal, y=vertical, filter=condition)
        pictures = {} if out is None or opened.image_size is None else _pictures(opened, found)
    if out is not None:
        draw_map(found, out, pictures)
        print_note(f"drawn: {out}")
    if as_json:
        print_json(_as_object(found))
    else:
        print_text(_text(collection, found))


def _parsed_ends(option: str, ends: tuple[str, str] | None) -> "AxisEnds | None":
    return None if ends is None else (_parsed_end(option, ends[0]), _parsed_end(option, ends[1]))


def _parsed_end(option: str, text: str) -> "AxisEnd":
    """A filter if it looks like a JSON object, an image or document if it says so, else the text."""
    if text.startswith(("doc:", "image:")):
        named = operand(text)
        return [{"image": named} if isinstance(named, Path) else {"doc": named.document_id}]
    if not text.lstrip().startswith("{"):
        return text
    return parsed_filter(text, option) or {}


def _pictures(opened: "Collection", found: "MapReport") -> "dict[int, npt.NDArray[np.uint8]]":
    """Images, drawn from what is stored of them, for as many points as there is room for."""
    from semsearch.drawing import with_room
    from semsearch.images.pictures import thumbnail
    from semsearch.store.batches import batched

    pictures: dict[int, npt.NDArray[np.uint8]] = {}
    for some in batched(with_room(found.points), _AT_ONCE):
        images = opened.draw([found.document_ids[at] for at in some])
        pictures |= {at: thumbnail(image, _SIDE) for at, image in zip(some, images, strict=True)}
    return pictures


def _as_object(found: "MapReport") -> dict[str, object]:
    axes = [{"low": axis.low, "high": axis.high, "share": round(axis.share, 6)} for axis in found.axes]
    places = found.points.astype(float).round(6).tolist()
    points = [
        {"chunk_id": int(chunk), "document_id": document, "label": label, "x": x, "y": y}
        for chunk, document, label, (x, y) in zip(
            found.chunk_ids, found.document_ids, found.labels, places, strict=True
        )
    ]
    return {"label": found.label, "axes": axes, "points": points}


def _text(name: str, found: "MapReport") -> str:
    """What the axes are, and where the middle of each label lies."""
    lines = [f"{name}: {counted(len(found.points), 'chunk')}"]
    lines += [f"{which}  {_axis_text(axis)}" for which, axis in zip("xy", found.axes, strict=True)]
    if found.label is None:
        return "\n".join(lines)
    members = defaultdict(list)
    for number, label in enumerate(found.labels):
        members[label].append(number)
    lines += ["", f"CHUNKS  MEAN X  MEAN Y  {found.label}"]
    for label, numbers in sorted(members.items(), key=lambda item: (-len(item[1]), item[0] or "")):
        x, y = found.points[numbers].mean(axis=0)
        lines.append(f"{len(numbers):>6}  {x:>6.3f}  {y:>6.3f}  {'-' if label is None else label}")
    return "\n".join(lines)


def _axis_text(axis: "MapAxis") -> str:
    share = f"{axis.share:.1%} of the variance"
    if axis.low is None:
        return f"direction of largest variance, {share}"
    return f"{axis.low} (-1) to {axis.high} (1), {share}"
