"""The picture of peers_report.py: recall against queries a second, a row of panels for each set of queries."""

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # no screen is needed

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MultipleLocator, StrMethodFormatter

PANELS = {"batch_qps": "all at once, all cores", "single_qps": "one after the other, one core"}
# colours and shapes, so that they stay apart for every eye and without colour
STYLES = {
    "semsearch": ("#d55e00", "o"),
    "hnswlib": ("#0072b2", "s"),
    "usearch float16": ("#009e73", "^"),
    "FAISS IVF,Flat": ("#a66f9b", "v"),
    "FAISS IVF,SQfp16": ("#777777", "D"),
}
LEAST_RECALL = 0.8


def draw(part: dict[str, Any], path: Path) -> None:
    """Write the picture of the indexes' figures as PNG."""
    peers = {name: peer for name, peer in part["peers"].items() if "error" not in peer}
    scenarios = list(dict.fromkeys(point["scenario"] for peer in peers.values() for point in peer["points"]))
    shape = {"nrows": len(scenarios), "ncols": len(PANELS), "sharex": True, "sharey": "col", "squeeze": False}
    figure, grid = pyplot.subplots(**shape, figsize=(10, 1.2 + 3.6 * len(scenarios)), layout="constrained")
    for row, scenario in zip(grid, scenarios, strict=True):
        for axes, (rate, title) in zip(row, PANELS.items(), strict=True):
            axes.set_title(f"{scenario}, {title}", fontsize=10)
            for name, peer in peers.items():
                plot(axes, name, [point for point in peer["points"] if point["scenario"] == scenario], rate)
            dress(axes)
        row[0].set_ylabel("queries a second")
    for axes in grid[-1]:
        axes.set_xlabel("knn_recall@10")
    figure.suptitle(f"{part['rows']:,} vectors: higher and farther right is better", fontsize=11)
    figure.legend(*grid[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=len(peers), frameon=False)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def plot(axes: Axes, name: str, points: list[dict[str, Any]], rate: str) -> None:
    """One peer's line through its settings."""
    colour, marker = STYLES[name]
    seen = [point for point in points if point["knn_recall"] >= LEAST_RECALL]
    own = name == "semsearch"
    axes.plot(
        [point["knn_recall"] for point in seen],
        [point[rate] for point in seen],
        color=colour,
        marker=marker,
        markersize=4,
        linewidth=2.4 if own else 1.3,
        zorder=3 if own else 2,
        label=name,
    )


def dress(axes: Axes) -> None:
    """Scales, ticks that can be read, and a grid behind the lines."""
    axes.set_yscale("log")
    axes.set_xlim(LEAST_RECALL, 1.004)
    axes.xaxis.set_major_locator(MultipleLocator(0.02))
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.yaxis.set_minor_locator(LogLocator(subs=()))
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
