"""How every run ends: exit codes, messages, JSON errors, settings, names, interrupts and closed pipes."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer
from cli.command_line import Cli
from fakes import FakeEmbedder

from semsearch import errors
from semsearch.cli.errors import exit_code
from semsearch.collection import Collection
from semsearch.types import Document

USERS = (errors.ConfigError, errors.InvalidRequestError, errors.NotFoundError, errors.ConflictError)
OTHERS = (errors.MissingDependencyError, errors.ModelError, errors.SandboxError, errors.StoreError)


def subclasses(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    yield kind
    for child in kind.__subclasses__():
        yield from subclasses(child)


def bare(kind: type[BaseException]) -> BaseException:
    """An instance without its arguments."""
    return kind.__new__(kind)


@pytest.mark.parametrize("kind", [kind for top in USERS for kind in subclasses(top)])
def test_the_users_mistakes_exit_with_2(kind: type[BaseException]) -> None:
    assert exit_code(bare(kind)) == 2


@pytest.mark.parametrize("kind", [kind for top in OTHERS for kind in subclasses(top)])
def test_other_errors_of_semsearch_exit_with_1(kind: type[BaseException]) -> None:
    assert exit_code(bare(kind)) == 1


def test_every_branch_of_the_error_tree_is_in_one_of_the_two_tests_above() -> None:
    assert set(errors.SemsearchError.__subclasses__()) == {*USERS, *OTHERS}


@pytest.mark.parametrize(
    ("error", "code"),
    [(OSError("x"), 1), (RuntimeError("x"), 1), (KeyboardInterrupt(), 130), (typer.BadParameter("x"), 2)],
)
def test_errors_that_are_not_of_semsearch_have_their_exit_codes(error: BaseException, code: int) -> None:
    assert exit_code(error) == code


def test_no_arguments_print_the_help_on_stdout(cli: Cli) -> None:
    run = cli()
    assert (run.code, run.err) == (0, "")
    assert "Usage: semsearch" in run.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["find"], "No such command 'find'"),
        (["search"], "Missing argument 'COLLECTION'"),
        (["search", "pets", "cat", "--top", "3"], "No such option: --top"),
        (["search", "pets", "cat", "-k", "many"], "Invalid value for '-k'"),
        (["serve", "--port", "70000"], "Invalid value for '--port'"),
    ],
)
def test_a_wrong_option_exits_with_2_and_shows_the_usage(cli: Cli, arguments: list[str], message: str) -> None:
    run = cli(*arguments)
    assert (run.code, run.out) == (2, "")
    assert message in run.err
    assert "Usage: semsearch" in run.err
    assert "Traceback" not in run.err


def test_a_wrong_option_with_json_is_an_error_object(cli: Cli) -> None:
    run = cli("search", "pets", "--json", "--top", "3")
    assert run.code == 2
    assert run.json()["error"]["type"] == "NoSuchOption"


def test_an_unknown_collection_exits_with_2_and_lists_those_that_exist(cli: Cli, pets: str) -> None:
    run = cli("search", "plants", "rose")
    assert (run.code, run.out) == (2, "")
    assert f"there is no collection at {Path.cwd() / 'indexes/plants'}" in run.err
    assert "collections in indexes: pets" in run.err


def test_an_error_with_json_is_on_stdout_with_its_class_and_on_stderr(cli: Cli, pets: str) -> None:
    run = cli("get", "pets", "cow", "--json")
    assert run.code == 2
    assert run.json()["error"]["type"] == "DocumentNotFoundError"
    assert run.json()["error"]["message"] in run.err


def test_json_behind_two_dashes_is_no_option(cli: Cli, pets: str) -> None:
    run = cli("get", "pets", "--", "--json")
    assert (run.code, run.out) == (2, "")
    assert "'--json'" in run.err


@pytest.mark.parametrize("name", ["..", ".", "", "a b", "-x", "a\n", "é", "a" * 65, ".hidden"])
def test_what_cannot_be_a_name_is_refused_and_nothing_is_created(cli: Cli, folder: Path, name: str) -> None:
    run = cli("add", "--dim", "2", "--", name, "x.jsonl")
    assert run.code == 2
    assert "COLLECTION is" in run.err
    assert list(folder.iterdir()) == []


def test_a_value_with_a_slash_is_the_path_of_a_collection(cli: Cli, pets: str) -> None:
    by_path = cli("info", "./indexes/pets", "--json")
    assert by_path.json()["name"] == "pets"
    assert by_path.json()["documents"] == 3


def test_indexes_is_taken_from_the_option_then_the_environment_then_the_folder_here(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("here", "there", "elsewhere"):
        Collection.create(folder / name / f"of-{name}", dim=2).close()
    (folder / "here").rename(folder / "indexes")
    assert cli("list").out == "of-here\n"
    monkeypatch.setenv("SEMSEARCH_INDEXES", "there")
    assert cli("list").out == "of-there\n"
    assert cli("--indexes", "elsewhere", "list").out == "of-elsewhere\n"


def test_a_wrong_device_in_the_environment_exits_with_2_and_names_the_variable(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEMSEARCH_DEVICE", "gpu")
    run = cli("list")
    assert (run.code, run.out) == (2, "")
    assert "SEMSEARCH_DEVICE is 'gpu'" in run.err
    assert "'cuda'" in run.err


def test_a_wrong_device_in_the_option_exits_with_2_and_names_the_option(cli: Cli) -> None:
    run = cli("--device", "gpu", "list")
    assert run.code == 2
    assert "--device is 'gpu'" in run.err


def test_a_wrong_search_device_exits_with_2_and_names_the_option_or_the_variable(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = cli("--search-device", "gpu", "list")
    assert run.code == 2
    assert "--search-device is 'gpu'" in run.err
    monkeypatch.setenv("SEMSEARCH_SEARCH_DEVICE", "mps")
    assert "SEMSEARCH_SEARCH_DEVICE is 'mps'" in cli("list").err


def test_a_search_device_that_is_not_there_exits_with_2_and_says_so(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    Collection.create(folder / "indexes/own", dim=2).close()
    run = cli("--search-device", "cuda", "info", "own")
    assert run.code == 2
    assert "torch finds no CUDA device here" in run.err


def test_a_wrong_document_size_in_the_environment_exits_with_2(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEMSEARCH_MAX_DOCUMENT_BYTES", "many")
    run = cli("add", "new", "x.txt")
    assert run.code == 2
    assert "SEMSEARCH_MAX_DOCUMENT_BYTES is 'many'" in run.err


def test_a_damaged_database_exits_with_1_and_says_which_file(cli: Cli, folder: Path, pets: str) -> None:
    with (folder / "indexes/pets/collection.db").open("r+b") as file:
        file.write(b"garbage " * 200)
    for arguments in (["search", "pets", "cat"], ["info", "pets"], ["add", "pets", "pets.jsonl"]):
        run = cli(*arguments)
        assert (run.code, run.out) == (1, "")
        assert "indexes/pets/collection.db is damaged" in run.err
        assert "Traceback" not in run.err


def test_a_model_that_cannot_be_loaded_exits_with_1(cli: Cli, pets: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise errors.ModelError("the model is gone")

    monkeypatch.setattr("semsearch.embedders.pinned.load_embedder", fail)
    run = cli("search", "pets", "cat")
    assert (run.code, run.err) == (1, "semsearch: the model is gone\n")


def test_another_model_under_the_collections_name_exits_with_2(
    cli: Cli, pets: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = FakeEmbedder(fingerprint="another")
    monkeypatch.setattr("semsearch.embedders.pinned.load_embedder", lambda *_: other)
    run = cli("search", "pets", "cat", "--json")
    assert run.code == 2
    assert run.json()["error"]["type"] == "EmbedderMismatchError"


def test_the_traceback_is_printed_with_debug_only(cli: Cli, pets: str) -> None:
    assert "Traceback" not in cli("get", "pets", "cow").err
    run = cli("--debug", "get", "pets", "cow")
    assert run.code == 2
    assert "Traceback" in run.err
    assert run.err.endswith("semsearch: there is no document with the id 'cow' in this collection\n")


def raising(error: BaseException) -> Callable[..., None]:
    def raise_it(*arguments: object, **options: object) -> None:
        raise error

    return raise_it


def test_an_error_that_nobody_foresaw_exits_with_1_and_points_to_debug(
    cli: Cli, pets: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Collection, "info", raising(ZeroDivisionError("by zero")))
    run = cli("info", "pets")
    assert run.code == 1
    assert "ZeroDivisionError: by zero" in run.err
    assert "--debug" in run.err


def test_an_interrupt_exits_with_130_and_says_that_what_was_committed_is_kept(
    cli: Cli, pets: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Collection, "sync", raising(KeyboardInterrupt()))
    run = cli("add", "pets", "pets.jsonl")
    assert (run.code, run.err) == (130, "semsearch: interrupted: everything committed so far is kept\n")


def test_ctrl_c_in_a_running_add_keeps_what_was_committed(folder: Path) -> None:
    command = [sys.executable, "-m", "semsearch", "add", "own", "-", "--dim", "2", "-v"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        process = subprocess.Popen(command, cwd=folder, text=True, bufsize=1, **pipes)
    finally:
        signal.signal(signal.SIGINT, before)
    with process:
        assert process.stdin is not None
        assert process.stderr is not None
        for number in range(1_200):  # more than a batch
            process.stdin.write(f'{{"id": "{number}", "text": "x", "vector": [1, {number}]}}\n')
        while "committed" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == "semsearch: interrupted: everything committed so far is kept\n"
        assert process.wait() == 130
    with Collection.open(folder / "indexes/own") as collection:
        assert 0 < collection.count() < 1_200


def test_a_serving_error_becomes_an_exit_code_of_1_and_a_message(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("semsearch.api.app.serve", raising(SystemExit(1)))
    run = cli("serve", "--port", "8123", "--json")
    assert run.code == 1
    assert "port 8123" in run.json()["error"]["message"]


def test_serve_gets_the_settings_of_the_options(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr("semsearch.api.app.serve", lambda settings, *, port: calls.append((settings, port)))
    given = ["--indexes", "elsewhere", "--device", "cpu", "--search-device", "auto"]
    assert cli(*given, "serve", "--port", "0").code == 0
    [(settings, port)] = calls
    assert (settings.indexes, settings.device, settings.search_device, port) == (Path("elsewhere"), "cpu", "auto", 0)


def test_a_closed_pipe_ends_quietly(folder: Path) -> None:
    with Collection.create(folder / "indexes/many", dim=2) as collection:
        collection.add(Document(f"document number {number}", "text", vector=[1, 0]) for number in range(5_000))
    command = [sys.executable, "-m", "semsearch", "list", "many", "--page-size", "5000"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 141


def test_output_that_no_locale_has_does_not_crash(folder: Path) -> None:
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii:strict"}
    command = [sys.executable, "-m", "semsearch", "get", "n\udcffé", "x", "--json"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert b"COLLECTION is" in done.stdout
