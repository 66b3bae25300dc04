"""get, list, info, remove and drop."""

import io
import json
import sys
from pathlib import Path

import pytest
from cli.command_line import Cli

from semsearch.collection import Collection


def test_get_prints_what_is_known_then_the_text(cli: Cli, pets: str, folder: Path) -> None:
    run = cli("get", pets, "cat")
    source = f"{folder}/pets.jsonl"
    header = f'id: cat\ntitle: On cats\nsource: {source}\nmetadata: {{"year": 2020}}\n'
    assert (run.code, run.out, run.err) == (0, f"{header}\nthe cat sat on the mat\n", "")


def test_get_json_has_all_of_the_document(cli: Cli, pets: str, folder: Path) -> None:
    assert cli("get", pets, "cat", "--json").json() == {
        "id": "cat",
        "title": "On cats",
        "source": f"{folder}/pets.jsonl",
        "metadata": {"year": 2020},
        "text": "the cat sat on the mat",
    }


def test_get_of_an_unknown_id_exits_with_2(cli: Cli, pets: str) -> None:
    run = cli("get", pets, "cow")
    assert (run.code, run.out) == (2, "")
    assert "'cow'" in run.err


def test_list_without_a_collection_names_the_collections(cli: Cli, folder: Path, pets: str) -> None:
    Collection.create(folder / "indexes/animals", dim=2).close()
    assert cli("list").out == "animals\npets\n"
    assert cli("list", "--json").json() == {"collections": ["animals", "pets"]}


def test_list_where_there_is_no_collection_says_so_and_is_no_failure(cli: Cli, folder: Path) -> None:
    run = cli("list")
    assert (run.code, run.out, run.err) == (0, "", f"semsearch: there is no folder {folder}/indexes\n")
    (folder / "indexes").mkdir()
    assert cli("list").err == f"semsearch: there are no collections in {folder}/indexes\n"
    assert cli("list", "--json").json() == {"collections": []}


def test_list_shows_a_table_of_documents(cli: Cli, pets: str) -> None:
    assert cli("list", pets).out.splitlines() == [
        "ID    CHARACTERS  CHUNKS  TITLE",
        "cat           22       1  On cats",
        "dog           20       1",
        "fish          20       1",
    ]


def test_list_goes_through_pages_with_the_cursor_that_it_prints(cli: Cli, pets: str) -> None:
    first = cli("list", pets, "--page-size", "2")
    assert "fish" not in first.out
    cursor = first.err.split("--cursor ")[1].strip()
    second = cli("list", pets, "--page-size", "2", "--cursor", cursor)
    assert [line.split()[0] for line in second.out.splitlines()] == ["ID", "fish"]
    assert second.err == ""


def test_list_json_has_the_documents_and_the_cursor(cli: Cli, pets: str) -> None:
    page = cli("list", pets, "--filter", '{"year": {"$lt": 2022}}', "--page-size", "1", "--json").json()
    [document] = page["documents"]
    assert list(document) == ["id", "title", "source", "metadata", "characters", "chunks"]
    assert (document["id"], document["characters"], document["chunks"]) == ("cat", 22, 1)
    rest = cli("list", pets, "--filter", '{"year": {"$lt": 2022}}', "--cursor", page["cursor"], "--json").json()
    assert ([each["id"] for each in rest["documents"]], rest["cursor"]) == (["dog"], None)


def test_list_of_no_documents_says_so(cli: Cli, pets: str) -> None:
    assert cli("list", pets, "--filter", '{"year": 1900}').out == "no documents\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pets", "--page-size", "0"], "page_size is 0"),
        (["pets", "--cursor", "nonsense"], "cursor is 'nonsense'"),
        (["pets", "--filter", '{"year": {"$near": 3}}'], "$near"),
        (["--filter", "{}"], "say of which COLLECTION"),
        (["--cursor", "x"], "say of which COLLECTION"),
    ],
)
def test_a_list_that_cannot_be_made_exits_with_2(cli: Cli, pets: str, arguments: list[str], message: str) -> None:
    run = cli("list", *arguments)
    assert (run.code, run.out) == (2, "")
    assert message in run.err


def test_info_has_a_line_for_each_fact(cli: Cli, pets: str) -> None:
    run = cli("info", pets)
    assert (run.code, run.err) == (0, "")
    facts = dict(line.split(maxsplit=1) for line in run.out.splitlines())
    assert (facts["name"], facts["documents"], facts["chunks"], facts["model"]) == ("pets", "3", "3", "fake")
    assert (facts["dim"], facts["max_tokens"], facts["fingerprint"]) == ("32", "16", "fake-fingerprint")
    assert facts["index"] == "none: every search scans all vectors"
    assert not {"degraded", "chunking"} & set(facts)


