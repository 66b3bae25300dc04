import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from hostile_readers import SURROGATES

from semsearch.errors import InvalidRequestError, SandboxError
from semsearch.ingest.readers.contract import FoundFile
from semsearch.ingest.sandbox import process
from semsearch.ingest.sandbox.parent import Sandbox
from semsearch.types import Document, Failure, Limits, Place

ROOT = Path(__file__).parents[2]
LIMITS = Limits(
    document_bytes=1_000,
    text_characters=10_000,
    memory_bytes=200 << 20,
    cpu_seconds=20,
    seconds=30,
    written_bytes=10_000,
)
Make = Callable[..., Sandbox]
Found = Callable[..., FoundFile]


def workers_of(parent: int | None = None) -> list[psutil.Process]:
    children = psutil.Process(parent).children(recursive=True)
    return [child for child in children if child.status() != psutil.STATUS_ZOMBIE]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Make sandboxes with the hostile readers; afterwards neither a process nor a folder of theirs is left."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    before = {child.pid for child in workers_of()}
    made = []

    def make_one(limits: Limits = LIMITS, workers: int = 1) -> Sandbox:
        made.append(Sandbox(limits, workers=workers, registry="hostile_readers"))
        return made[-1]

    yield make_one
    for sandbox in made:
        sandbox.close()
    assert {child.pid for child in workers_of()} <= before
    assert list(folder.iterdir()) == []


@pytest.fixture
def found(tmp_path: Path) -> Found:
    """Make a file for the reader of this name."""

    def make_file(kind: str, content: str = "text", name: str = "file") -> FoundFile:
        path = tmp_path / f"{name}.{kind}"
        path.write_text(content)
        return FoundFile(path, f"{name}.{kind}")

    return make_file


