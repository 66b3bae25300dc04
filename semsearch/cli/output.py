"""What the commands print: JSON, and text for people; what is printed here was computed elsewhere.

Data goes to stdout, everything else to stderr. Text of documents can hold anything; on its way to a person, control
characters become U+FFFD, so that no document can drive a terminal.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import sys
import textwrap
from collections import Counter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from semsearch.reports import AddReport, CollectionInfo, FileReport, SuggestedKey, SyncPlan
    from semsearch.types import (
        Chunking,
        Context,
        Curve,
        Document,
        DocumentSummary,
        Explanation,
        FacetValue,
        Failure,
        Hit,
        Judgment,
        SearchResult,
    )

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_TEXT_LINES = 3  # of a hit
_FAILURES_SHOWN = 20
_NAME_WIDTH = 13  # of `info`


def use_utf8() -> None:
    """Write UTF-8 whatever the locale says; what UTF-8 does not have (lone surrogates) is written as an escape."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def print_json(value: object) -> None:
    """One line of JSON on stdout."""
    print(json.dumps(value, ensure_ascii=False, allow_nan=False))


def print_text(text: str) -> None:
    """Text for a person on stdout."""
    print(_CONTROL.sub("\ufffd", text))


def print_note(text: str) -> None:
    """A message on stderr."""
    print(_CONTROL.sub("\ufffd", f"semsearch: {text}"), file=sys.stderr)


def note_left_out(error: Exception) -> None:
    """Tell of a file that is passed over."""
    print_note(f"left out: {error}")


def print_failures(report: AddReport) -> None:
    """The first failures on stderr, each as "where: reason", and how many more there are."""
    for failure in report.failed[:_FAILURES_SHOWN]:
        named = failure.document_id is None or failure.document_id in failure.where
        where = failure.where if named else f"{failure.where} (id {failure.document_id!r})"
        print_note(f"{where}: {failure.reason}")
    more = len(report.failed) - _FAILURES_SHOWN
    if more > 0:
        print_note(f"{counted(more, 'more failure')}; --json lists all of them")


def report_text(name: str, report: AddReport, seconds: float) -> str:
    """What an `add` did, on one line, and on others what was changed in the texts and what is still to be done."""
    lines = [
        f"{name}: {report.added} added, {report.updated} updated, {report.skipped} skipped, "
        f"{len(report.failed)} failed; {counted(report.chunks, 'chunk')} in {seconds:.1f} s"
    ]
    if report.reused:
        lines[0] += f", {report.reused} more kept their vectors"
    if report.vanished:
        lines.append(f"{counted(report.vanished, 'document')} no longer in their files: sync --remove removes them")
    if report.removed:
        lines.append(f"{counted(report.removed, 'document')} removed that were no longer in their files")
    if unread := [file.path for file in report.files if file.outcome == "unread"]:
        lines.append(f"{counted(len(unread), 'file')} of kinds that are not read: {_kinds(unread)}")
    if report.truncated:
        lines.append(f"{counted(report.truncated, 'chunk')} longer than the model reads")
    if report.replaced:
        lines.append(f"{counted(report.replaced, 'character')} (NUL, lone surrogates) replaced by U+FFFD")
    if report.maintenance is not None:
        lines.append(f"all of it is stored, but the index or the files are not up to date: {report.maintenance}")
    return "\n".join(lines)


def plan_text(name: str, plan: SyncPlan) -> str:
    """What a sync would do, and how long it would take."""
    line = (
        f"{name}: {counted(plan.added, 'file')} to be added, {plan.updated} to be updated, {plan.skipped} unchanged, "
        f"{plan.failed} failed, {plan.vanished} gone; {size(plan.bytes)} to read"
    )
    return f"{line}, about {duration(plan.seconds)} to embed" if plan.seconds else line


def files_text(files: Sequence[FileReport]) -> str:
    """A table of files, with what became of each, and why."""
    rows = [(each.outcome, str(_documents(each)), each.path + _because(each)) for each in files]
    return _table([("OUTCOME", "DOCUMENTS", "FILE"), *rows], _width()) if rows else "no files"


def _documents(file: FileReport) -> int:
    return file.added + file.updated + file.skipped + file.vanished + file.removed


def _because(file: FileReport) -> str:
    return "" if file.reason is None else f": {file.reason}"


def _kinds(paths: Sequence[str]) -> str:
    counts = Counter(PurePosixPath(path).suffix.lower() or "no suffix" for path in paths)
    return ", ".join(f"{count} {kind}" for kind, count in counts.most_common())


