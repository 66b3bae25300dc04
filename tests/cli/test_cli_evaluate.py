"""`semsearch evaluate`: tables, JSON, exit codes, and every way to say by what."""

import json
from pathlib import Path

import pytest
from cli.command_line import Cli, Write
from model_copies import make_cross_encoder

MEASURES = ["ndcg@10", "recall@100", "mrr@10", "map"]


@pytest.fixture
def beir(write: Write) -> str:
    """Two queries for the pets: one finds its document first, the other one's document is not among the pets."""
    queries = [{"_id": "q1", "text": "the cat sat on the mat"}, {"_id": "q2", "text": "fish swim in the sea"}]
    write("beir/queries.jsonl", "".join(json.dumps(query) + "\n" for query in queries))
    write("beir/qrels/test.tsv", "query-id\tcorpus-id\tscore\nq1\tcat\t1\nq2\tcow\t1\n")
    write("beir/qrels/dev.tsv", "query-id\tcorpus-id\tscore\nq2\tfish\t2\n")
    return "beir"


def test_the_table_has_each_measure_with_its_interval_and_what_was_not_there(cli: Cli, pets: str, beir: str) -> None:
    run = cli("evaluate", pets, beir)
    assert (run.code, run.err) == (0, "")
    assert run.out == (
        "pets, hybrid: 2 queries, 100 documents each\n"
        "1 of 2 judged documents not in the collection: relevant ones count as not found\n"
        "\n"
        "MEASURE       MEAN     95 % INTERVAL\n"
        "ndcg@10     0.5000  0.0000 to 1.0000\n"
        "recall@100  0.5000  0.0000 to 1.0000\n"
        "mrr@10      0.5000  0.0000 to 1.0000\n"
        "map         0.5000  0.0000 to 1.0000\n"
        "\n"
        "intervals by 10,000 bootstrap samples of the queries, seed 0\n"
    )


def test_the_json_form_has_all_fields_and_the_values_of_every_query(cli: Cli, pets: str, beir: str) -> None:
    found = cli("evaluate", pets, beir, "--json").json()
    measures = found.pop("measures")
    assert found == {
        "collection": "pets",
        "mode": "hybrid",
        "options": {},
        "depth": 100,
        "judged_documents": 2,
        "unknown_documents": 1,
        "left_out": 0,
    }
    assert list(measures) == MEASURES
    assert measures["map"] == {"mean": 0.5, "low": 0.0, "high": 1.0, "values": {"q1": 1.0, "q2": 0.0}}


def test_split_depth_mode_and_measures_are_passed_on(cli: Cli, pets: str, beir: str) -> None:
    options = ["--split", "dev", "--depth", "2", "--mode", "semantic", "--measure", "mrr@1", "--measure", "map"]
    run = cli("evaluate", pets, beir, *options)
    assert run.out.startswith("pets, semantic: 1 query, 2 documents each\n")
    assert [line.split()[0] for line in run.out.splitlines()[3:5]] == ["mrr@1", "map"]


def test_queries_without_a_relevant_document_are_told(cli: Cli, pets: str, beir: str, write: Write) -> None:
    write("beir/qrels/test.tsv", "q1\tcat\t0\nq2\tfish\t1\n")
    run = cli("evaluate", pets, beir)
    assert run.out.startswith("pets, hybrid: 1 query (1 without a relevant document left out), 100 documents each\n")


def test_identical_ids_can_be_ignored(cli: Cli, pets: str, write: Write) -> None:
    write("own/queries.jsonl", json.dumps({"_id": "cat", "text": "the cat sat on the mat"}) + "\n")
    write("own/qrels/test.tsv", "cat\tcat\t1\n")
    arguments = ["evaluate", pets, "own", "--measure", "success@1", "--json"]
    assert cli(*arguments).json()["measures"]["success@1"]["mean"] == 1.0
    assert cli(*arguments, "--ignore-identical-ids").json()["measures"]["success@1"]["mean"] == 0.0


# --- by judgments, and by known items


