"""search and context: the answers for people and for programs, and questions that cannot be answered."""

import json
from pathlib import Path

import pytest
from cli.command_line import Cli, Write
from model_copies import make_cross_encoder

from semsearch.cli.main import main
from semsearch.collection import Collection


def test_search_json_has_exactly_the_fields_of_the_contract(cli: Cli, pets: str) -> None:
    run = cli("search", pets, "cat on the mat", "-k", "2", "--json")
    assert (run.code, run.err) == (0, "")
    answer = run.json()
    assert list(answer) == ["query", "mode", "hits", "profile", "nearest", "cursor", "facets"]
    assert (answer["query"], answer["mode"]) == ("cat on the mat", "hybrid")
    first = answer["hits"][0]
    assert " ".join(first) == (
        "rank score document_id chunk_id start end page heading text title metadata source explanation "
        "duplicates expansion"
    )
    assert list(first["explanation"]) == ["semantic", "keyword", "fused", "reranked", "words", "sentence"]
    assert (first["rank"], first["document_id"], first["title"]) == (1, "cat", "On cats")
    assert (first["start"], first["end"], first["text"]) == (0, 22, "the cat sat on the mat")
    assert first["metadata"] == {"year": 2020}
    assert len(answer["hits"]) == 2
    profile = {"path", "search_device", "scanned", "nprobe", "matches", "reranked", "milliseconds"}
    assert set(answer["profile"]) == profile


def test_search_for_people_has_rank_score_title_or_id_span_and_text(cli: Cli, pets: str) -> None:
    run = cli("search", pets, "the cat sat on the mat", "--mode", "semantic")
    assert (run.code, run.err) == (0, "")
    first, *others = run.out.rstrip("\n").split("\n\n")
    head, document_id, text = first.split("\n")
    assert head.startswith("1  0.")
    assert head.endswith("  On cats  0:22")
    assert (document_id, text) == ("   cat", "   the cat sat on the mat")
    assert {other.split()[2] for other in others} == {"dog", "fish"}


def test_a_long_text_is_wrapped_to_80_columns_and_cut_after_three_lines(cli: Cli, write: Write) -> None:
    long = {"id": "i" * 100, "text": "many words " * 100, "title": "a title\nof two lines " * 10, "vector": [1, 0]}
    assert cli("add", "own", write("long.jsonl", json.dumps(long)), "--dim", "2").code == 0
    run = cli("search", "own", "--vector", "[1, 0]")
    head, document_id, *text = run.out.splitlines()
    assert len(head) == 80
    assert "…  0:1100" in head
    assert document_id == "   " + "i" * 100
    assert len(text) == 3
    assert all(60 < len(line) <= 80 for line in text)
    assert text[-1].endswith(" …")


def test_control_characters_of_documents_do_not_reach_the_terminal(cli: Cli, write: Write) -> None:
    evil = {"id": "evil", "text": "red \x1b[31m alert\x07", "title": "t\x1b]0;x\x07", "vector": [1, 0]}
    assert cli("add", "own", write("evil.jsonl", json.dumps(evil)), "--dim", "2").code == 0
    for arguments in (["search", "own", "--vector", "[1, 0]"], ["get", "own", "evil"], ["list", "own"]):
        out = cli(*arguments).out
        assert "\x1b" not in out
        assert "\x07" not in out
        assert "\ufffd" in out
    assert cli("get", "own", "evil", "--json").json()["text"] == "red \x1b[31m alert\x07"


def test_no_hits_is_said_and_is_no_failure(cli: Cli, pets: str) -> None:
    run = cli("search", pets, "cat", "--filter", '{"year": 1900}')
    assert (run.code, run.out) == (0, "no hits\n")
    assert cli("search", pets, "cat", "--filter", '{"year": 1900}', "--json").json()["hits"] == []


def test_a_filter_restricts_the_hits(cli: Cli, pets: str) -> None:
    run = cli("search", pets, "cat", "--filter", '{"year": {"$gte": 2021}}', "--json")
    assert sorted(hit["document_id"] for hit in run.json()["hits"]) == ["dog", "fish"]
    assert run.json()["profile"]["matches"] == 2


def test_an_expression_leaves_out_what_it_names_and_says_how_near_the_nearest_chunk_is(cli: Cli, pets: str) -> None:
    run = cli("search", pets, "--expression", '-0.5*"fish" + doc:cat')
    assert run.code == 0
    assert [line.split()[2] for line in run.out.splitlines() if line[:1].isdigit()] == ["dog", "fish"]
    nearest = cli("search", pets, "--expression", '-0.5*"fish" + doc:cat', "--json").json()["nearest"]
    assert run.err == f"semsearch: of all chunks, the one nearest to what was combined has the cosine {nearest:.3f}\n"
    assert 0.5 < nearest < 1


