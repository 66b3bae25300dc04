"""load_beir: what is read, and what is said about what cannot be."""

import json
from pathlib import Path

import pytest

from semsearch.errors import InvalidRequestError
from semsearch.evaluation import load_beir

HEADER = "query-id\tcorpus-id\tscore\n"


def beir(folder: Path, queries: list[object] | str, qrels: str, split: str = "test") -> Path:
    text = queries if isinstance(queries, str) else "".join(json.dumps(query) + "\n" for query in queries)
    (folder / "queries.jsonl").write_text(text, encoding="utf-8")
    (folder / "qrels").mkdir(exist_ok=True)
    (folder / "qrels" / f"{split}.tsv").write_text(qrels, encoding="utf-8")
    return folder


QUERIES: list[object] = [{"_id": "q1", "text": "cats"}, {"_id": "q2", "text": "dogs", "metadata": {}}]


def test_the_judged_queries_and_their_grades_are_read(tmp_path: Path) -> None:
    qrels = "q1\td1\t2\nq1\td2\t0\nq2\td1\t-1\n"
    assert load_beir(beir(tmp_path, QUERIES, HEADER + qrels)) == (
        {"q1": "cats", "q2": "dogs"},
        {"q1": {"d1": 2, "d2": 0}, "q2": {"d1": -1}},
    )


def test_queries_without_judgments_are_left_out(tmp_path: Path) -> None:
    assert load_beir(beir(tmp_path, QUERIES, HEADER + "q2\td1\t1\n"))[0] == {"q2": "dogs"}


def test_qrels_need_no_header_and_may_have_blank_lines(tmp_path: Path) -> None:
    assert load_beir(beir(tmp_path, QUERIES, "q1\td1\t1\n\nq2\td1\t1"))[1] == {"q1": {"d1": 1}, "q2": {"d1": 1}}


def test_lines_may_end_as_on_windows(tmp_path: Path) -> None:
    folder = beir(tmp_path, "", "")
    (folder / "queries.jsonl").write_bytes(b'{"_id": "q1", "text": "cats"}\r\n')
    (folder / "qrels/test.tsv").write_bytes(HEADER.replace("\n", "\r\n").encode() + b"q1\td1\t1\r\n")
    assert load_beir(folder) == ({"q1": "cats"}, {"q1": {"d1": 1}})


def test_ids_may_have_spaces_and_a_text_a_line_separator(tmp_path: Path) -> None:
    line = '{"_id": "a query", "text": "one\u2028two"}\n'
    assert load_beir(beir(tmp_path, line, "a query\ta document\t1\n")) == (
        {"a query": "one\u2028two"},
        {"a query": {"a document": 1}},
    )


def test_another_split_is_read_where_it_is_asked_for(tmp_path: Path) -> None:
    beir(tmp_path, QUERIES, "q1\td1\t1\n")
    beir(tmp_path, QUERIES, "q2\td1\t1\n", split="dev")
    assert load_beir(str(tmp_path), "dev")[1] == {"q2": {"d1": 1}}


def test_a_split_that_is_not_there_is_an_error_that_lists_those_that_are(tmp_path: Path) -> None:
    beir(tmp_path, QUERIES, "q1\td1\t1\n", split="train")
    beir(tmp_path, QUERIES, "q1\td1\t1\n", split="dev")
    with pytest.raises(InvalidRequestError, match=r"no judgments at .*test\.tsv; splits in this folder: dev, train"):
        load_beir(tmp_path)


def test_a_folder_without_judgments_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="splits in this folder: none"):
        load_beir(tmp_path / "absent")


def test_a_folder_without_queries_is_an_error(tmp_path: Path) -> None:
    (beir(tmp_path, QUERIES, "q1\td1\t1\n") / "queries.jsonl").unlink()
    with pytest.raises(InvalidRequestError, match=r"queries\.jsonl cannot be read"):
        load_beir(tmp_path)


@pytest.mark.parametrize("qrels", ["", HEADER, "\n\n"])
def test_qrels_that_judge_nothing_are_an_error(tmp_path: Path, qrels: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"test\.tsv judges no query"):
        load_beir(beir(tmp_path, QUERIES, qrels))


@pytest.mark.parametrize("line", ["q1 d1 1", "q1\td1", "q1\td1\tyes", "q1\td1\t1.0", "q1\td1\t", "q1\t0\td1\t1"])
def test_a_malformed_judgment_is_told_with_its_line(tmp_path: Path, line: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"test\.tsv, line 3: it has to be a query id, a document id and"):
        load_beir(beir(tmp_path, QUERIES, f"{HEADER}q1\td1\t1\n{line}\n"))


def test_two_grades_for_the_same_pair_are_an_error_and_the_same_grade_twice_is_not(tmp_path: Path) -> None:
    assert load_beir(beir(tmp_path, QUERIES, "q1\td1\t1\nq1\td1\t1\n"))[1] == {"q1": {"d1": 1}}
    with pytest.raises(InvalidRequestError, match="line 2: 'd1' has the grade 2, and 1 further up"):
        load_beir(beir(tmp_path, QUERIES, "q1\td1\t1\nq1\td1\t2\n"))


@pytest.mark.parametrize(
    "line",
    [
        "cats",
        "[]",
        "3",
        '{"_id": "q3"}',
        '{"text": "cats"}',
        '{"_id": 3, "text": "cats"}',
        '{"_id": "q3", "text": null}',
        '{"_id": "q3", "text": " "}',
        "[" * 100_000,
    ],
)
def test_a_malformed_query_is_told_with_its_line(tmp_path: Path, line: str) -> None:
    queries = f'{{"_id": "q1", "text": "cats"}}\n{line}\n'
    with pytest.raises(InvalidRequestError, match=r"queries\.jsonl, line 2: "):
        load_beir(beir(tmp_path, queries, "q1\td1\t1\n"))


def test_a_query_that_is_there_twice_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="line 3: the _id 'q1' is there a second time"):
        load_beir(beir(tmp_path, [*QUERIES, QUERIES[0]], "q1\td1\t1\n"))


def test_a_judged_query_without_a_text_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match=r"judges the query 'q9', which queries\.jsonl does not have"):
        load_beir(beir(tmp_path, QUERIES, "q1\td1\t1\nq9\td1\t1\n"))


def test_a_file_that_is_not_utf_8_is_an_error(tmp_path: Path) -> None:
    (beir(tmp_path, QUERIES, "q1\td1\t1\n") / "qrels/test.tsv").write_bytes(b"q1\t\xff\t1\n")
    with pytest.raises(InvalidRequestError, match=r"test\.tsv cannot be read: 'utf-8' codec"):
        load_beir(tmp_path)
