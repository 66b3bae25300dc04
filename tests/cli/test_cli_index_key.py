import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from cli.command_line import Cli

from semsearch.cli.output import info_text
from semsearch.collection import Collection
from semsearch.reports import SuggestedKey


def test_index_key_makes_an_index_once_and_says_the_second_time_that_it_is_there(cli: Cli, pets: str) -> None:
    run = cli("index-key", pets, "year")
    assert (run.code, run.err) == (0, "")
    assert run.out.startswith("pets: year is indexed now, 3 documents in ")
    again = cli("index-key", pets, "year")
    assert (again.code, again.out, again.err) == (0, "pets: year was indexed already\n", "")
    assert cli("search", pets, "cat", "--filter", '{"year": {"$gt": 2020}}', "--json").json()["profile"]["matches"] == 2


def test_drop_removes_the_index_and_what_is_not_indexed_is_the_users_mistake(cli: Cli, pets: str) -> None:
    cli("index-key", pets, "year")
    run = cli("index-key", pets, "year", "--drop")
    assert (run.code, run.out) == (0, "pets: year is no longer indexed\n")
    again = cli("index-key", pets, "year", "--drop")
    assert (again.code, again.out, again.err) == (2, "", "semsearch: pets: year is not indexed\n")


def test_json_tells_whether_the_key_is_indexed_and_whether_that_is_new(cli: Cli, pets: str) -> None:
    answers = [
        cli("index-key", pets, "a.b", *options, "--json").json() for options in ((), (), ("--drop",), ("--drop",))
    ]
    expected = [(True, True), (True, False), (False, True), (False, False)]
    assert answers == [
        {"collection": "pets", "key": "a.b", "indexed": indexed, "changed": changed} for indexed, changed in expected
    ]


def test_info_lists_the_indexed_keys(cli: Cli, pets: str) -> None:
    assert "indexed keys" not in cli("info", pets).out
    for key in ("year", "a.b"):
        cli("index-key", pets, key)
    assert "\nindexed keys a.b, year\n" in cli("info", pets).out
    facts = cli("info", pets, "--json").json()
    assert (facts["indexed_keys"], facts["suggested_keys"]) == (["a.b", "year"], [])


@pytest.mark.parametrize("arguments", [("pets", "a..b"), ("pets", "$eq"), ("nothing", "year")])
def test_a_wrong_key_or_collection_is_the_users_mistake(cli: Cli, pets: str, arguments: tuple[str, str]) -> None:
    assert cli("index-key", *arguments).code == 2


def test_too_many_keys_are_a_conflict_that_names_them(cli: Cli, pets: str) -> None:
    with Collection.open(Path("indexes") / pets) as collection:
        for number in range(16):
            collection.index_key(f"k{number}")
    run = cli("index-key", pets, "year", "--json")
    error = json.loads(run.out)["error"]
    assert (run.code, error["type"]) == (2, "ConflictError")
    assert "k15" in error["message"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_a_bar_goes_up_to_all_documents(cli: Cli, pets: str, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert cli("index-key", pets, "year", "--json").json()["changed"]
    assert "3/3" in terminal.getvalue()
    assert " documents/s" in terminal.getvalue()


def test_info_text_has_the_command_for_each_suggested_key(cli: Cli, pets: str) -> None:
    with Collection.open(Path("indexes") / pets) as collection:
        suggested = tuple(SuggestedKey(key, 12, 31.5, f"semsearch index-key pets {key}") for key in ("lang", "a.b"))
        text = info_text(replace(collection.info(), suggested_keys=suggested))
    assert "\nsuggested 1  semsearch index-key pets lang  (12 searches spent 31.5 ms each on filters by lang)\n" in text
    assert "\nsuggested 2  semsearch index-key pets a.b  (" in text