def test_feedback_moves_a_query_and_leaves_out_what_was_marked(cli: Cli, pets: str) -> None:
    answer = cli("search", pets, "sat", "--relevant", "dog", "--irrelevant", "fish", "--json").json()
    assert (answer["query"], answer["mode"]) == ("sat", "hybrid")
    assert [hit["document_id"] for hit in answer["hits"]] == ["cat"]
    assert cli("search", pets, "sat", "--relevant", "dog", "--relevant", "cat", "--json").json()["hits"] != []


def test_exact_and_target_recall_reach_the_search(cli: Cli, pets: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    search = Collection.search

    def spy(self: Collection, *arguments: object, **options: object) -> object:
        asked.append((options["exact"], options["target_recall"]))
        return search(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Collection, "search", spy)
    assert cli("search", pets, "cat").code == 0
    assert cli("search", pets, "cat", "--exact", "--target-recall", "0.5").code == 0
    assert asked == [(False, None), (True, 0.5)]


BAD_SEARCHES = [
    (["cat", "-k", "0"], "k is 0"),
    (["cat", "-k", "-3"], "k is -3"),
    ([""], "the query is empty"),
    ([" \t"], "the query is empty"),
    ([], "say what to search for"),
    (["cat", "--vector", "[1, 2]"], "2 numbers"),
    (["cat", "--vector", "[1, 2]", "--mode", "semantic"], "both given"),
    (["--expression", "cat dog"], "character 5, in front of 'dog': expected + or -"),
    (["--expression", "doc:nobody"], "'nobody'"),
    (["cat", "--relevant", "dog", "--irrelevant", "dog"], "'dog' is in relevant and in irrelevant"),
    (["cat", "--fusion", "cold"], "fusion is 'cold'"),
    (["--vector", "[1, 2]"], "2 numbers"),
    (["--vector", "[1, 2"], "--vector is '[1, 2', which is not JSON"),
    (["--vector", "[" * 100_000], "--vector is"),
    (["--vector", '"cat"'], "vector"),
    (["--vector", '{"a": 1}'], "vector"),
    (["cat", "--mode", "psychic"], "mode is 'psychic'"),
    (["cat", "--target-recall", "1.5"], "target_recall is 1.5"),
    (["cat", "--target-recall", "0"], "target_recall is 0"),
    (["cat", "--filter", '{"year": {"$near": 3}}'], "$near"),
    (["cat", "--filter", '{"$year": 3}'], "$year"),
    (["cat", "--filter", "{'year': 3}"], "--filter is \"{'year': 3}\", which is not JSON"),
    (["cat", "--filter", "[1]"], "--filter is '[1]'; it has to be a JSON object"),
    (["cat", "--filter", "null"], "--filter is 'null'; it has to be a JSON object"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_SEARCHES)
def test_a_search_that_cannot_be_answered_exits_with_2_and_says_why(
    cli: Cli, pets: str, arguments: list[str], message: str
) -> None:
    run = cli("search", pets, *arguments)
    assert (run.code, run.out) == (2, "")
    assert message in run.err
    assert run.err.startswith("semsearch: ")
    assert "Traceback" not in run.err


def test_a_question_of_meaning_without_a_model_exits_with_2_and_asks_for_a_vector(cli: Cli, folder: Path) -> None:
    Collection.create(folder / "indexes/own", dim=2).close()
    run = cli("search", "own", "cat", "--mode", "semantic")
    assert run.code == 2
    assert "pass a vector" in run.err


def test_context_prints_the_text_then_the_citations(cli: Cli, pets: str) -> None:
    run = cli("context", pets, "the cat sat", "-k", "1", "--token-budget", "50", "--mode", "semantic")
    assert (run.code, run.err) == (0, "")
    text, citations = run.out.split("\n\n")
    assert text == "[1] On cats\nthe cat sat on the mat"
    assert citations.startswith("[1] cat 0:22  0.")
    assert citations.endswith("of 50 tokens, 0 hits left out\n")


def test_context_json_has_the_text_the_citations_and_the_count_of_tokens(cli: Cli, pets: str) -> None:
    answer = cli("context", pets, "the cat sat", "--filter", '{"year": 2020}', "--json").json()
    assert list(answer) == ["text", "citations", "tokens", "token_budget", "omitted"]
    assert answer["text"] == "[1] On cats\nthe cat sat on the mat"
    assert (answer["token_budget"], answer["omitted"]) == (1000, 0)
    [citation] = answer["citations"]
    assert (citation["number"], citation["document_id"], citation["start"], citation["end"]) == (1, "cat", 0, 22)


def test_a_context_that_nothing_fits_in_says_so(cli: Cli, pets: str) -> None:
    assert cli("context", pets, "cat", "--token-budget", "1").out == "no hit fits in 1 tokens\n"
    assert cli("context", pets, "cat", "--filter", '{"year": 1900}').out == "no hits\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cat", "--token-budget", "0"], "token_budget is 0"),
        (["cat", "-k", "0"], "k is 0"),
        ([" "], "the query is empty"),
    ],
)
def test_a_context_that_cannot_be_made_exits_with_2(cli: Cli, pets: str, arguments: list[str], message: str) -> None:
    run = cli("context", pets, *arguments)
    assert (run.code, run.out) == (2, "")
    assert message in run.err


