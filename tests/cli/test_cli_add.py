"""add and build: what goes in, what is refused, what is said about it."""

import errno
import io
import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.command_line import Cli, Write
from fakes import FakeEmbedder

from semsearch.collection import Collection
from semsearch.errors import StoreFullError


def lines(*documents: dict[str, object]) -> str:
    return "".join(json.dumps(document) + "\n" for document in documents)


def stored_ids(name: str) -> list[str]:
    with Collection.open(Path("indexes") / name) as collection:
        return [document.id for document in collection.list().documents]


def test_add_creates_the_collection_says_so_on_stderr_and_reports_on_stdout(cli: Cli, write: Write) -> None:
    path = write("notes/cats.txt", "cats sleep all day")
    run = cli("add", "new", path)
    assert run.code == 0
    assert run.out.startswith("new: 1 added, 0 updated, 0 skipped, 0 failed; 1 chunk in ")
    assert run.err == "semsearch: created the collection new\n"


def test_adding_again_skips_what_is_unchanged_and_creates_nothing(cli: Cli, pets: str, model: FakeEmbedder) -> None:
    before = model.document_texts
    run = cli("add", pets, "pets.jsonl")
    assert (run.code, run.err) == (0, "")
    assert run.out.startswith("pets: 0 added, 0 updated, 3 skipped, 0 failed; 0 chunks in ")
    assert model.document_texts == before


def test_changed_text_and_changed_metadata_are_updates(cli: Cli, pets: str, write: Write) -> None:
    changed = lines(
        {"id": "cat", "text": "the cat left", "title": "On cats", "metadata": {"year": 2020}},
        {"id": "dog", "text": "a dog barks at night", "metadata": {"year": 1999}},
    )
    report = cli("add", pets, write("changed.jsonl", changed), "--json").json()
    assert (report["added"], report["updated"], report["skipped"], report["chunks"]) == (0, 2, 0, 1)


def test_the_json_report_has_every_field_and_nothing_else_is_on_stdout(cli: Cli, write: Write) -> None:
    run = cli("add", "new", write("a.txt", "some text"), "missing.txt", "--json")
    report = run.json()
    assert run.code == 2
    assert report.pop("seconds") >= 0
    [failure] = report.pop("failed")
    assert failure["where"] == "missing.txt"
    assert set(failure) == {"where", "reason", "document_id"}
    [file] = report.pop("files")
    assert (file.pop("path"), file.pop("outcome"), file.pop("reason")) == ("a.txt", "added", None)
    assert file == {"added": 1, "updated": 0, "skipped": 0, "failed": 0, "vanished": 0, "removed": 0}
    counts = {"added": 1, "updated": 0, "skipped": 0, "vanished": 0, "removed": 0}
    work = {"chunks": 1, "reused": 0, "tokens": 4, "truncated": 0, "replaced": 0}
    assert report == {"collection": "new", **counts, **work, "maintenance": None}


