"""From results/peers.json to tables and a picture: beside it after every run, and in docs by `python peers_report.py`.

Queries a second are compared at equal recall: interpolated between the two settings of a peer that lie around it.
"""

import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from peers_picture import draw
from report import RESULTS

DOCS = Path(__file__).resolve().parents[1] / "docs"
PICTURE = "benchmarks-indexes.png"
TARGETS = (0.95, 0.98)
BASELINE = "hnswlib"
RATES = {"batch_qps": "batch", "single_qps": "single"}
BEGIN, END = "<!-- peers: begin -->\n", "<!-- peers: end -->\n"
Figures = dict[str, Any]


def main() -> None:
    """Put the tables of the last run between the marks in docs/benchmarks.md, and its picture beside it."""
    page = DOCS / "benchmarks.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        sys.exit(f"{page} has no marks {BEGIN.strip()} and {END.strip()} to put the tables between")
    page.write_text(f"{before}{BEGIN}\n{report(DOCS)}\n{END}{after}", encoding="utf-8")


def report(folder: Path) -> str:
    """Markdown of results/peers.json; the picture is drawn into `folder`."""
    result = json.loads((RESULTS / "peers.json").read_text(encoding="utf-8"))
    figures = result["figures"]
    lines = list(heading(result))
    if "indexes" in figures:
        draw(figures["indexes"], folder / PICTURE)
        lines += index_tables(figures["indexes"])
    for each in figures.get("databases", ()):
        lines += database_tables(each)
    return "\n".join(lines) + "\n"


def heading(result: Figures) -> Iterator[str]:
    machine, parameters = result["machine"], result["parameters"]
    yield (
        f"{result['time'][:10]}, commit {result['commit'][:10]}{' with changes' if result['dirty'] else ''}, "
        f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}; k = {parameters['k']}, "
        f"{parameters['rounds']} rounds, `{result['command']}`."
    )
    parts = [result["figures"].get("indexes", {}), *result["figures"].get("databases", ())]
    peers = [peer for part in parts for peer in part.get("peers", {}).values()]
    versions = {name: number for peer in peers for name, number in peer.get("versions", {}).items()}
    yield "Versions: " + ", ".join(f"{name} {number}" for name, number in sorted(versions.items())) + "."


def index_tables(part: Figures) -> Iterator[str]:
    """What indexes cost, and for each set of queries how fast they are at equal recall."""
    peers = {name: peer for name, peer in part["peers"].items() if "error" not in peer}
    yield f"\n### Vector indexes, {part['rows']:,} vectors\n\n![Recall against queries a second]({PICTURE})\n"
    costs = ("build_seconds", "disk_bytes", "loaded_bytes", "searched_bytes")
    yield from table(
        ("index", "build and save", "on disk", "memory, loaded", "memory, searched"),
        [(name, *(amount(peer, cost) for cost in costs)) for name, peer in peers.items()],
    )
    yield from failures(part)
    columns = [(rate, target) for rate in RATES for target in TARGETS]
    for scenario in dict.fromkeys(point["scenario"] for peer in peers.values() for point in peer["points"]):
        speeds = {
            name: [at_recall(points_of(peer, scenario), *column) for column in columns] for name, peer in peers.items()
        }
        yield f"\nQueries a second, {scenario}; in brackets how many times {BASELINE}'s:\n"
        yield from table(
            ("index", *(f"{RATES[rate]}, recall {target}" for rate, target in columns)),
            [(name, *map(beside, some, speeds.get(BASELINE, [None] * len(some)))) for name, some in speeds.items()],
        )


def database_tables(part: Figures) -> Iterator[str]:
    """What databases cost, and what one search costs and finds in every scenario."""
    peers = {name: peer for name, peer in part["peers"].items() if "error" not in peer}
    costs = ("build_seconds", "remove_seconds", "disk_bytes", "memory_bytes")
    yield f"\n### Databases, {part['rows']:,} passages\n"
    yield from table(
        ("database", "add and build", "delete 20 %", "on disk", "memory, searched"),
        [(name, *(amount(peer, cost) for cost in costs)) for name, peer in peers.items()],
    )
    yield from failures(part)
    scenarios = list(dict.fromkeys(point["scenario"] for peer in peers.values() for point in peer["points"]))
    settings = [(name, point["setting"]) for name, peer in peers.items() for point in points_of(peer, scenarios[0])]
    yield "\nOne search: knn_recall@10, milliseconds at the median / at the 95th percentile:\n"
    yield from table(
        ("database", "setting", *scenarios),
        [
            (name, setting, *(answer(points_of(peers[name], scenario, setting)) for scenario in scenarios))
            for name, setting in settings
        ],
    )


class Speed(NamedTuple):
    """Queries a second at some recall, or at least so many: all of a peer's settings find more."""

    qps: float
    at_least: bool


def at_recall(points: list[Figures], rate: str, target: float) -> Speed | None:
    """At this recall, between the two best points around it, in the logarithm; None if it is not reached."""
    best: list[Figures] = []
    for point in sorted(points, key=lambda point: (-point["knn_recall"], -point[rate])):
        if not best or point[rate] > best[-1][rate]:
            best.append(point)
    above = [point for point in best if point["knn_recall"] >= target]
    below = best[len(above) :]
    if not above or not below:
        return Speed(above[-1][rate], at_least=True) if above else None
    right, left = above[-1], below[0]
    share = (right["knn_recall"] - target) / (right["knn_recall"] - left["knn_recall"])
    return Speed(math.exp(share * math.log(left[rate]) + (1 - share) * math.log(right[rate])), at_least=False)


def beside(speed: Speed | None, baseline: Speed | None) -> str:
    if speed is None:
        return "not reached"
    told = f"{'≥ ' if speed.at_least else ''}{speed.qps:,.0f}"
    if baseline is None or baseline.at_least:
        return told
    return f"{told} ({'≥ ' if speed.at_least else ''}{speed.qps / baseline.qps:.2f})"


def answer(points: list[Figures]) -> str:
    """A scenario's one point in a cell."""
    told = [f"{point['knn_recall']:.3f}, {point['median_ms']:.2f} / {point['p95_ms']:.2f} ms" for point in points]
    told += [f"**{point[fault]:.0f} {fault}**" for point in points for fault in ("short", "wrong") if point[fault]]
    return ", ".join(told)


def points_of(peer: Figures, scenario: str, setting: str | None = None) -> list[Figures]:
    return [point for point in peer["points"] if point["scenario"] == scenario and setting in (None, point["setting"])]


def amount(peer: Figures, name: str) -> str:
    return f"{peer[name]:,.1f} s" if name.endswith("seconds") else f"{peer[name] / 1e6:,.0f} MB"


def failures(part: Figures) -> Iterator[str]:
    """The peers that could not be measured, and why."""
    for name, peer in part["peers"].items():
        if "error" in peer:
            yield f"\n{name} was not measured: {peer['error']}"


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    for row in (head, ("---",) * len(head), *rows):
        yield f"| {' | '.join(row)} |"


if __name__ == "__main__":
    main()
