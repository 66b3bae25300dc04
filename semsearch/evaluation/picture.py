"""An evaluation or a comparison as a picture, by matplotlib; the numbers come from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from semsearch.drawing import check_picture, save
from semsearch.evaluation.results import Comparison, Evaluation

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from matplotlib.axes import Axes

_COLOURS = ("#3b6ea5", "#d98032")
_GREY = "#9a9a9a"


def draw(result: Evaluation | Comparison, path: str | Path) -> None:
    """Write a picture: each measure with its interval, and for a comparison the gain of every query in the first one.

    Raises:
        MissingDependencyError: matplotlib is not installed.
        InvalidRequestError: the file cannot be written, or the end of its name says no kind of picture.
    """
    check_picture(path)
    from matplotlib.figure import Figure

    if isinstance(result, Comparison):
        figure = Figure(figsize=(11, 4.5), layout="constrained")
        left, right = figure.subplots(1, 2)
        _draw_measures(left, {f"A: {result.a.label}": result.a, f"B: {result.b.label}": result.b})
        _draw_gains(right, result)
    else:
        figure = Figure(figsize=(6.5, 4.5), layout="constrained")
        _draw_measures(figure.subplots(), {result.label: result})
    save(figure, path)


def _draw_measures(axes: Axes, evaluations: Mapping[str, Evaluation]) -> None:
    """A bar for each measure that all of them have, in as many colours as there are evaluations."""
    first, *others = evaluations.values()
    names = [name for name in first.measures if all(name in each.measures for each in others)]
    width = 0.8 / len(evaluations)
    for number, ((label, evaluation), colour) in enumerate(zip(evaluations.items(), _COLOURS, strict=False)):
        estimates = [evaluation.measures[name] for name in names]
        means = np.array([each.mean for each in estimates])
        reach = np.array([[each.mean - each.low for each in estimates], [each.high - each.mean for each in estimates]])
        places = np.arange(len(names)) + (number - (len(evaluations) - 1) / 2) * width
        axes.bar(places, means, width, color=colour, label=label, yerr=reach, capsize=3, ecolor="#333333")
        for place, estimate in zip(places, estimates, strict=True):
            axes.text(place, estimate.high + 0.015, f"{estimate.mean:.3f}", ha="center", va="bottom", fontsize=8)
    axes.set(
        title=f"{len(first.run)} {'query' if len(first.run) == 1 else 'queries'}, mean and 95 % interval",
        ylim=(0, 1.12),
        xticks=np.arange(len(names)),
        xticklabels=names,
    )
    axes.set_yticks(np.arange(0, 1.01, 0.2))
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), frameon=False)


def _draw_gains(axes: Axes, comparison: Comparison) -> None:
    name, difference = next(iter(comparison.differences.items()))
    gains = np.sort(np.array(list(difference.values.values())))[::-1]
    colours = np.where(gains > 0, _COLOURS[1], np.where(gains < 0, _COLOURS[0], _GREY))
    axes.bar(np.arange(len(gains)), gains, 1.0, color=list(colours))
    axes.axhline(0, color="#333333", linewidth=0.8)
    axes.axhline(difference.mean, color="#333333", linewidth=1, linestyle="--")
    axes.axhspan(difference.low, difference.high, color=_GREY, alpha=0.25)
    axes.set(
        title=f"{name} of each query: B - A",
        xlabel=(
            f"{difference.better} better, {difference.equal} equal, {difference.worse} worse\n"
            f"mean {difference.mean:+.3f} ({difference.low:+.3f} to {difference.high:+.3f}), p = {difference.p:.2g}"
        ),
        xticks=[],
        ylim=(-1.05, 1.05),
    )
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
