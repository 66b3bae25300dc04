"""The command that measures: tune."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semsearch.cli.output import print_json, print_note, print_text
from semsearch.cli.parameters import AsJson, CollectionName
from semsearch.cli.shelf import Shelf
from semsearch.errors import InvalidRequestError, MissingDependencyError

if TYPE_CHECKING:
    from semsearch.types import Curve


def tune(
    context: typer.Context,
    collection: CollectionName,
    *,
    queries: Annotated[
        Path | None,
        typer.Option("--queries", metavar="FILE", help="Queries as users ask them: one a line, or .jsonl with text."),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE.png", help="Draw recall against queries per second.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure the index against exact search, and have searches go by it."""
    texts = None if queries is None else _read_queries(queries)
    with Shelf.of(context).open(collection) as opened:
        curve = opened.tune(texts)
        name = opened.info().name
    if plot is not None:
        _draw(curve, name, plot)
        print_note(f"drawn: {plot}")
    if as_json:
        print_json({"collection": name, "curve": [point._asdict() for point in curve]})
    else:
        print_text(_table(curve))


def _read_queries(path: Path) -> list[str]:
    """The queries of a file, blank lines left out; raises InvalidRequestError."""
    try:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        return [json.loads(line)["text"] for line in lines] if path.suffix == ".jsonl" else lines
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidRequestError(f"--queries {path} cannot be read as queries: {error}") from error


def _table(curve: "Curve") -> str:
    lines = ["ALLOWED  NPROBE  CANDIDATES  RECALL@10  RECALL@100  MS A QUERY"]
    lines += [
        f"{point.share:>7.0%}  {point.nprobe:>6}  {point.candidates:>10}  {point.recall_at_10:>9.3f}"
        f"  {point.recall_at_100:>10.3f}  {point.milliseconds:>10.3f}"
        for point in curve
    ]
    return "\n".join(lines)


def _draw(curve: "Curve", name: str, path: Path) -> None:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError("--plot needs matplotlib: pip install 'semsearch[plot]'") from error
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot(
        title=f"{name}: what the index finds, and how fast",
        xlabel="knn_recall (lower bound)",
        ylabel="queries a second on one core",
        yscale="log",
    )
    for field, style, label in (("recall_at_10", "o-", "10 neighbours"), ("recall_at_100", "s--", "100 neighbours")):
        best = _best(curve, field)
        axes.plot([x for x, _, _ in best], [y for _, y, _ in best], style, label=label)
        if field == "recall_at_10":
            for recall, speed, nprobe in best[::2]:
                axes.annotate(
                    f"nprobe {nprobe}", (recall, speed), fontsize=7, xytext=(4, 4), textcoords="offset points"
                )
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    try:
        figure.savefig(path, dpi=150)
    except (OSError, ValueError) as error:
        raise InvalidRequestError(f"--plot {path} cannot be written: {error}") from error


def _best(curve: "Curve", field: str) -> list[tuple[float, float, int]]:
    """Recall, queries a second and nprobe of the unfiltered points that find more than every faster one."""
    best: list[tuple[float, float, int]] = []
    for point in sorted(curve, key=lambda point: point.milliseconds):
        if point.share == 1.0 and getattr(point, field) > (best[-1][0] if best else 0.0):
            best.append((getattr(point, field), 1_000 / point.milliseconds, point.nprobe))
    return best
