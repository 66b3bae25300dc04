"""`semsearch judge`: keeps a judgment, lists them, and says what is wrong with one."""

import pytest
from cli.command_line import Cli


def test_a_judgment_is_kept_and_listed(cli: Cli, pets: str) -> None:
    kept = cli("judge", pets, "a cat", "cat", "2")
    assert (kept.code, kept.out, kept.err) == (0, "pets: cat has grade 2 for 'a cat'\n", "")
    assert cli("judge", pets).out == "ID   GRADE  QUERY\ncat      2  a cat\n"


def test_the_json_forms_have_every_field(cli: Cli, pets: str) -> None:
    kept = cli("judge", pets, "a cat", "cat", "2", "--json").json()
    assert list(kept) == ["query", "document_id", "grade", "judged", "known"]
    assert cli("judge", pets, "--json").json() == {"judgments": [kept]}


def test_without_judgments_the_list_says_so(cli: Cli, pets: str) -> None:
    assert cli("judge", pets).out == "no judgments\n"
    assert cli("judge", pets, "--json").json() == {"judgments": []}


def test_a_document_that_was_removed_is_marked_in_the_list(cli: Cli, pets: str) -> None:
    cli("judge", pets, "a cat", "cat", "2")
    cli("remove", pets, "cat")
    assert "cat (not there)      2  a cat" in cli("judge", pets).out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a cat"], "say all three of them"),
        (["a cat", "cat"], "say all three of them"),
        (["a cat", "cat", "4"], "grade is 4"),
        (["a cat", "cat", "good"], "Input should be a valid integer"),
        (["a cat", "cow", "1"], "there is no document with the id 'cow'"),
        ([" ", "cat", "1"], "the query is empty"),
    ],
)
def test_a_judgment_that_cannot_be_kept_is_the_users_mistake(
    cli: Cli, pets: str, words: list[str], message: str
) -> None:
    run = cli("judge", pets, *words)
    assert (run.code, run.out) == (2, "")
    assert message in run.err
    assert cli("judge", pets).out == "no judgments\n"