@pytest.mark.model
def test_the_real_model_finds_a_paraphrase_and_prints_nothing_else(
    folder: Path, write: Write, capfd: pytest.CaptureFixture[str]
) -> None:
    texts = {"bank": "Interest rates on savings accounts rose.", "dog": "The puppy chased its tail."}
    path = write("real.jsonl", "".join(json.dumps({"id": id, "text": text}) + "\n" for id, text in texts.items()))
    assert main(["add", "real", path]) == 0
    assert capfd.readouterr().err == "semsearch: created the collection real\n"
    assert main(["search", "real", "a young dog playing", "-k", "1", "--json"]) == 0
    captured = capfd.readouterr()
    assert [hit["document_id"] for hit in json.loads(captured.out)["hits"]] == ["dog"]
    assert captured.err == ""


def test_every_shaping_option_reaches_the_search(cli: Cli, pets: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, object]] = []
    search = Collection.search

    def spy(self: Collection, *arguments: object, **options: object) -> object:
        asked.append(options)
        return search(self, "cat")

    monkeypatch.setattr(Collection, "search", spy)
    said = "--group-by document --diversity .5 --collapse .9 --min-score .1 --rerank 5 --expand 3 --facet a --facet b"
    assert cli("search", pets, "cat", *said.split(), "--sort=-year", "--cursor", "c").code == 0
    expected = {"group_by": "document", "diversity": 0.5, "collapse": 0.9, "min_score": 0.1, "rerank": 5, "expand": 3}
    expected |= {"facets": ["a", "b"], "sort": "-year", "cursor": "c"}
    assert {name: value for name, value in asked[0].items() if name in expected} == expected
    assert cli("search", pets, "cat", "--expand", "section").code == 0
    assert asked[1]["expand"] == "section"


def test_text_around_a_hit_and_counts_are_shown_to_people(cli: Cli, write: Write) -> None:
    lines = [
        {"id": f"n{number}", "text": f"first {number}\n\x1b second", "metadata": {"y": number}, "vector": [1, 0]}
        for number in (1, 2)
    ]
    assert cli("add", "own", write("two.jsonl", "\n".join(map(json.dumps, lines))), "--dim", "2").code == 0
    run = cli("search", "own", "--vector", "[1, 0]", "--expand", "document", "--collapse", "0.9", "--facet", "y")
    assert (
        run.out
        == "1  1.000  n1  0:16\n   and 1 chunk nearly the same\n   first 1\n   \ufffd second\n\ny: 1 (1), 2 (1)\n"
    )
    unknown = cli("search", "own", "--vector", "[1, 0]", "-k", "1", "--facet", "z")
    assert unknown.out.endswith("\n\nz: no values\n")


def test_a_page_is_continued_by_the_cursor_in_its_json(cli: Cli, pets: str) -> None:
    first = cli("search", pets, "cat", "-k", "2", "--json").json()
    second = cli("search", pets, "cat", "-k", "2", "--cursor", first["cursor"], "--json").json()
    assert [hit["rank"] for hit in first["hits"] + second["hits"]] == [1, 2, 3]
    assert second["cursor"] is None
    assert cli("search", pets, "cat", "-k", "2", "--cursor", "nonsense").code == 2


def test_the_reranker_is_named_in_front_of_the_command_or_in_the_environment(
    cli: Cli, pets: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = cli("search", pets, "cat", "--rerank", "3")
    assert (refused.code, "SEMSEARCH_RERANKER" in refused.err) == (2, True)
    model = str(make_cross_encoder(folder / "model"))
    by_option = cli("--reranker", model, "search", pets, "cat", "--rerank", "3", "--explain")
    assert by_option.out.count("by the reranker: 0.") == 3
    monkeypatch.setenv("SEMSEARCH_RERANKER", model)
    answer = cli("search", pets, "cat", "--rerank", "2", "--json").json()
    assert answer["profile"]["reranked"] == 2
    assert [hit["explanation"]["reranked"] is None for hit in answer["hits"]] == [False, False, True]