def test_info_json_has_every_field_of_the_library(cli: Cli, pets: str) -> None:
    facts = cli("info", pets, "--json").json()
    with Collection.open("indexes/pets") as collection:
        info = collection.info()
    assert facts["created"] == info.created
    assert set(facts) == set(info.__dataclass_fields__)


def test_remove_by_id_tells_how_many(cli: Cli, pets: str) -> None:
    run = cli("remove", pets, "cat", "dog")
    assert (run.code, run.out, run.err) == (0, "2 documents removed\n", "")
    assert [each["id"] for each in cli("list", pets, "--json").json()["documents"]] == ["fish"]


def test_remove_by_filter_removes_what_matches(cli: Cli, pets: str) -> None:
    assert cli("remove", pets, "--filter", '{"year": {"$gt": 2020}}', "--json").json() == {"removed": 2, "missing": []}
    assert [each["id"] for each in cli("list", pets, "--json").json()["documents"]] == ["cat"]


def test_remove_of_an_unknown_id_exits_with_2_and_removes_the_others(cli: Cli, pets: str) -> None:
    run = cli("remove", pets, "cow", "cat", "--json")
    assert run.code == 2
    assert run.json() == {"removed": 1, "missing": ["cow"]}
    assert "'cow'" in run.err


@pytest.mark.parametrize("arguments", [[], ["cat", "--filter", '{"year": 2020}']])
def test_remove_takes_either_ids_or_a_filter(cli: Cli, pets: str, arguments: list[str]) -> None:
    run = cli("remove", pets, *arguments)
    assert (run.code, run.out) == (2, "")
    assert "either by ids, or by a filter" in run.err
    assert cli("info", pets, "--json").json()["documents"] == 3


def test_drop_without_a_terminal_needs_yes(cli: Cli, pets: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    run = cli("drop", pets)
    assert (run.code, run.out) == (2, "")
    assert "--yes" in run.err
    assert cli("list").out == "pets\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("answer", ["n\n", "\n", "", "yep\n"])
def test_drop_deletes_nothing_unless_the_answer_is_yes(
    cli: Cli, pets: str, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    run = cli("drop", pets)
    assert (run.code, run.out) == (1, "")
    assert "nothing was deleted" in run.err
    assert cli("list").out == "pets\n"


@pytest.mark.parametrize("answer", ["y\n", "YES\n"])
def test_drop_asks_on_a_terminal_and_deletes_after_a_yes(
    cli: Cli, pets: str, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    run = cli("drop", pets)
    assert (run.code, run.out) == (0, "indexes/pets deleted\n")
    assert "delete indexes/pets for good?" in run.err
    assert cli("list").out == ""


def test_drop_with_yes_deletes_a_damaged_collection_and_leaves_what_is_not_part_of_it(
    cli: Cli, pets: str, folder: Path
) -> None:
    (folder / "indexes/pets/collection.db").write_bytes(b"garbage" * 1000)
    (folder / "indexes/pets/notes.txt").write_text("mine")
    run = cli("drop", pets, "--yes", "--json")
    assert run.code == 0
    assert run.json() == {"dropped": "indexes/pets", "left": ["indexes/pets/notes.txt"]}
    assert "indexes/pets/notes.txt is not part of the collection" in run.err
    assert [path.name for path in (folder / "indexes/pets").iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("arguments", [["drop", "plants"], ["drop", "plants", "--yes"]])
def test_drop_of_an_unknown_collection_exits_with_2_and_lists_those_that_exist(
    cli: Cli, pets: str, arguments: list[str]
) -> None:
    run = cli(*arguments)
    assert run.code == 2
    assert "there is no collection at indexes/plants" in run.err
    assert "collections in indexes: pets" in run.err


def test_a_collection_that_another_process_writes_cannot_be_changed_but_searched(
    cli: Cli, pets: str, folder: Path
) -> None:
    with Collection.open(folder / "indexes/pets") as writer:
        writer.remove(["cow"])  # takes the write lock until it is closed
        for arguments in (["remove", pets, "cat"], ["drop", pets, "--yes"], ["add", pets, "pets.jsonl"]):
            run = cli(*arguments, "--json")
            assert run.code == 2
            assert run.json()["error"]["type"] == "CollectionLockedError"
        assert cli("search", pets, "cat").code == 0


def test_a_metadata_value_in_another_alphabet_is_printed_as_it_is(cli: Cli, pets: str, folder: Path) -> None:
    (folder / "more.jsonl").write_text(json.dumps({"id": "кот", "text": "猫", "metadata": {"ключ": "値"}}))
    assert cli("add", pets, "more.jsonl").code == 0
    assert '"ключ": "値"' in cli("get", pets, "кот", "--json").out
    assert 'metadata: {"ключ": "値"}' in cli("get", pets, "кот").out
