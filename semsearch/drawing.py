"""Pictures by matplotlib: whether one can be drawn, the map of a collection; pictures of measurements are elsewhere."""

from __future__ import annotations

import textwrap
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from semsearch.errors import InvalidRequestError, MissingDependencyError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from semsearch.reports import MapAxis, MapReport

_MOST_LABELS = 10  # as many as there are colours that can be told apart
_OTHERS = "#bbbbbb"


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


def draw_map(found: MapReport, path: str | Path) -> None:
    """Draw what `Collection.map` gives: a point for each chunk, in the colour of its label.

    The ten most frequent labels have colours of their own, all others are grey.

    Raises:
        MissingDependencyError: matplotlib is not installed.
        InvalidRequestError: the file cannot be written, or the end of its name says no kind of picture.
    """
    check_picture(path)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 6.5), layout="constrained")
    axes = figure.subplots()
    _draw_points(axes, found)
    x, y = found.axes
    axes.set(xlabel=_axis_label(x, "left", "right"), ylabel=_axis_label(y, "bottom", "top"))
    axes.set_title(f"{len(found.points):,} {'chunk' if len(found.points) == 1 else 'chunks'}", loc="left")
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)
    save(figure, path)


def _draw_points(axes: Axes, found: MapReport) -> None:
    """All points, those with other labels or none first, so that they hide none."""
    size = float(np.clip(4_000 / max(len(found.points), 1), 1.5, 30))
    shown = [label for label, _ in Counter(found.labels).most_common() if label is not None][:_MOST_LABELS]
    numbers = np.array([shown.index(label) if label in shown else -1 for label in found.labels], np.int64)
    legend = {}
    for number in range(-1, len(shown)):
        points = found.points[numbers == number]
        colour = _OTHERS if number < 0 and found.label is not None else f"C{max(number, 0)}"
        name = f"{_plain(shown[number]) if number >= 0 else 'others'} ({len(points):,})"
        if len(points):
            legend[name] = axes.scatter(points[:, 0], points[:, 1], s=size, color=colour, linewidths=0, rasterized=True)
    if found.label is not None and legend:
        larger, title = (30 / size) ** 0.5, _plain(found.label)
        axes.legend(legend.values(), legend.keys(), title=title, markerscale=larger, fontsize=8, frameon=False)


def _axis_label(axis: MapAxis, low_side: str, high_side: str) -> str:
    if axis.low is None:
        return f"direction of largest variance ({axis.share:.1%})"
    return _plain(f"{axis.low} ({low_side}) to {axis.high} ({high_side}), {axis.share:.1%} of the variance")


def _plain(text: str) -> str:
    """Text that matplotlib draws as it is, dollars included, and no longer than fits."""
    return textwrap.shorten(text, 100).replace("$", r"\$")
