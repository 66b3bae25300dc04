"""Queries and judgments in the files of BEIR: `queries.jsonl` and `qrels/<split>.tsv`; documents are not read here.

The layout is that of Thakur et al., "BEIR: a heterogeneous benchmark for zero-shot evaluation of information retrieval
models" (2021).
"""

import json
from collections.abc import Iterator
from pathlib import Path

from semsearch.errors import InvalidRequestError

_HEADER = "query-id\tcorpus-id\tscore"


def load_beir(folder: str | Path, split: str = "test") -> tuple[dict[str, str], dict[str, dict[str, int]]]:
    """The judged queries of a split, text by id, and their judgments, grades by query id and document id.

    Raises:
        InvalidRequestError: a file is missing or cannot be read, a line is malformed (its number is told), a judged
            query has no text, or no query is judged.
    """
    folder = Path(folder)
    path = folder / "qrels" / f"{split}.tsv"
    if not path.is_file():
        splits = ", ".join(sorted(each.stem for each in path.parent.glob("*.tsv"))) or "none"
        raise InvalidRequestError(f"there are no judgments at {path}; splits in this folder: {splits}")
    qrels = _read_qrels(path)
    if not qrels:
        raise InvalidRequestError(f"{path} judges no query")
    texts = _read_queries(folder / "queries.jsonl")
    for query_id in qrels:
        if query_id not in texts:
            raise InvalidRequestError(f"{path} judges the query {query_id!r}, which queries.jsonl does not have")
    return {query_id: texts[query_id] for query_id in qrels}, qrels


def _read_queries(path: Path) -> dict[str, str]:
    texts: dict[str, str] = {}
    for where, line in _lines(path):
        try:
            query = json.loads(line)
            query_id, text = query["_id"], query["text"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise InvalidRequestError(
                f'{where}: it has to be {{"_id": ..., "text": ...}}, and is {line:.80}'
            ) from error
        if not isinstance(query_id, str) or not isinstance(text, str) or not text.strip():
            raise InvalidRequestError(f"{where}: _id and text have to be strings, and not empty: {line:.80}")
        if query_id in texts:
            raise InvalidRequestError(f"{where}: the _id {query_id!r} is there a second time")
        texts[query_id] = text
    return texts


def _read_qrels(path: Path) -> dict[str, dict[str, int]]:
    qrels: dict[str, dict[str, int]] = {}
    for where, line in _lines(path):
        if line == _HEADER:
            continue
        try:
            query_id, document_id, score = line.split("\t")
            grade = int(score)
        except ValueError as error:
            wanted = "a query id, a document id and a whole number, with tabs between them"
            raise InvalidRequestError(f"{where}: it has to be {wanted}, and is {line!r:.80}") from error
        known = qrels.setdefault(query_id, {}).setdefault(document_id, grade)
        if known != grade:
            raise InvalidRequestError(f"{where}: {document_id!r} has the grade {grade}, and {known} further up")
    return qrels


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """Lines that are not blank, each with where it is."""
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield f"{path}, line {number}", line.rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequestError(f"{path} cannot be read: {error}") from error