def test_an_index_that_cannot_be_brought_up_to_date_is_in_the_report_of_documents_that_are_stored(
    cli: Cli, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    monkeypatch.setattr("semsearch.index.sizing.INDEX_FROM", 1)
    run = cli("add", "new", write("a.txt", "some text"))
    assert (run.code, stored_ids("new")) == (0, ["a.txt"])
    assert "1 added" in run.out
    assert "all of it is stored, but the index or the files are not up to date: FAISS is not installed" in run.out
    assert "semsearch[cpu]" in cli("add", "new", "a.txt", "--json").json()["maintenance"]


def test_add_without_a_model_takes_the_vectors_that_are_brought_along(cli: Cli, write: Write) -> None:
    path = write(
        "own.jsonl", lines({"id": "a", "text": "x", "vector": [1, 0]}, {"id": "b", "text": "y", "vector": [0, 1]})
    )
    assert cli("add", "own", path, "--dim", "2").code == 0
    run = cli("search", "own", "--vector", "[0.1, 2]", "--json")
    assert [hit["document_id"] for hit in run.json()["hits"]] == ["b", "a"]


def test_dim_on_an_existing_collection_has_to_be_its_own(cli: Cli, write: Write) -> None:
    path = write("own.jsonl", lines({"id": "a", "text": "x", "vector": [1, 0]}))
    assert cli("add", "own", path, "--dim", "2").code == 0
    assert cli("add", "own", path, "--dim", "2").code == 0
    run = cli("add", "own", path, "--dim", "3")
    assert (run.code, run.out) == (2, "")
    assert "--dim is 3" in run.err
    assert "vectors of 2" in run.err


def test_dim_on_a_collection_with_a_model_is_refused(cli: Cli, pets: str) -> None:
    run = cli("add", pets, "pets.jsonl", "--dim", "32")
    assert run.code == 2
    assert "the model fake" in run.err


def test_the_chunking_of_a_new_collection_is_the_one_that_was_said_and_an_existing_one_keeps_its_own(
    cli: Cli, write: Write
) -> None:
    path = write("a.txt", "one two three four five six. " * 4)
    options = ["--chunking", "sentences", "--chunk-tokens", "16", "--overlap", "3"]
    assert cli("add", "new", path, *options).code == 0
    assert cli("info", "new", "--json").json()["chunking"] == {"method": "sentences", "tokens": 16, "overlap": 3}
    assert "\nchunking     by sentences, of up to 16 tokens, overlapping by 3 tokens\n" in cli("info", "new").out
    assert cli("add", "new", path, *options).code == 0
    assert cli("add", "new", path, "--overlap", "3").code == 0
    for option, value, said, present in (
        ("--chunking", "tokens", "chunking.method is 'tokens', and ", "exists with 'sentences'"),
        ("--chunk-tokens", "15", "chunking.tokens is 15, and ", "exists with 16"),
        ("--overlap", "0", "chunking.overlap is 0, and ", "exists with 3"),
    ):
        run = cli("add", "new", path, option, value)
        assert (run.code, run.out) == (2, "")
        assert said in run.err
        assert f"{present}: leave it out, or choose another name" in run.err


def test_a_chunking_that_is_not_to_be_had_is_refused_and_nothing_is_created(
    cli: Cli, folder: Path, write: Write
) -> None:
    path = write("a.txt", "text")
    for option, value, message in (
        ("--chunking", "words", "chunking is 'words'; it has to be one of: tokens, "),
        ("--chunk-tokens", "17", "17 tokens; this model allows 16 to 16"),
        ("--overlap", "9", "9 tokens; of 16 it can be 0 to 8"),
    ):
        run = cli("add", "new", path, option, value)
        assert (run.code, run.out) == (2, "")
        assert message in run.err
        assert not (folder / "indexes").exists()


def test_another_model_on_an_existing_collection_is_refused(
    cli: Cli, pets: str, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = FakeEmbedder(name="other", fingerprint="another")
    monkeypatch.setattr("semsearch.embedders.pinned.load_embedder", lambda *_: other)
    run = cli("add", pets, write("new.txt", "a text to embed"), "--model", "other")
    assert (run.code, run.out) == (2, "")
    assert "other" in run.err
    assert "different models" in run.err


def test_a_model_on_a_collection_without_one_is_refused(cli: Cli, folder: Path, write: Write) -> None:
    Collection.create(folder / "indexes/own", dim=2).close()
    run = cli("add", "own", write("a.txt", "text"), "--model", "any")
    assert run.code == 2
    assert "has no model" in run.err


def test_a_model_and_a_dim_for_a_new_collection_are_refused_and_nothing_is_created(
    cli: Cli, folder: Path, write: Write
) -> None:
    run = cli("add", "new", write("a.txt", "text"), "--model", "any", "--dim", "2")
    assert run.code == 2
    assert "either a model of texts" in run.err
    assert not (folder / "indexes").exists()


def test_the_model_of_a_new_collection_is_the_one_that_was_named(
    cli: Cli, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def load(model: str, device: str, precision: str) -> FakeEmbedder:
        asked.append((model, device, precision))
        return FakeEmbedder()

    monkeypatch.setattr("semsearch.collection.models.load_embedder", load)
    assert cli("--device", "cpu", "add", "new", write("a.txt", "text"), "--model", "my-model").code == 0
    assert asked[0] == ("my-model", "cpu", "auto")


BAD_FILES: list[tuple[str, bytes, str]] = [
    ("empty.txt", b"", "no text"),
    ("blank.md", b" \n\n", "no text"),
    ("binary.txt", b"\x7fELF\x00\x01\x02\xff\xfe", "binary.txt"),
    ("picture.png", b"\x89PNG", ".png"),
    ("empty.jsonl", b"", "no documents"),
    ("list.jsonl", b"[1, 2]\n", "list.jsonl:1"),
    ("number.jsonl", b'{"id": "a", "text": 5}\n', "'text'"),
]


@pytest.mark.parametrize(("name", "content", "reason"), BAD_FILES)
def test_a_bad_file_fails_with_a_reason_and_the_other_documents_are_added(
    cli: Cli, write: Write, name: str, content: bytes, reason: str
) -> None:
    first, last = write("first.txt", "a good text"), write("last.txt", "another good text")
    run = cli("add", "new", first, write(name, content), last)
    assert run.code == 2
    assert run.out.startswith("new: 2 added, 0 updated, 0 skipped, 1 failed;")
    assert name in run.err
    assert reason in run.err
    assert stored_ids("new") == ["first.txt", "last.txt"]


def test_a_missing_path_fails_and_the_other_documents_are_added(cli: Cli, write: Write) -> None:
    run = cli("add", "new", "nowhere/at-all.txt", write("good.txt", "a good text"))
    assert run.code == 2
    assert "semsearch: nowhere/at-all.txt: does not exist" in run.err
    assert stored_ids("new") == ["good.txt"]


def test_an_unreadable_file_fails_and_the_other_documents_are_added(
    cli: Cli, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, good = write("secret.txt", "a secret"), write("good.txt", "a good text")
    open_any = Path.open

    def open_all_but_the_secret(self: Path, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        if self.name == "secret.txt":
            raise PermissionError(errno.EACCES, "Permission denied", str(self))
        return open_any(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", open_all_but_the_secret)  # root may read everything
    run = cli("add", "new", secret, good)
    assert run.code == 2
    assert "secret.txt: cannot be read" in run.err
    assert stored_ids("new") == ["good.txt"]


def test_invalid_json_on_line_57_is_named_and_the_other_lines_are_added(cli: Cli, write: Write) -> None:
    documents = [json.dumps({"id": f"d{number}", "text": f"text {number}"}) for number in range(1, 101)]
    documents[56] = '{"id": "d57", "text": oops}'
    run = cli("add", "new", write("many.jsonl", "\n".join(documents)), "--json")
    assert run.code == 2
    [failure] = run.json()["failed"]
    assert failure["where"].endswith("many.jsonl:57")
    assert "not JSON" in failure["reason"]
    assert run.json()["added"] == 99


def test_an_id_twice_in_one_call_fails_the_second_time(cli: Cli, write: Write) -> None:
    path = write(
        "twice.jsonl", lines({"id": "a", "text": "one"}, {"id": "b", "text": "two"}, {"id": "a", "text": "three"})
    )
    run = cli("add", "new", path)
    assert run.code == 2
    assert "'a' occurs twice" in run.err
    assert cli("get", "new", "a", "--json").json()["text"] == "one"
    assert stored_ids("new") == ["a", "b"]


def test_a_wrong_vector_fails_and_the_others_are_added(cli: Cli, write: Write) -> None:
    own = lines(
        {"id": "a", "text": "x", "vector": [1, 0, 0]},
        {"id": "b", "text": "y", "vector": [0, 1]},
        {"id": "c", "text": "z"},
    )
    run = cli("add", "own", write("own.jsonl", own), "--dim", "2", "--json")
    assert run.code == 2
    assert [failure["document_id"] for failure in run.json()["failed"]] == ["a", "c"]
    assert stored_ids("own") == ["b"]


def test_a_document_above_the_size_limit_fails(cli: Cli, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEMSEARCH_MAX_DOCUMENT_BYTES", "20")
    run = cli("add", "new", write("long.txt", "x" * 21), write("short.txt", "x" * 20))
    assert run.code == 2
    assert "long.txt" in run.err
    assert stored_ids("new") == ["short.txt"]


def test_only_the_first_20_failures_are_on_stderr_and_all_of_them_in_json(cli: Cli, write: Write) -> None:
    path = write("good.txt", "text")
    missing = [f"missing-{number:02}" for number in range(25)]
    run = cli("add", "new", path, *missing, "--json")
    assert [failure["where"] for failure in run.json()["failed"]] == missing
    assert [name for name in missing if name in run.err] == missing[:20]
    assert "5 more failures" in run.err


def test_without_any_document_no_collection_is_created_and_the_failures_are_reported(cli: Cli, folder: Path) -> None:
    run = cli("add", "new", "missing.txt", "--json")
    assert run.code == 2
    assert "was not created" in run.err
    assert [failure["where"] for failure in run.json()["failed"]] == ["missing.txt"]
    assert list(folder.iterdir()) == []


def test_an_empty_folder_creates_no_collection(cli: Cli, folder: Path) -> None:
    (folder / "empty").mkdir()
    run = cli("add", "new", "empty")
    assert (run.code, run.out) == (2, "")
    assert "the collection new was not created: there is no document" in run.err
    assert not (folder / "indexes").exists()


def test_an_existing_folder_that_is_no_collection_is_left_as_it_is(cli: Cli, folder: Path, write: Write) -> None:
    write("indexes/mine/thesis.txt", "years of work")
    run = cli("add", "mine", write("a.txt", "text"))
    assert run.code == 2
    assert "indexes/mine exists already" in run.err
    assert [path.name for path in (folder / "indexes/mine").iterdir()] == ["thesis.txt"]


def test_standard_input_is_read_as_json_lines(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    data = lines({"_id": "a", "text": "from a pipe"}).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert cli("add", "new", "-", "--json").json()["added"] == 1
    assert stored_ids("new") == ["a"]


def test_verbose_logs_each_commit_on_stderr_and_quiet_does_not(cli: Cli, write: Write) -> None:
    path = write("a.txt", "text")
    assert "committed" not in cli("add", "quiet", path).err
    run = cli("add", "loud", path, "-v")
    assert "committed: 1 documents" in run.err
    assert run.out.startswith("loud: 1 added")


def test_logging_is_left_as_it_was(cli: Cli, write: Write) -> None:
    logger = logging.getLogger("semsearch")
    before = (logger.level, list(logger.handlers))
    cli("add", "new", write("a.txt", "text"), "-v")
    assert (logger.level, list(logger.handlers)) == before


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_the_progress_has_documents_total_rate_and_chunks(
    cli: Cli, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("many.jsonl", lines(*({"id": f"d{number}", "text": "text"} for number in range(300))))
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    run = cli("add", "new", path, "--json")
    assert run.json()["added"] == 300
    shown = terminal.getvalue()
    assert "300/300" in shown
    assert " documents/s" in shown
    assert " tokens/s" in shown


def test_where_stderr_is_no_terminal_there_is_no_progress_bar(cli: Cli, write: Write) -> None:
    assert cli("add", "new", write("a.txt", "text")).err == "semsearch: created the collection new\n"


def test_a_full_disk_exits_with_1(cli: Cli, pets: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise StoreFullError(Path("indexes/pets"))

    monkeypatch.setattr(Collection, "sync", fail)
    run = cli("add", pets, "pets.jsonl")
    assert run.code == 1
    assert "no space is left for indexes/pets" in run.err


def test_replaced_characters_are_told(cli: Cli, write: Write) -> None:
    run = cli("add", "new", write("nul.jsonl", lines({"id": "a", "text": "one\x00two\x00"})))
    assert run.code == 0
    assert "2 characters (NUL, lone surrogates) replaced by U+FFFD" in run.out


@pytest.fixture
def recipe(write: Write) -> Callable[..., str]:
    """Write a recipe with these lines in front of a source that is the folder `texts`, beside the recipe."""

    def make(*settings: str) -> str:
        return write("recipes/book.toml", "\n".join([*settings, "[[sources]]", 'type = "files"', 'paths = ["texts"]']))

    return make


def test_build_makes_the_collection_of_the_recipes_name_with_paths_from_its_folder(
    cli: Cli, write: Write, recipe: Callable[..., str]
) -> None:
    write("recipes/texts/one.txt", "one text")
    run = cli("build", recipe('name = "library"'))
    assert run.code == 0
    assert run.out.startswith("library: 1 added")
    assert cli("list").out == "library\n"


def test_build_takes_the_precision_of_the_recipe_and_refuses_another_one_for_an_existing_collection(
    cli: Cli, write: Write, recipe: Callable[..., str]
) -> None:
    write("recipes/texts/one.txt", "one text")
    assert cli("build", recipe('precision = "float32"')).code == 0
    assert cli("info", "book", "--json").json()["precision"] == "float32"
    assert cli("build", recipe()).code == 0
    run = cli("build", recipe('precision = "int8"'))
    assert (run.code, "the precision is int8, and " in run.err) == (2, True)
    assert cli("build", recipe('precision = "half"')).code == 2


def test_build_cuts_as_the_recipe_says_and_refuses_to_cut_an_existing_collection_otherwise(
    cli: Cli, write: Write, recipe: Callable[..., str]
) -> None:
    write("recipes/texts/one.txt", "one two three four five six. " * 4)
    assert cli("build", recipe("[chunking]", 'method = "sentences"', "overlap = 2")).code == 0
    assert cli("info", "book", "--json").json()["chunking"] == {"method": "sentences", "tokens": None, "overlap": 2}
    assert cli("build", recipe()).code == 0
    assert cli("build", recipe("chunking = {overlap = 2}")).code == 0
    run = cli("build", recipe("chunking = {overlap = 1}"))
    assert run.code == 2
    assert "chunking.overlap is 1, and " in run.err


def test_building_again_takes_in_only_what_is_new(
    cli: Cli, write: Write, recipe: Callable[..., str], model: FakeEmbedder
) -> None:
    write("recipes/texts/one.txt", "one text")
    path = recipe()
    assert cli("build", path).code == 0
    write("recipes/texts/two.txt", "two texts")
    before = model.document_texts
    report = cli("build", path, "--json").json()
    assert (report["collection"], report["added"], report["skipped"]) == ("book", 1, 1)
    assert model.document_texts == before + 1


def test_a_recipe_with_an_unknown_key_exits_with_2_and_names_it(cli: Cli, recipe: Callable[..., str]) -> None:
    run = cli("build", recipe('modle = "x"'))
    assert (run.code, run.out) == (2, "")
    assert "modle" in run.err
    assert "book.toml" in run.err


def test_a_recipe_that_is_not_toml_exits_with_2(cli: Cli, write: Write) -> None:
    run = cli("build", write("bad.toml", "name = = 3"))
    assert run.code == 2
    assert "bad.toml" in run.err


def test_a_recipe_that_is_not_there_exits_with_2_and_names_it(cli: Cli) -> None:
    run = cli("build", "nowhere.toml", "--json")
    assert run.code == 2
    assert "nowhere.toml" in run.json()["error"]["message"]
    assert "Traceback" not in run.err


def test_vectors_survive_the_round_through_json_lines(cli: Cli, write: Write) -> None:
    vectors = np.random.default_rng(5).standard_normal((50, 4))
    own = lines(*({"id": str(row), "text": "x", "vector": vector.tolist()} for row, vector in enumerate(vectors)))
    assert cli("add", "own", write("own.jsonl", own), "--dim", "4").code == 0
    run = cli("search", "own", "--vector", json.dumps(vectors[17].tolist()), "-k", "1", "--json")
    [hit] = run.json()["hits"]
    assert hit["document_id"] == "17"
    assert hit["score"] == pytest.approx(1, abs=1e-3)


def test_a_new_collection_that_nothing_could_be_stored_in_goes_again(cli: Cli, folder: Path, write: Write) -> None:
    run = cli("add", "own", write("a.txt", "a text without a vector"), "--dim", "3")
    assert run.code == 2
    assert "deleted the collection own again" in run.err
    assert not (folder / "indexes/own").exists()


def test_a_failure_behind_the_reader_names_the_document(cli: Cli, write: Write) -> None:
    run = cli("add", "own", write("a.jsonl", '{"id": "zero", "text": "t", "vector": [0, 0]}\n'), "--dim", "2")
    assert "a.jsonl (id 'zero'): " in run.err