def test_judgments_are_what_is_gone_by_where_it_is_asked_for(cli: Cli, pets: str) -> None:
    cli("judge", pets, "the cat sat on the mat", "cat", "2")
    cli("judge", pets, "the cat sat on the mat", "dog", "0")
    cli("judge", pets, "a dog", "cat", "0")
    run = cli("evaluate", pets, "--judgments", "--measure", "mrr@10", "--json").json()
    assert (run["measures"]["mrr@10"]["values"], run["left_out"]) == ({"the cat sat on the mat": 1.0}, 1)


def test_known_items_have_measures_of_their_own_and_a_warning(cli: Cli, pets: str) -> None:
    run = cli("evaluate", pets, "--known-item", "sentence")
    assert run.out.splitlines()[0] == "pets, hybrid: 3 queries, 100 documents each"
    assert [line.split()[0] for line in run.out.splitlines()[3:6]] == ["mrr@10", "success@1", "success@10"]
    assert run.out.splitlines()[-1] == (
        "known items: each query is a sentence of the document that it has to find, and is part of what is searched, "
        "word for word: easier than what people ask"
    )


def test_known_items_can_be_titles_and_a_sample_with_a_seed(cli: Cli, pets: str) -> None:
    titles = cli("evaluate", pets, "--known-item", "title")
    assert "each query is a title of the document" in titles.out
    assert "embedded in front of each of its chunks" in titles.out

    def sampled(seed: int) -> str:
        run = cli("evaluate", pets, "--known-item", "sentence", "--sample", "1", "--seed", str(seed), "--json")
        return "".join(run.json()["measures"]["mrr@10"]["values"])

    assert sampled(0) == sampled(0)
    assert {sampled(seed) for seed in range(12)} == {"cat", "dog", "fish"}


# --- two configurations


def test_a_comparison_with_another_option_has_both_values_and_the_difference(cli: Cli, pets: str, beir: str) -> None:
    run = cli("evaluate", pets, beir, "--split", "dev", "--compare", 'filter={"year": 2020}', "--measure", "map")
    assert run.out == (
        "A  pets, hybrid\n"
        "B  pets, hybrid, filter={'year': 2020}\n"
        "1 query, 100 documents each\n"
        "\n"
        "MEASURE       A       B    B - A       95 % INTERVAL       P  BETTER  WORSE  EQUAL\n"
        "map      1.0000  0.0000  -1.0000  -1.0000 to -1.0000  1.0000       0      1      0\n"
        "\n"
        "intervals by 10,000 bootstrap samples of the queries, seed 0; P by the paired randomisation test\n"
    )


def test_the_json_of_a_comparison_has_both_evaluations_and_the_differences(cli: Cli, pets: str, beir: str) -> None:
    found = cli("evaluate", pets, beir, "--compare", "exact=true", "--compare", "mode=semantic", "--json").json()
    alone = cli("evaluate", pets, beir, "--json").json()
    assert (found["a"], found["b"]) == (alone, {**alone, "mode": "semantic", "options": {"exact": True}})
    assert list(found["differences"]) == MEASURES
    assert found["differences"]["map"] == {
        "mean": 0.0,
        "low": 0.0,
        "high": 0.0,
        "p": 1.0,
        "better": 0,
        "worse": 0,
        "equal": 2,
        "values": {"q1": 0.0, "q2": 0.0},
    }


def test_a_comparison_with_another_collection_asks_it_the_same(cli: Cli, pets: str, beir: str, write: Write) -> None:
    write("few.jsonl", json.dumps({"id": "fish", "text": "fish swim in the sea"}) + "\n")
    cli("add", "few", "few.jsonl")
    run = cli("evaluate", pets, beir, "--compare-collection", "few")
    assert run.out.splitlines()[:5] == [
        "A  pets, hybrid",
        "1 of 2 judged documents not in the collection: relevant ones count as not found",
        "B  few, hybrid",
        "2 of 2 judged documents not in the collection: relevant ones count as not found",
        "2 queries, 100 documents each",
    ]


# --- thresholds


def test_a_measure_under_its_threshold_ends_with_1_and_says_both_numbers(cli: Cli, pets: str, beir: str) -> None:
    run = cli("evaluate", pets, beir, "--fail-under", "map=0.75", "--fail-under", "mrr@10=0.5", "--json")
    assert (run.code, run.err) == (1, "semsearch: map is 0.5, under the 0.75 of --fail-under\n")
    assert list(run.json()["measures"]) == MEASURES