def duration(seconds: float) -> str:
    """Seconds for a person."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5_400 else f"{seconds / 3_600:.1f} h"


def result_text(result: SearchResult, *, explain: bool = False) -> str:
    """Hits for a person, each with the beginning of its text, as wide as the terminal; then the counts of values.

    With `explain` each says what it was found by, and its text begins with its best sentence.
    """
    width, rank_width = _width(), max((len(str(hit.rank)) for hit in result.hits), default=0)
    hits = [_hit_text(hit, width, rank_width, explain=explain) for hit in result.hits] or ["no hits"]
    facets = [f"{key}: {_facet_text(values)}" for key, values in result.facets.items()]
    return "\n\n".join([*hits, *facets])


def _facet_text(values: Sequence[FacetValue]) -> str:
    told = (f"{json.dumps(each.value, ensure_ascii=False)} ({each.documents})" for each in values)
    return ", ".join(told) or "no values"


def context_text(context: Context) -> str:
    """The text for a language model, then where each block of it comes from."""
    if not context.citations:
        return f"no hit fits in {context.token_budget} tokens" if context.omitted else "no hits"
    citations = [
        f"[{citation.number}] {citation.document_id} {citation.start}:{citation.end}  {citation.score:.3f}"
        for citation in context.citations
    ]
    used = f"{context.tokens} of {context.token_budget} tokens, {counted(context.omitted, 'hit')} left out"
    return "\n".join([context.text, "", *citations, used])


def document_text(document: Document) -> str:
    """What is known of a document, an empty line, and its text."""
    known = [("id", document.id), ("title", document.title), ("source", document.source)]
    header = [f"{name}: {value}" for name, value in known if value is not None]
    if document.metadata:
        header.append(f"metadata: {json.dumps(document.metadata, ensure_ascii=False)}")
    return "\n".join([*header, "", document.text])


def documents_text(documents: Sequence[DocumentSummary]) -> str:
    """A table of documents; ids are never cut, titles to the width of the terminal."""
    if not documents:
        return "no documents"
    rows = [(each.id, str(each.characters), str(each.chunks), each.title or "") for each in documents]
    return _table([("ID", "CHARACTERS", "CHUNKS", "TITLE"), *rows], _width())


def judgments_text(judgments: Sequence[Judgment]) -> str:
    """A table of judgments; queries are cut to the width of the terminal."""
    if not judgments:
        return "no judgments"
    rows = [(_judged_id(each), str(each.grade), each.query) for each in judgments]
    return _table([("ID", "GRADE", "QUERY"), *rows], _width())


def _judged_id(judgment: Judgment) -> str:
    return judgment.document_id if judgment.known else f"{judgment.document_id} (not there)"


def info_text(info: CollectionInfo) -> str:
    """A line for each fact about a collection."""
    index, recall = "none: every search scans all vectors", None
    if info.index is not None:
        index = f"{counted(info.index.rows, 'vector')} in {info.index.nlist} inverted lists ({info.index.codec}), "
        index += f"{size(info.index.bytes)}, measured {info.index.measured}"
        recall = _recall(info.index.curve, info.target_recall)
    facts = {
        "name": info.name,
        "path": info.path,
        "documents": info.documents,
        "chunks": info.chunks,
        "model": info.model or "none: vectors are brought along",
        "fingerprint": info.fingerprint,
        "dim": info.dim,
        "max_tokens": info.max_tokens,
        "images": None if info.image_size is None else f"brought to {info.image_size} x {info.image_size} pixels",
        "device": info.device,
        "precision": info.precision,
        "index": index,
        "recall": recall,
        "target": f"{info.target_recall} of the exact nearest chunks",
        "chunking": _chunking(info.chunking),
        "tail": f"{counted(info.tail, 'vector')} outside the index",
        "tombstones": info.tombstones,
        "degraded": info.degraded,
        "searched on": info.search_device
        + ("" if info.search_device_degraded is None else f": {info.search_device_degraded}"),
        "files": info.files or None,
        "quarantined": _quarantined(info.quarantined),
        "indexed keys": ", ".join(info.indexed_keys) or None,
        **{f"suggested {number}": _suggestion(each) for number, each in enumerate(info.suggested_keys, 1)},
        "size": size(info.bytes),
        "format": info.format,
        "created": info.created,
    }
    return "\n".join(f"{name:<{_NAME_WIDTH}}{value}" for name, value in facts.items() if value is not None)


def _quarantined(failures: Sequence[Failure]) -> str | None:
    """How many there are, and the first."""
    if not failures:
        return None
    what = counted(len(failures), "failure")
    return f"{what}, --json lists them, add --retry-failed tries again: {failures[0].where}: {failures[0].reason}"


def _chunking(chunking: Chunking) -> str | None:
    """What is not as usual, `None` if nothing is."""
    facts = [None if chunking.method == "tokens" else f"by {chunking.method}"]
    facts.append(None if chunking.tokens is None else f"of up to {counted(chunking.tokens, 'token')}")
    facts.append(f"overlapping by {counted(chunking.overlap, 'token')}" if chunking.overlap else None)
    return ", ".join(fact for fact in facts if fact) or None


def _recall(curve: Curve, target: float) -> str:
    """What searches at the target find, and the most that approximate ones can find."""
    whole = [point for point in curve if point.share == 1.0]
    enough = [point for point in whole if point.recall_at_10 >= target]
    if not enough:
        return f"the index does not reach {target}: searches scan all vectors"
    point, best = min(enough, key=lambda each: each.milliseconds), max(each.recall_at_10 for each in whole)
    return f"{point.recall_at_10:.3f} at nprobe {point.nprobe}; up to {best:.3f}, beyond it searches scan all vectors"


def _suggestion(suggested: SuggestedKey) -> str:
    cost = f"{suggested.searches} searches spent {suggested.milliseconds} ms each on filters by {suggested.key}"
    return f"{suggested.command}  ({cost})"


def counted(number: int, noun: str) -> str:
    """1 chunk, 2 chunks."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def size(number: int) -> str:
    """Bytes for a person."""
    amount = float(number)
    for unit in ("B", "kB", "MB"):
        if amount < 1_000:
            return f"{amount:.3g} {unit}"
        amount /= 1_000
    return f"{amount:.3g} GB"


