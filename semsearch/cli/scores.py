"""What `evaluate` prints: tables of measures and of differences for people, and the object that is its JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from semsearch.cli.output import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from semsearch.evaluation import Comparison, Difference, Estimate, Evaluation


def as_json_object(result: Evaluation | Comparison) -> dict[str, Any]:
    """All fields but the rankings, which would be most of it."""
    value = asdict(result)
    for each in (value, value.get("a", {}), value.get("b", {})):
        each.pop("run", None)
    return value


def result_text(result: Evaluation | Comparison) -> str:
    """A table of the measures, or of two configurations' measures and their differences."""
    from semsearch.evaluation import Comparison

    if isinstance(result, Comparison):
        return _comparison_text(result)
    rows = [_estimate_row(name, estimate) for name, estimate in result.measures.items()]
    table = _table([("MEASURE", "MEAN", "95 % INTERVAL"), *rows])
    return "\n".join([f"{result.label}: {_size(result)}", *_unknown(result), "", table, "", _method()])


def _comparison_text(comparison: Comparison) -> str:
    a, b = comparison.a, comparison.b
    rows = [
        (name, f"{a.measures[name].mean:.4f}", f"{b.measures[name].mean:.4f}", *_difference_cells(difference))
        for name, difference in comparison.differences.items()
    ]
    header = ("MEASURE", "A", "B", "B - A", "95 % INTERVAL", "P", "BETTER", "WORSE", "EQUAL")
    lines = [f"A  {a.label}", *_unknown(a), f"B  {b.label}", *_unknown(b), _size(a)]
    return "\n".join([*lines, "", _table([header, *rows]), "", f"{_method()}; P by the paired randomisation test"])


def _estimate_row(name: str, estimate: Estimate) -> tuple[str, ...]:
    return name, f"{estimate.mean:.4f}", f"{estimate.low:.4f} to {estimate.high:.4f}"


def _difference_cells(difference: Difference) -> tuple[str, ...]:
    return (
        f"{difference.mean:+.4f}",
        f"{difference.low:+.4f} to {difference.high:+.4f}",
        f"{difference.p:.4f}",
        *(str(number) for number in (difference.better, difference.worse, difference.equal)),
    )


def _size(evaluation: Evaluation) -> str:
    queries = "1 query" if len(evaluation.run) == 1 else f"{len(evaluation.run)} queries"
    left_out = f" ({evaluation.left_out} without a relevant document left out)" if evaluation.left_out else ""
    return f"{queries}{left_out}, {counted(evaluation.depth, 'document')} each"


def _unknown(evaluation: Evaluation) -> list[str]:
    if not evaluation.unknown_documents:
        return []
    share = f"{evaluation.unknown_documents} of {counted(evaluation.judged_documents, 'judged document')}"
    return [f"{share} not in the collection: relevant ones count as not found"]


def _method() -> str:
    from semsearch.evaluation.significance import RESAMPLES, SEED

    return f"intervals by {RESAMPLES:,} bootstrap samples of the queries, seed {SEED}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they need to be, all but the first to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *cells]))
    return "\n".join(lines)