def test_a_measure_at_its_threshold_ends_with_0(cli: Cli, pets: str, beir: str) -> None:
    assert cli("evaluate", pets, beir, "--fail-under", "map=0.5", "--fail-under", "mrr@10=.2").code == 0


def test_thresholds_of_a_comparison_are_about_the_first_configuration(cli: Cli, pets: str, beir: str) -> None:
    worse = ["--split", "dev", "--compare", 'filter={"year": 2020}']
    assert cli("evaluate", pets, beir, *worse, "--fail-under", "map=1").code == 0


# --- pictures


def test_a_picture_is_drawn_of_an_evaluation_and_of_a_comparison(cli: Cli, pets: str, beir: str, folder: Path) -> None:
    run = cli("evaluate", pets, beir, "--plot", "one.svg")
    assert (run.code, run.err) == (0, "semsearch: drawn: one.svg\n")
    assert "pets, hybrid" in (folder / "one.svg").read_text()
    assert cli("evaluate", pets, beir, "--compare", "exact=true", "--plot", "two.svg").code == 0
    assert "B: pets, hybrid, exact=True" in (folder / "two.svg").read_text()


# --- mistakes


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "say by what to evaluate: a BEIR_DIR, --judgments, or --known-item"),
        (["beir", "--judgments"], "say by what to evaluate"),
        (["--judgments", "--known-item", "title"], "say by what to evaluate"),
        (["--judgments"], "there are no judgments in this collection"),
        (["--judgments", "--split", "dev"], "--split is about a BEIR_DIR"),
        (["beir", "--sample", "5"], "--sample and --seed are about --known-item"),
        (["--judgments", "--seed", "5"], "--sample and --seed are about --known-item"),
        (["--known-item", "author"], "found by sentence or title, not by 'author'"),
        (["beir", "--split", "train"], "splits in this folder: dev, test"),
        (["absent"], "splits in this folder: none"),
        (["beir", "--mode", "telepathic"], "mode is 'telepathic'"),
        (["beir", "--depth", "0"], "depth is 0"),
        (["beir", "--depth", "50"], "recall@100 looks at 100 documents, and depth is 50"),
        (["beir", "--measure", "f1"], "'f1' is no measure; measures are ndcg@K"),
        (["beir", "--compare", "keyword"], "it has to be OPTION=VALUE, like mode=keyword"),
        (["beir", "--compare", "=keyword"], "it has to be OPTION=VALUE, like mode=keyword"),
        (["beir", "--compare", "nprobe=3"], "'nprobe' is no option of a search; there are: mode"),
        (["beir", "--compare", "mode=telepathic"], "mode is 'telepathic'"),
        (["beir", "--compare", "depth=7"], "'depth' is no option of a search"),
        (["beir", "--compare-collection", "absent"], "there is no collection"),
        (["beir", "--fail-under", "ndcg@5=0.6"], "measured are: ndcg@10, recall@100, mrr@10, map"),
        (["beir", "--fail-under", "map"], "it has to be like map=0.6"),
        (["beir", "--fail-under", "map=high"], "it has to be like map=0.6"),
        (["beir", "--fail-under", "map=nan"], "it has to be like map=0.6"),
        (["beir", "--plot", "picture.docx"], "its name has to end in one of"),
    ],
)
def test_a_mistake_is_told_with_code_2_and_nothing_is_printed(
    cli: Cli, pets: str, beir: str, arguments: list[str], message: str
) -> None:
    run = cli("evaluate", pets, *arguments)
    assert (run.code, run.out) == (2, "")
    assert message in run.err


def test_reranking_is_measured_and_compared(cli: Cli, pets: str, beir: str, folder: Path) -> None:
    named = ["--reranker", str(make_cross_encoder(folder / "model"))]
    first = cli(*named, "evaluate", pets, beir, "--rerank", "3", "--json").json()
    assert first["options"] == {"rerank": 3}
    both = cli(*named, "evaluate", pets, beir, "--compare", "rerank=3", "--json").json()
    assert (both["a"]["options"], both["b"]["options"]) == ({}, {"rerank": 3})
    assert both["b"]["measures"] == first["measures"]
    refused = cli("evaluate", pets, beir, "--compare", "cursor=x")
    assert (refused.code, "'cursor' is no option of a search" in refused.err) == (2, True)
