"""Files, folders, globs and standard input become documents, and everything that cannot be read is told."""

import io
import logging
import os
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from semsearch.ingest.finding import FoundFile, find_files
from semsearch.ingest.readers.registry import READERS
from semsearch.ingest.reading import count_documents, read_paths
from semsearch.types import Document, Failure, Place


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file of each kind that is read."""
    root = tmp_path / "docs"
    (root / "sub").mkdir(parents=True)
    (root / "a.txt").write_text("plain")
    (root / "b.md").write_text("# Title\n\ntext")
    (root / "sub" / "c.rst").write_text("Title\n=====\n\ntext")
    (root / "sub" / "d.html").write_text("<title>Title</title><p>text")
    (root / "z.jsonl").write_text('{"id": "one", "text": "1"}\n{"id": "two", "text": "2"}\n')
    return root


@pytest.fixture(autouse=True)
def in_the_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(*paths: Path | str, max_document_bytes: int = 1_000) -> list[Document | Failure]:
    """What is at these paths, given as relative ones."""
    given = [os.path.relpath(path) if isinstance(path, Path) else path for path in paths]
    return list(read_paths(given, max_document_bytes=max_document_bytes))


def documents(*paths: Path | str) -> list[Document]:
    items = read(*paths)
    assert all(isinstance(item, Document) for item in items), items
    return [item for item in items if isinstance(item, Document)]


def failure(*paths: Path | str, max_document_bytes: int = 1_000) -> Failure:
    [item] = read(*paths, max_document_bytes=max_document_bytes)
    assert isinstance(item, Failure)
    return item


def ids(*paths: Path | str) -> list[str]:
    return [document.id for document in documents(*paths)]


# ids, sources, order


def test_a_file_is_named_by_its_path_as_it_was_given(folder: Path) -> None:
    assert ids("docs/a.txt", "./docs//b.md", "docs/../docs/a.txt") == ["docs/a.txt", "docs/b.md", "docs/a.txt"]
    assert ids(str(folder / "a.txt")) == [str(folder / "a.txt")]
    assert documents(folder / "b.md") == [
        Document(
            id="docs/b.md",
            text="# Title\n\ntext",
            metadata={"format": "markdown"},
            title="Title",
            source=str(folder / "b.md"),
            places=(Place(0, "Title"),),
        )
    ]


def test_files_of_a_folder_are_named_after_the_folder_and_come_in_a_fixed_order(folder: Path) -> None:
    for name in ("sub/e/f.txt", "also/g.txt"):
        (folder / name).parent.mkdir()
        (folder / name).write_text("text")
    files, subfolders = ["docs/a.txt", "docs/b.md", "one", "two"], ["docs/sub/c.rst", "docs/sub/d.html"]
    assert ids(folder) == [*files, "docs/also/g.txt", *subfolders, "docs/sub/e/f.txt"]


def test_titles_come_from_the_formats(folder: Path) -> None:
    titles = {document.id: document.title for document in documents(folder)}
    assert titles["docs/a.txt"] is None
    assert titles["docs/b.md"] == titles["docs/sub/c.rst"] == titles["docs/sub/d.html"] == "Title"


def test_the_current_folder_has_no_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert ids(".")[0] == "a.txt"
    assert ids("sub/..")[0] == "a.txt"
    assert ids("../docs")[0] == "../docs/a.txt"


def test_folders_of_one_name_do_not_share_ids(tmp_path: Path) -> None:
    for parent in ("one", "two"):
        (tmp_path / parent / "docs").mkdir(parents=True)
        (tmp_path / parent / "docs" / "n.md").write_text(parent)
    assert ids("one/docs", "two/docs") == ["one/docs/n.md", "two/docs/n.md"]


def test_relative_paths_start_at_the_base_and_keep_the_name_they_were_given(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "recipes"
    elsewhere.mkdir()
    items = list(read_paths(["../docs/a.txt", "../docs/*.md"], base=elsewhere))
    assert [item.id for item in items if isinstance(item, Document)] == ["../docs/a.txt", "../docs/b.md"]
    assert items[0].source == str(folder / "a.txt")  # type: ignore[union-attr]


def test_the_source_is_absolute_for_a_relative_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert [document.source for document in documents("a.txt")] == [str(folder / "a.txt")]


def test_a_folder_named_by_a_link_is_read_under_the_name_of_the_link(folder: Path) -> None:
    link = folder.parent / "current"
    link.symlink_to(folder)
    assert ids(link)[0] == "current/a.txt"


def test_paths_are_read_in_the_order_given(folder: Path) -> None:
    assert ids(folder / "sub", folder / "a.txt") == ["docs/sub/c.rst", "docs/sub/d.html", "docs/a.txt"]


def test_a_suffix_is_read_whatever_its_case(folder: Path) -> None:
    (folder / "a.txt").rename(folder / "a.TXT")
    assert ids(folder / "a.TXT") == ["docs/a.TXT"]


def test_documents_come_lazily(folder: Path) -> None:
    items = read_paths([str(folder / "a.txt"), str(folder / "b.md")])
    next(items)
    (folder / "b.md").write_text("changed meanwhile")
    second = next(items)
    assert isinstance(second, Document)
    assert second.text == "changed meanwhile"


def test_dash_reads_json_lines_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(b'{"id": "x", "text": "t"}\nbroken\n'))
    monkeypatch.setattr(sys, "stdin", stdin)
    first, second = read("-")
    assert first == Document(id="x", text="t", source="<stdin>")
    assert isinstance(second, Failure)
    assert second.where == "<stdin>:2"


def test_standard_input_that_cannot_be_read_is_a_failure(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(io.BytesIO):
        def readline(self, size: int | None = -1) -> bytes:
            raise IsADirectoryError(21, "Is a directory")

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Broken()))
    first, second = read("-", folder / "a.txt")
    assert isinstance(first, Failure)
    assert first.where == "<stdin>"
    assert first.reason.startswith("cannot be read: Is a directory")
    assert isinstance(second, Document)


def test_text_is_kept_to_the_character_but_for_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbf one\r\n\xe2\x80\xa8two\t\r ")
    assert [document.text for document in documents(tmp_path / "a.txt")] == [" one\r\n\u2028two\t\r "]


# globs


def test_a_glob_gives_the_ids_that_its_folder_gives(folder: Path) -> None:
    found = ids("docs/**/*.[rm]*")
    assert found == ["docs/b.md", "docs/sub/c.rst"]
    assert set(found) <= set(ids(folder))


def test_a_trailing_double_star_means_files(folder: Path) -> None:
    assert sorted(ids("docs/**")) == sorted(ids(folder))


def test_a_file_with_glob_characters_in_its_name_is_read_as_it_is(folder: Path) -> None:
    (folder / "[a].txt").write_text("brackets")
    assert [document.text for document in documents(folder / "[a].txt")] == ["brackets"]


def test_a_glob_below_a_folder_with_glob_characters_expands_only_what_does_not_exist(tmp_path: Path) -> None:
    (tmp_path / "[x]").mkdir()
    (tmp_path / "[x]" / "a.txt").write_text("a")
    assert ids(tmp_path / "[x]" / "*.txt") == ["[x]/a.txt"]


def test_a_relative_glob_starts_at_the_current_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert ids("*.txt") == ["a.txt"]
    assert ids("../docs/*.txt") == ["../docs/a.txt"]


def test_a_glob_passes_over_hidden_files_links_and_other_kinds(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("secret")
    (folder / "link").symlink_to(outside)
    (folder / "link.txt").symlink_to(outside / "secret.txt")
    (folder / "loop").symlink_to(folder)
    (folder / ".git").mkdir()
    (folder / ".git" / "x.txt").write_text("hidden")
    passed_over: Counter[str] = Counter()
    found = list(find_files("docs/*/*", READERS, passed_over)) + list(find_files("docs/*", READERS, passed_over))
    names = [file.document_id for file in found if isinstance(file, FoundFile)]
    assert names == ["docs/sub/c.rst", "docs/sub/d.html", "docs/a.txt", "docs/b.md", "docs/z.jsonl"]
    assert set(passed_over) == {"hidden", "symbolic links", "folders"}


def test_a_glob_that_matches_nothing_is_a_failure(folder: Path) -> None:
    assert failure(f"{folder}/*.none").reason.startswith("matches nothing; ")


def test_a_glob_that_cannot_be_expanded_is_a_failure(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, pattern: str) -> list[Path]:
        raise ValueError("Invalid pattern")

    monkeypatch.setattr(Path, "glob", refuse)
    assert failure(f"{folder}/a**b").reason == (
        "cannot be expanded: Invalid pattern; correct the pattern, or name the folder"
    )


# what is not read


def test_a_missing_path_is_a_failure_and_the_rest_goes_on(folder: Path) -> None:
    first, second = read("no/such/file.txt", folder / "a.txt")
    assert first == Failure("no/such/file.txt", "does not exist; check its spelling and the current folder")
    assert isinstance(second, Document)


def test_an_empty_path_is_missing_and_not_the_current_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert failure("").reason.startswith("does not exist")


def test_a_path_below_a_file_is_missing(folder: Path) -> None:
    assert failure(folder / "a.txt" / "b.txt").reason.startswith("does not exist")


def test_a_path_that_cannot_be_looked_up_is_a_failure(tmp_path: Path) -> None:
    assert failure(tmp_path / ("x" * 300)).reason.startswith("cannot be looked up: File name too long")
    assert failure(f"{tmp_path}/a\0b.txt").reason.startswith("cannot be looked up: ")


@pytest.mark.parametrize("name", ["report.doc", "README"])
def test_a_named_file_of_another_kind_is_a_failure_that_says_what_to_do(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("text")
    reason = failure(tmp_path / name).reason
    assert "not read" in reason
    assert reason.endswith("convert it to text, HTML or PDF (images: to JPEG or PNG), or install a reader for them")


def test_files_of_other_kinds_in_a_folder_are_counted_in_the_log(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("x.doc", "y.DOC", "z.png", "Makefile", ".hidden.txt"):
        (folder / name).write_text("")
    (folder / "link.md").symlink_to(folder / "b.md")
    with caplog.at_level(logging.INFO, logger="semsearch"):
        documents(folder)
    assert caplog.messages == [
        "docs: passed over 6 that are not read: .doc 2, .png 1, hidden 1, no suffix 1, symbolic links 1"
    ]


def test_nothing_is_logged_for_a_folder_that_is_read_whole(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="semsearch"):
        documents(folder)
    assert caplog.messages == []


@pytest.mark.timeout(10)
def test_links_pipes_and_sockets_in_a_folder_are_never_opened(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = ids(folder)
    outside = tmp_path / "outside.txt"
    outside.write_text("outside")
    (folder / "link.txt").symlink_to(outside)
    (folder / "up").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe.txt")
    monkeypatch.chdir(folder)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.txt")
        monkeypatch.chdir(tmp_path)
        assert ids(folder) == expected


@pytest.mark.timeout(10)
def test_a_named_pipe_is_a_failure(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    assert failure(tmp_path / "pipe.txt").reason.startswith("is neither a file nor a folder")


def test_a_folder_that_looks_like_a_file_is_read_as_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.txt").mkdir()
    (tmp_path / "a.txt" / "b.txt").write_text("text")
    assert ids(tmp_path) == ["a.txt/b.txt"]


def test_a_file_that_cannot_be_opened_is_a_failure_and_the_rest_goes_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path_open = Path.open

    def refuse(self: Path, mode: str) -> object:
        if self.name in {"a.txt", "z.jsonl"}:
            raise PermissionError(13, "Permission denied")
        return path_open(self, mode)

    monkeypatch.setattr(Path, "open", refuse)
    items = read(folder)
    failures = [item for item in items if isinstance(item, Failure)]
    assert [item.where for item in failures] == [str(folder / "a.txt"), str(folder / "z.jsonl")]
    assert {item.reason for item in failures} == {
        "cannot be read: Permission denied; check its permissions, then add it again"
    }
    assert len(items) == 5


def test_a_file_that_became_a_folder_is_a_failure(folder: Path) -> None:
    items = read_paths([str(folder)])
    next(items)
    (folder / "b.md").unlink()
    (folder / "b.md").mkdir()
    item = next(items)
    assert isinstance(item, Failure)
    assert item.reason.startswith("cannot be read: Is a directory")


def test_a_folder_that_cannot_be_listed_is_a_failure_and_the_rest_goes_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if path.name == "sub":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    *rest, last = read(folder)
    assert last == Failure(str(folder / "sub"), "the folder cannot be read: Permission denied; check its permissions")
    assert len(rest) == 4


@pytest.mark.parametrize("suffix", [".txt", ".md", ".rst", ".html", ".jsonl"])
@pytest.mark.parametrize("content", [b"", b" \r\n\t\n", b"\xef\xbb\xbf"])
def test_a_file_without_text_is_a_failure(tmp_path: Path, suffix: str, content: bytes) -> None:
    (tmp_path / f"a{suffix}").write_bytes(content)
    assert failure(tmp_path / f"a{suffix}").where == str(tmp_path / f"a{suffix}")


@pytest.mark.parametrize("suffix", [".txt", ".md", ".rst"])
def test_a_binary_file_is_a_failure_that_names_the_byte(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"a{suffix}").write_bytes(b"GIF89\0a")
    assert failure(tmp_path / f"a{suffix}").reason.startswith("is not text: byte 5 is NUL; ")
    (tmp_path / f"a{suffix}").write_bytes(b"\xff\x01\xfe")
    assert failure(tmp_path / f"a{suffix}").reason.startswith("is not text: byte 1 is 0x01; ")


def test_a_failure_of_a_found_file_carries_its_document_id(folder: Path) -> None:
    (folder / "a.txt").write_bytes(b"\0")
    first = read(folder)[0]
    assert isinstance(first, Failure)
    assert first.document_id == "docs/a.txt"


def test_a_file_is_read_up_to_the_limit_and_refused_above_it(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x" * 1_000)
    assert ids(tmp_path / "a.txt") == ["a.txt"]
    (tmp_path / "a.txt").write_text("x" * 1_001)
    assert failure(tmp_path / "a.txt").reason == (
        "has 1,001 bytes, above max_document_bytes (1,000); split it or raise the setting"
    )


def test_a_name_that_is_not_utf8_is_a_failure_that_can_be_printed(tmp_path: Path) -> None:
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.txt")).write_text("text")
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    item = failure(tmp_path)
    assert item.where == rf"{tmp_path}/caf\xe9.txt"
    assert "not UTF-8" in item.reason


@pytest.mark.slow
def test_a_sparse_gigabyte_costs_no_memory(tmp_path: Path) -> None:
    for name in ("a.txt", "a.jsonl"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(1 << 30)
    program = (
        "import resource, sys; from semsearch.ingest.reading import read_paths\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "items = list(read_paths(sys.argv[1:]))\n"
        "print(len(items), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    run = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    failures, kibibytes = map(int, run.stdout.split())
    assert failures == 2
    assert kibibytes < 60_000 * (1 if sys.platform == "linux" else 1_024)


@pytest.mark.slow
def test_a_folder_may_be_deeper_than_python_recurses(tmp_path: Path) -> None:
    folders = [f"{tmp_path}/{'d/' * depth}" for depth in range(1, 1_100)]
    for name in folders:
        os.mkdir(name)  # Path.mkdir recurses
    Path(folders[-1], "a.txt").write_text("text")
    try:
        assert len(ids(tmp_path)) == 1
    finally:
        subprocess.run(["rm", "-r", folders[0]], check=True)  # shutil.rmtree recurses


# counting


def test_as_many_are_counted_as_come(folder: Path) -> None:
    (folder / "empty.md").write_text("")
    paths = [str(folder), str(folder / "a.txt"), str(folder / "none.txt"), f"{folder}/*.jsonl"]
    assert count_documents(paths) == len(read(*paths)) == 6 + 1 + 1 + 1 + 2


def test_lines_are_counted_with_and_without_a_last_newline(tmp_path: Path) -> None:
    for content, lines in ((b"", 0), (b"x", 1), (b"x\n", 1), (b"x\n\ny", 3), (b"x\n" * 700_000, 700_000)):
        (tmp_path / "a.jsonl").write_bytes(content)
        assert count_documents([str(tmp_path / "a.jsonl")]) == lines


def test_standard_input_cannot_be_counted(folder: Path) -> None:
    assert count_documents([str(folder), "-"]) is None


def test_counting_logs_nothing(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "x.doc").write_text("")
    with caplog.at_level(logging.INFO, logger="semsearch"):
        count_documents([str(folder)])
    assert caplog.messages == []


def test_a_file_that_cannot_be_counted_counts_as_the_failure_it_will_be(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, mode: str) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert count_documents([str(folder / "z.jsonl")]) == 1