def is_alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def wait_until(holds: Callable[[], bool], seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


def document(item: Document | Failure) -> Document:
    assert isinstance(item, Document), item
    return item


def test_documents_and_failures_come_out_as_the_reader_gave_them(make: Make, found: Found) -> None:
    places = (Place(0), Place(1, "A > B"), Place(2, None, 3))
    metadata = {"a": {"b": [1, None, 2.5, "\udc00"]}}
    with make() as sandbox:
        assert list(sandbox.read(found("everything"))) == [
            Document("all", SURROGATES, metadata, "title \ud800", "source", [0.5, 1], places),
            Failure("here:1", "is wrong", "wrong"),
            Failure("there", "is wrong as well"),
        ]


@pytest.mark.parametrize(
    ("kind", "limit", "documents", "reason"),
    [
        ("allocates", {}, 1, "needed more than 200 MiB of memory to parse (limit: memory_bytes); split it, or raise"),
        ("reserves", {}, 0, "needed more than 200 MiB of memory to parse (limit: memory_bytes); split it, or raise"),
        ("spins", {"cpu_seconds": 1}, 1, "took more than 1 s of processor time to parse (limit: cpu_seconds); split"),
        ("sleeps", {"seconds": 1}, 1, "took more than 1 s to parse (limit: seconds); split it, or raise the limit"),
        ("writes", {}, 0, "made its parser write more than 10,000 bytes to a file (limit: written_bytes); it may be"),
        ("aborts", {}, 1, "crashed its parser (SIGABRT); it may be damaged: save it anew, or leave it out"),
        ("faults", {}, 0, "crashed its parser (SIGSEGV); it may be damaged: save it anew, or leave it out"),
        ("exits", {}, 1, "ended its parser (exit code 3); it may be damaged: save it anew, or leave it out"),
        ("dies", {}, 1, "had its parser killed from outside, as systems do that run out of memory; add it again"),
        ("raises", {}, 1, "broke its parser (ValueError: no such glyph); it may be damaged: save it anew, or leave"),
        ("nests", {}, 0, "is nested too deeply for its parser; flatten it, or leave it out"),
        ("claims", {}, 0, "made its parser send what is no answer (has a text of 4,294,967,295 bytes, above 40,000)"),
        ("hangs_up", {}, 0, "made its parser send what is no answer (its end, while it lives); it may be hostile"),
    ],
)
def test_a_bad_file_is_a_failure_after_its_documents_and_the_next_file_is_read(
    make: Make, found: Found, kind: str, limit: dict[str, int], documents: int, reason: str
) -> None:
    bad = found(kind)
    with make(replace(LIMITS, **limit)) as sandbox:
        *before, failure = sandbox.read(bad)
        after = list(sandbox.read(found("good")))
    assert [document(item).text for item in before] == ["it is complete"] * documents
    assert isinstance(failure, Failure)
    assert (failure.where, failure.document_id) == (str(bad.path), bad.document_id)
    assert failure.reason.startswith(reason)
    assert document(after[0]).text == "text"
    assert len(after) == 1


def test_a_file_that_is_gone_is_a_failure_that_says_so(make: Make, tmp_path: Path) -> None:
    with make() as sandbox:
        (failure,) = sandbox.read(FoundFile(tmp_path / "gone.good", "gone"))
    reason = "cannot be read: No such file or directory; check its permissions, then add it again"
    assert failure == Failure(str(tmp_path / "gone.good"), reason, "gone")


def test_of_many_documents_those_that_cannot_be_taken_over_are_failures_in_their_place(
    make: Make, found: Found
) -> None:
    with make() as sandbox:
        long, longest = sandbox.read(found("long"))
        *odd, last = sandbox.read(found("odd"))
    assert isinstance(long, Failure)
    assert long.reason.startswith("has a text of 10,001 characters, above 10,000 (limit: text_characters); split it")
    assert long.document_id == "long"
    assert len(document(longest).text) == 10_000
    assert [item.document_id for item in odd if isinstance(item, Failure)] == ["date", "large", "file.odd"]
    assert document(last).id == "last"


def test_what_a_parser_prints_is_no_answer_and_its_input_is_empty(make: Make, found: Found) -> None:
    with make() as sandbox:
        (item,) = sandbox.read(found("prints"))
    assert document(item).text == "read: ''"


@pytest.mark.parametrize(
    "message",
    [
        "\0\0\0\x02\0\0\0\0[]",
        "\0\0\0\x02\0\0\0\0{}",
        '\0\0\0\x02\0\0\0\0{"',
        '\0\0\0\x0d\0\0\0\0{"is":"ready"}',
    ],
)
def test_forged_answers_are_a_failure_of_their_file(make: Make, found: Found, message: str) -> None:
    with make() as sandbox:
        (failure,) = sandbox.read(found("forges", message))
        (after,) = sandbox.read(found("good"))
    assert isinstance(failure, Failure)
    assert failure.reason.startswith("made its parser send what is no answer (")
    assert document(after).text == "text"


def test_a_worker_parses_many_files(make: Make, found: Found) -> None:
    files = [found("good", name=str(number)) for number in range(20)]
    with make() as sandbox:
        pids = {document(item).metadata["pid"] for file in files for item in sandbox.read(file)}
        assert pids == {child.pid for child in workers_of()}
    assert len(pids) == 1


def test_a_worker_survives_what_a_reader_raises(make: Make, found: Found) -> None:
    with make() as sandbox:
        first, _ = sandbox.read(found("raises"))
        (second,) = sandbox.read(found("good"))
    assert document(first).metadata["pid"] == document(second).metadata["pid"]


@pytest.mark.parametrize("kind", ["hoards", "leaves"])
def test_a_worker_that_keeps_much_memory_or_leaves_files_is_replaced(make: Make, found: Found, kind: str) -> None:
    with make() as sandbox:
        (first,) = sandbox.read(found(kind))
        (second,) = sandbox.read(found("leaves"))
    assert document(first).metadata["pid"] != document(second).metadata["pid"]
    assert document(second).metadata["found"] == []


def test_a_worker_is_replaced_after_so_many_files(make: Make, found: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_FILES", 2)
    with make() as sandbox:
        pids = [document(item).metadata["pid"] for _ in range(3) for item in sandbox.read(found("good"))]
    assert pids[0] == pids[1] != pids[2]


def test_a_worker_that_was_killed_between_two_files_is_replaced(make: Make, found: Found) -> None:
    with make() as sandbox:
        list(sandbox.read(found("good")))
        (worker,) = workers_of()
        worker.kill()
        assert wait_until(lambda: not workers_of())
        (item,) = sandbox.read(found("good"))
    assert document(item).text == "text"


def test_time_does_not_count_while_nobody_takes_the_documents(make: Make, found: Found) -> None:
    with make(replace(LIMITS, seconds=1)) as sandbox:
        items = sandbox.read(found("many"))
        next(items)
        time.sleep(1.5)
        assert all(isinstance(next(items), Document) for _ in range(500))


def test_a_file_of_a_million_documents_waits_for_those_who_take_them(make: Make, found: Found) -> None:
    with make() as sandbox:
        items = sandbox.read(found("many"))
        next(items)
        time.sleep(0.5)
        paused = time.monotonic()
        ahead = 0
        while document(next(items)).metadata["made"] < paused:
            ahead += 1
    assert ahead < 200  # 64 KiB of pipe, at more than 1,000 bytes each


def test_files_beside_a_slow_one_are_parsed_ahead_up_to_a_few_megabytes(make: Make, found: Found) -> None:
    with make(workers=2) as sandbox:
        pairs = sandbox.read_all([found("nap", "1.5"), found("many")])
        (rested,) = next(pairs)[1]
        ended = document(rested).metadata["ended"]
        ahead = 0
        for item in next(pairs)[1]:
            if document(item).metadata["made"] > ended:
                break
            ahead += 1
    assert 200 < ahead < 9_000  # 16 MB, at 2,000 bytes each and more, and the pipe


def test_files_are_parsed_at_the_same_time_and_come_in_their_order(make: Make, found: Found) -> None:
    files = [found("nap", seconds, name=str(n)) for n, seconds in enumerate(("1", "0", "1", "0", "0"))]
    with make(workers=2) as sandbox:
        read = [(file, [document(item) for item in items]) for file, items in sandbox.read_all(files)]
    assert [file for file, _ in read] == files
    first, _, third = [items[0].metadata for _, items in read[:3]]
    assert third["begun"] < first["ended"]


def test_no_file_is_asked_for_before_there_is_a_worker_or_room_for_it(make: Make, found: Found) -> None:
    asked = []

    def files() -> Iterator[FoundFile]:
        for number in range(100):
            asked.append(number)
            yield found("good", name=str(number))

    with make() as sandbox:
        for number, (_, items) in enumerate(sandbox.read_all(files())):
            assert len(asked) <= number + 17
            assert len(list(items)) == 1
    assert len(asked) == 100


def test_no_files_are_no_documents_and_no_processes(make: Make) -> None:
    with make() as sandbox:
        assert list(sandbox.read_all([])) == []
        assert workers_of() == []


def test_giving_up_a_file_ends_its_worker_and_the_next_file_is_read(make: Make, found: Found) -> None:
    with make() as sandbox:
        for item in sandbox.read(found("many")):
            pid = document(item).metadata["pid"]
            break
        assert not psutil.pid_exists(pid)
        pairs = sandbox.read_all([found("many"), found("good")])
        next(next(pairs)[1])
        (after,) = next(pairs)[1]
    assert document(after).text == "text"


def test_workers_that_are_lent_to_an_unfinished_iterator_are_missed_by_name(make: Make, found: Found) -> None:
    with make() as sandbox:
        unfinished = sandbox.read(found("many"))
        next(unfinished)
        with pytest.raises(RuntimeError, match="iterators that have not ended"):
            next(sandbox.read(found("good")))


def test_leaving_the_sandbox_by_an_exception_ends_workers_at_once(make: Make, found: Found) -> None:
    begun = 0.0
    with pytest.raises(ZeroDivisionError), make(workers=2) as sandbox:
        for _, items in sandbox.read_all([found("sleeps"), found("spins")]):
            next(items)
            assert wait_until(lambda: len(workers_of()) == 2)
            begun = time.monotonic()
            raise ZeroDivisionError
    assert workers_of() == []
    assert time.monotonic() - begun < 5
    with pytest.raises(RuntimeError, match="closed"):
        next(sandbox.read(found("good")))


def test_what_is_enforced_is_refused_and_what_is_not_is_not_claimed(make: Make, found: Found, tmp_path: Path) -> None:
    (tmp_path / "file.victim").touch()
    with make() as sandbox, socket.create_server(("127.0.0.1", 0)) as server:
        enforced = sandbox.enforced
        (item,) = sandbox.read(found("tries", str(server.getsockname()[1])))
    tried = document(item).metadata
    assert enforced[:4] == ("time", "memory", "cpu", "file_size")
    for word, actions in {
        "network": ["internet", "datagrams", "local"],
        "processes": ["forks", "programs"],
        "writes": ["writes", "removes"],
    }.items():
        assert [tried[action] for action in actions] == [word in enforced] * len(actions), (word, tried)
    assert (tmp_path / "file.victim").exists() == ("writes" in enforced)
    assert tried["threads"] is False


@pytest.mark.skipif(sys.platform != "linux", reason="other systems deny less")
def test_linux_denies_network_and_programs_and_the_reason_says_so(make: Make, found: Found) -> None:
    with make() as sandbox:
        assert {"network", "processes"} <= set(sandbox.enforced)
        (failure,) = sandbox.read(found("converts"))
    assert isinstance(failure, Failure)
    assert failure.reason.startswith("needs a program or the network, which no parser may use; convert it")


def test_a_worker_has_an_environment_a_folder_and_a_group_of_its_own_and_no_heavy_modules(
    make: Make, found: Found, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SECRET", "hunter2")
    with make() as sandbox, (tmp_path / "open").open("w"):
        (item,) = sandbox.read(found("looks"))
    seen = document(item).metadata
    assert "hunter2" not in str(seen["environment"])
    assert Path(seen["folder"]).parent == tmp_path / "temporary"
    assert {seen["environment"][name] for name in ("HOME", "TMPDIR")} == {seen["folder"]}
    assert len(seen["open"]) == 2
    assert (seen["core"], seen["files"]) == ([0, 0], [64, 64])
    assert seen["killed_first"] == "1000"
    assert seen["group"] != os.getpgid(0)
    assert not {"torch", "sqlalchemy", "faiss", "sentence_transformers", "pydantic", "psutil"} & set(seen["modules"])


def test_a_worker_imports_the_semsearch_of_its_parent_though_only_the_current_folder_leads_to_it(
    found: Found, tmp_path: Path
) -> None:
    (tmp_path / "semsearch").symlink_to(ROOT / "semsearch")
    code = """
import sys
from pathlib import Path
import semsearch
from semsearch.ingest.readers.contract import FoundFile
from semsearch.ingest.sandbox.parent import Sandbox
from semsearch.types import Limits
sys.path.append(sys.argv[2])
with Sandbox(Limits(), registry="hostile_readers") as sandbox:
    (item,) = sandbox.read(FoundFile(Path(sys.argv[1]), "id"))
print(semsearch.__file__ == item.metadata["semsearch"], semsearch.__file__)
"""
    command = [sys.executable, "-c", code, str(found("looks").path), str(ROOT / "tests")]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert run.stdout == f"True {tmp_path / 'semsearch/__init__.py'}\n", run.stderr


def test_workers_end_with_a_parent_that_is_killed(found: Found, tmp_path: Path) -> None:
    code = """
import sys, time
from pathlib import Path
from semsearch.ingest.readers.contract import FoundFile
from semsearch.types import Limits
from semsearch.ingest.sandbox.parent import Sandbox
from semsearch.types import Limits
sys.path.append(sys.argv[1])
with Sandbox(Limits(cpu_seconds=5), workers=3, registry="hostile_readers") as sandbox:
    iterators = [sandbox.read(FoundFile(Path(path), "id")) for path in sys.argv[2:]]
    print(*(next(iterator).metadata["pid"] for iterator in iterators), flush=True)
    time.sleep(60)
"""
    files = [str(found(kind).path) for kind in ("spins", "sleeps", "good")]
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(ROOT / "tests"), *files],
        stdout=subprocess.PIPE,
        env={
            **os.environ,
            "TMPDIR": str(tmp_path),
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        },
    )
    with parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 3
        assert all(is_alive(pid) for pid in pids)
        parent.send_signal(signal.SIGKILL)
    assert wait_until(lambda: not any(is_alive(pid) for pid in pids))


def test_a_process_that_cannot_start_is_an_error_and_no_documents_failure(found: Found) -> None:
    with Sandbox(LIMITS, registry="no_such_module") as sandbox:
        with pytest.raises(SandboxError, match="does not start: ModuleNotFoundError: No module named 'no_such_module'"):
            list(sandbox.read(found("good")))
        with pytest.raises(SandboxError, match="no_such_module"):
            _ = sandbox.enforced


def test_a_program_that_is_missing_is_an_error(found: Found, monkeypatch: pytest.MonkeyPatch, make: Make) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with make() as sandbox, pytest.raises(SandboxError, match="no process can be started"):
        list(sandbox.read(found("good")))


def test_a_sandbox_without_workers_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="0 workers"):
        Sandbox(LIMITS, workers=0)


def test_the_readers_of_the_package_are_what_a_sandbox_has_if_nothing_is_said(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("<title>Bread</title><p>Knead it.")
    with Sandbox(Limits()) as sandbox:
        (item,) = sandbox.read(FoundFile(path, "page"))
    assert item == Document("page", "Knead it.", {"format": "html"}, "Bread", str(path))


def test_a_missing_temporary_folder_is_an_error(found: Found, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with Sandbox(LIMITS, registry="hostile_readers") as sandbox, pytest.raises(SandboxError, match="temporary folder"):
        list(sandbox.read(found("good")))


def test_what_is_printed_before_a_worker_has_started_is_an_error_that_says_so(
    found: Found, monkeypatch: pytest.MonkeyPatch, make: Make
) -> None:
    monkeypatch.setattr(process, "_CODE", "print('a warning, where answers should be', flush=True);" + process._CODE)
    with make() as sandbox, pytest.raises(SandboxError, match="nothing prints when Python starts"):
        list(sandbox.read(found("good")))
