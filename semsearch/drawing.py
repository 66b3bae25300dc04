"""Pictures by matplotlib: whether one can be drawn, the map of a collection; pictures of measurements are elsewhere."""

from __future__ import annotations

import textwrap
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from semsearch.errors import InvalidRequestError, MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from semsearch.reports import MapAxis, MapReport

_MOST_LABELS = 10  # as many as there are colours that can be told apart
_OTHERS = "#bbbbbb"
_ACROSS, _DOWN = 15, 12  # pictures that have room side by side, and one above the other
_FINER = 3  # places for each of them that are tried
_CELL = 29  # typographic points of a picture's side


def check_picture(path: str | Path) -> None:
    """Raise what drawing would for want of matplotlib, or for a name that it cannot write."""
    try:
        from matplotlib.backend_bases import FigureCanvasBase
    except ImportError as error:
        raise MissingDependencyError("drawing needs matplotlib: pip install 'semsearch[plot]'") from error
    kinds = FigureCanvasBase.get_supported_filetypes()
    if Path(path).suffix.removeprefix(".") not in kinds:
        raise InvalidRequestError(f"{path} cannot be drawn: its name has to end in one of {', '.join(sorted(kinds))}")
    if not Path(path).absolute().parent.is_dir():
        raise InvalidRequestError(f"{path} cannot be written: there is no such folder")


def save(figure: Figure, path: str | Path) -> None:
    """Write a picture; raises InvalidRequestError if that cannot be."""
    try:
        figure.savefig(path, dpi=150)
    except OSError as error:
        raise InvalidRequestError(f"{path} cannot be written: {error}") from error


def with_room(points: npt.NDArray[np.float32]) -> list[int]:
    """Which of the points, (n, 2), may have a picture of what they are so that none covers another one; ascending."""
    if not len(points):
        return []
    low, high = points.min(axis=0), points.max(axis=0)
    places = (points - low) / np.where(high > low, high - low, 1) * [_ACROSS, _DOWN]  # (n, 2), in sides of pictures
    _, firsts = np.unique((places * _FINER).astype(np.int64), axis=0, return_index=True)
    chosen: list[int] = []
    for at in firsts.tolist():
        if not chosen or np.abs(places[chosen] - places[at]).max(axis=1).min() >= 1:
            chosen.append(at)
    return sorted(chosen)


def draw_map(found: MapReport, path: str | Path, pictures: Mapping[int, npt.NDArray[np.uint8]] | None = None) -> None:
    """Draw what `Collection.map` gives: a point for each chunk, in the colour of its label.

    The ten most frequent labels have colours of their own, all others are grey.

    Args:
        found: the map.
        path: of the picture.
        pictures: what to show in place of some points, by their numbers: (side, side, 3), framed in the point's colour.

    Raises:
        MissingDependencyError: matplotlib is not installed.
        InvalidRequestError: the file cannot be written, or the end of its name says no kind of picture.
    """
    check_picture(path)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 6.5), layout="constrained")
    axes = figure.subplots()
    colours = _colours(found)
    _draw_points(axes, found, colours)
    for at, picture in (pictures or {}).items():
        _draw_picture(axes, found.points[at], picture, colours[at])
    x, y = found.axes
    axes.set(xlabel=_axis_label(x, "left", "right"), ylabel=_axis_label(y, "bottom", "top"))
    axes.set_title(f"{len(found.points):,} {'chunk' if len(found.points) == 1 else 'chunks'}", loc="left")
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)
    save(figure, path)


def _shown(found: MapReport) -> list[str]:
    """The labels that have colours of their own."""
    return [label for label, _ in Counter(found.labels).most_common() if label is not None][:_MOST_LABELS]


def _colours(found: MapReport) -> list[str]:
    """Of each point."""
    shown = _shown(found)
    others = "C0" if found.label is None else _OTHERS
    return [f"C{shown.index(label)}" if label in shown else others for label in found.labels]


def _draw_points(axes: Axes, found: MapReport, colours: list[str]) -> None:
    """All points, those with other labels or none first, so that they hide none."""
    size = float(np.clip(4_000 / max(len(found.points), 1), 1.5, 30))
    shown = _shown(found)
    numbers = np.array([shown.index(label) if label in shown else -1 for label in found.labels], np.int64)
    legend = {}
    for number in range(-1, len(shown)):
        [members] = np.nonzero(numbers == number)
        points = found.points[members]
        name = f"{_plain(shown[number]) if number >= 0 else 'others'} ({len(points):,})"
        if len(points):
            colour = colours[members[0]]
            legend[name] = axes.scatter(points[:, 0], points[:, 1], s=size, color=colour, linewidths=0, rasterized=True)
    if found.label is not None and legend:
        larger, title = (30 / size) ** 0.5, _plain(found.label)
        axes.legend(legend.values(), legend.keys(), title=title, markerscale=larger, fontsize=8, frameon=False)


def _draw_picture(axes: Axes, point: npt.NDArray[np.float32], picture: npt.NDArray[np.uint8], colour: str) -> None:
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    image = OffsetImage(picture, zoom=_CELL / len(picture))
    x, y = point.tolist()
    frame = {"edgecolor": colour, "facecolor": colour, "linewidth": 1.5}
    axes.add_artist(AnnotationBbox(image, (x, y), pad=0, bboxprops=frame))


def _axis_label(axis: MapAxis, low_side: str, high_side: str) -> str:
    if axis.low is None:
        return f"direction of largest variance ({axis.share:.1%})"
    return _plain(f"{axis.low} ({low_side}) to {axis.high} ({high_side}), {axis.share:.1%} of the variance")


def _plain(text: str) -> str:
    """Text that matplotlib draws as it is, dollars included, and no longer than fits."""
    return textwrap.shorten(text, 100).replace("$", r"\$")