def _hit_text(hit: Hit, width: int, rank_width: int, *, explain: bool) -> str:
    head = f"{hit.rank:>{rank_width}}  {hit.score:.3f}  "
    place = f"  {hit.start}:{hit.end}" if hit.text else ""  # an image may have no text
    place += "" if hit.page is None else f", page {hit.page}"
    label = _cut(hit.title or hit.document_id, width - len(head) - len(place))
    indent = " " * (rank_width + 2)
    more = [hit.document_id if hit.title and hit.title != hit.document_id else None, hit.heading]
    more += [_explanation_text(hit.explanation)] if explain else []
    more += [f"and {counted(len(hit.duplicates), 'chunk')} nearly the same"] if hit.duplicates else []
    lines = [head + label + place, *(indent + line for line in more if line)]
    if hit.expansion is not None:
        return "\n".join([*lines, textwrap.indent(hit.expansion.text, indent)])
    first = hit.explanation.sentence[0] - hit.start if hit.explanation.sentence is not None else 0
    beginning = " ".join(hit.text[first : first + (_TEXT_LINES + 1) * width].split())
    beginning = f"… {beginning}" if first else beginning
    lines += textwrap.wrap(
        beginning, width, initial_indent=indent, subsequent_indent=indent, max_lines=_TEXT_LINES, placeholder=" …"
    )
    return "\n".join(lines)


def _explanation_text(explanation: Explanation) -> str:
    """Ranks and scores of the ways in which a hit was found."""
    legs = [("meaning", explanation.semantic, 3), ("words", explanation.keyword, 2)]
    legs += [("the reranker", explanation.reranked, 3)]
    told = [
        f"by {name}: {leg.score:.{decimals}f}" + ("" if leg.rank is None else f", rank {leg.rank}")
        for name, leg, decimals in legs
        if leg is not None
    ]
    return "; ".join(told)


def _table(rows: Sequence[Sequence[str]], width: int) -> str:
    """Columns as wide as they need to be; numbers to the right, the last column cut to what room there is."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    room = max(width - sum(widths[:-1]) - 2 * (len(widths) - 1), 0)
    lines = []
    for first, *numbers, last in rows:
        cells = [first.ljust(widths[0]), *(cell.rjust(size) for cell, size in zip(numbers, widths[1:-1], strict=True))]
        lines.append("  ".join([*cells, _cut(last, room)]).rstrip())
    return "\n".join(lines)


def _cut(text: str, width: int) -> str:
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= width else (one_line[: width - 1] + "…" if width > 0 else "")


def _width() -> int:
    """Columns of the terminal, 80 when stdout is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 80
