"""Files that have not changed are not read, and what has changed is all that is embedded."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import FakeEmbedder

from semsearch.collection import Collection
from semsearch.ingest import reading
from semsearch.reports import AddReport, FileOutcome, FileReport, SyncPlan
from semsearch.types import Limits

LONG_AGO = 1_600_000_000


@pytest.fixture
def model() -> FakeEmbedder:
    return FakeEmbedder()


@pytest.fixture
def collection(tmp_path: Path, model: FakeEmbedder, monkeypatch: pytest.MonkeyPatch) -> Iterator[Collection]:
    """An empty collection; the current folder has `docs` in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    with Collection.create(tmp_path / "c", model=model) as collection:
        yield collection


def write(name: str, text: str, *, at: float = LONG_AGO) -> None:
    path = Path("docs") / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    os.utime(path, (at, at))


def outcomes(report: AddReport) -> dict[str, str]:
    return {each.path: each.outcome.value for each in report.files}


def outcomes_of_plan(plan: SyncPlan) -> dict[str, str]:
    return {each.path: each.outcome.value for each in plan.files}


def version(collection: Collection) -> int:
    with collection._store.read() as reader:
        return reader.state().version


def ids(collection: Collection) -> list[str]:
    return [document.id for document in collection.list().documents]


def test_unchanged_files_are_skipped_without_being_opened(
    collection: Collection, model: FakeEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("a.txt", "one text")
    write("b.jsonl", '{"id": "x", "text": "two"}\n{"id": "y", "text": "three"}\n')
    first = collection.sync(["docs"])
    assert (first.added, outcomes(first)) == (3, {"docs/a.txt": "added", "docs/b.jsonl": "added"})
    before = model.document_texts
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("a file was opened"))
    again = collection.sync(["docs"])
    assert (again.added, again.updated, again.skipped, again.chunks) == (0, 0, 3, 0)
    assert [(each.path, each.outcome, each.skipped) for each in again.files] == [
        ("docs/a.txt", FileOutcome.SKIPPED, 1), ("docs/b.jsonl", FileOutcome.SKIPPED, 2)
    ]  # fmt: skip
    assert model.document_texts == before


def test_a_touched_file_is_compared_by_its_content_once(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("a.txt", "one text")
    collection.sync(["docs"])
    write("a.txt", "one text", at=LONG_AGO + 60)
    assert outcomes(collection.sync(["docs"])) == {"docs/a.txt": "skipped"}
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("a file was opened"))
    assert outcomes(collection.sync(["docs"])) == {"docs/a.txt": "skipped"}


def test_a_file_that_is_as_young_as_the_clock_tells_is_compared_by_its_content(collection: Collection) -> None:
    now = time.time()
    write("a.txt", "first", at=now)
    collection.sync(["docs"])
    write("a.txt", "other", at=now)  # the same size and time
    assert outcomes(collection.sync(["docs"])) == {"docs/a.txt": "updated"}
    assert collection.get("docs/a.txt").text == "other"


def test_only_the_chunks_that_have_changed_in_a_file_are_embedded(collection: Collection, model: FakeEmbedder) -> None:
    paragraphs = [" ".join(f"word{number}x{word}" for word in range(12)) for number in range(40)]
    write("long.txt", "\n\n".join(paragraphs))
    first = collection.sync(["docs"])
    paragraphs[20] += " changed"
    write("long.txt", "\n\n".join(paragraphs), at=LONG_AGO + 1)
    before = model.document_texts
    report = collection.sync(["docs"])
    assert report.updated == 1
    assert 1 <= report.chunks <= 3 < first.chunks
    assert report.reused >= first.chunks - 3
    assert model.document_texts == before + report.chunks


def test_a_renamed_file_keeps_its_vectors_and_the_old_name_is_told_and_removed_on_request(
    collection: Collection, model: FakeEmbedder
) -> None:
    write("old.txt", "a text that stays the same")
    collection.sync(["docs"])
    Path("docs/old.txt").rename("docs/new.txt")
    before = model.document_texts
    report = collection.sync(["docs"])
    assert (report.added, report.chunks, report.reused, report.vanished) == (1, 0, 1, 1)
    assert outcomes(report) == {"docs/new.txt": "added", "docs/old.txt": "vanished"}
    assert ids(collection) == ["docs/old.txt", "docs/new.txt"]
    report = collection.sync(["docs"], remove=True)
    assert (report.removed, outcomes(report)["docs/old.txt"]) == (1, "removed")
    assert (ids(collection), model.document_texts) == (["docs/new.txt"], before)
    assert outcomes(collection.sync(["docs"])) == {"docs/new.txt": "skipped"}


def test_a_reused_vector_is_the_one_that_embedding_would_give(collection: Collection) -> None:
    write("a.txt", "some text about trains")
    collection.sync(["docs"])
    write("b.txt", "some text about trains")
    assert collection.sync(["docs"]).reused == 1
    hits = collection.search("some text about trains").hits
    assert [hit.document_id for hit in hits] == ["docs/a.txt", "docs/b.txt"]
    assert hits[0].score == hits[1].score


def test_documents_that_are_gone_from_a_file_are_told_and_removed_on_request(collection: Collection) -> None:
    write("many.jsonl", '{"id": "x", "text": "one"}\n{"id": "y", "text": "two"}\n')
    collection.sync(["docs"])
    write("many.jsonl", '{"id": "y", "text": "two"}\n{"id": "z", "text": "three"}\n', at=LONG_AGO + 1)
    report = collection.sync(["docs"])
    assert report.files == (FileReport("docs/many.jsonl", FileOutcome.UPDATED, added=1, skipped=1, vanished=1),)
    assert ids(collection) == ["x", "y", "z"]
    write("many.jsonl", '{"id": "z", "text": "three"}\n', at=LONG_AGO + 2)
    report = collection.sync(["docs"], remove=True)
    assert (report.removed, ids(collection)) == (2, ["z"])


def test_a_line_that_cannot_be_read_any_more_removes_nothing(collection: Collection) -> None:
    write("many.jsonl", '{"id": "x", "text": "one"}\n{"id": "y", "text": "two"}\n')
    collection.sync(["docs"])
    write("many.jsonl", '{"id": "x", "text": oops}\n{"id": "y", "text": "two"}\n', at=LONG_AGO + 1)
    report = collection.sync(["docs"], remove=True)
    assert ([each.where for each in report.failed], report.removed) == ([str(Path("docs/many.jsonl:1").absolute())], 0)
    assert ids(collection) == ["x", "y"]


def test_a_document_that_is_refused_now_is_not_taken_for_one_that_is_gone(collection: Collection) -> None:
    write("many.jsonl", '{"id": "x", "text": "one"}\n{"id": "y", "text": "two"}\n')
    collection.sync(["docs"])
    write("many.jsonl", '{"id": "x", "text": "one", "a.b": 1}\n{"id": "y", "text": "two"}\n', at=LONG_AGO + 1)
    report = collection.sync(["docs"], remove=True)
    assert ([each.document_id for each in report.failed], report.removed) == (["x"], 0)
    assert ids(collection) == ["x", "y"]


def test_a_file_whose_reader_is_gone_has_not_vanished(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    write("a.txt", "one")
    write("b.html", "<p>two</p>")
    collection.sync(["docs"])
    monkeypatch.setattr(reading, "READERS", {".txt": reading.READERS[".txt"]})
    report = collection.sync(["docs"], remove=True)
    assert outcomes(report) == {"docs/a.txt": "skipped", "docs/b.html": "unread"}
    assert ids(collection) == ["docs/a.txt", "docs/b.html"]


def test_a_file_that_two_paths_lead_to_is_read_once(collection: Collection) -> None:
    write("a.txt", "one")
    report = collection.sync(["docs", "docs/a.txt", "docs/*.txt"])
    assert (report.added, report.failed, outcomes(report)) == (1, (), {"docs/a.txt": "added"})
    assert outcomes(collection.sync(["docs/a.txt", "docs"], remove=True)) == {"docs/a.txt": "skipped"}


def test_a_file_that_cannot_be_opened_keeps_its_documents_and_is_in_quarantine_until_it_can(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("a.txt", "one")
    collection.sync(["docs"])
    write("a.txt", "two", at=LONG_AGO + 1)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", lambda *_: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
        assert outcomes_of_plan(collection.plan_sync(["docs"])) == {"docs/a.txt": "failed"}
        assert outcomes(collection.sync(["docs"], remove=True)) == {"docs/a.txt": "failed"}
    assert "Permission denied" in collection.info().quarantined[0].reason
    assert outcomes(collection.sync(["docs"])) == {"docs/a.txt": "updated"}
    assert (collection.get("docs/a.txt").text, collection.info().quarantined) == ("two", ())


def test_a_vanished_file_is_told_without_writing_anything(collection: Collection) -> None:
    write("a.txt", "one")
    write("b.txt", "two")
    collection.sync(["docs"])
    Path("docs/a.txt").unlink()
    before = version(collection)
    assert outcomes(collection.sync(["docs"])) == {"docs/b.txt": "skipped", "docs/a.txt": "vanished"}
    assert version(collection) == before


def test_a_file_in_quarantine_leaves_it_when_it_vanishes(collection: Collection) -> None:
    write("a.txt", "one")
    write("bad.txt", "\0")
    collection.sync(["docs"])
    Path("docs/bad.txt").unlink()
    assert outcomes(collection.sync(["docs"])) == {"docs/a.txt": "skipped", "docs/bad.txt": "removed"}
    assert collection.info().quarantined == ()


def test_a_document_that_moves_from_one_file_to_another_is_not_removed_with_the_first(collection: Collection) -> None:
    write("a.jsonl", '{"id": "x", "text": "one"}\n')
    collection.sync(["docs"])
    Path("docs/a.jsonl").unlink()
    write("b.jsonl", '{"id": "x", "text": "one"}\n')
    collection.sync(["docs"], remove=True)
    assert ids(collection) == ["x"]


def test_what_could_not_be_read_is_in_quarantine_until_it_changes_or_is_retried(collection: Collection) -> None:
    write("bad.txt", "\0")
    first = collection.sync(["docs"])
    assert outcomes(first) == {"docs/bad.txt": "failed"}
    assert outcomes(collection.sync(["docs"])) == {"docs/bad.txt": "failed"}
    assert collection.sync(["docs"]).failed == first.failed
    assert [each.where for each in collection.info().quarantined] == [str(Path("docs/bad.txt").absolute())]
    again = AssertionError("read again")
    assert outcomes(_sync_with(collection, again, retry_failed=False)) == {"docs/bad.txt": "failed"}
    with pytest.raises(AssertionError, match="read again"):
        _sync_with(collection, again, retry_failed=True)
    assert outcomes_of_plan(collection.plan_sync(["docs"])) == {"docs/bad.txt": "failed"}
    assert outcomes_of_plan(collection.plan_sync(["docs"], retry_failed=True)) == {"docs/bad.txt": "added"}
    write("bad.txt", "good now", at=LONG_AGO + 1)
    assert outcomes(collection.sync(["docs"])) == {"docs/bad.txt": "added"}
    assert collection.info().quarantined == ()


def _sync_with(collection: Collection, error: Exception, *, retry_failed: bool) -> AddReport:
    def refuse(*arguments: object) -> None:
        raise error

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading.Reading, "documents", refuse)
        return collection.sync(["docs"], retry_failed=retry_failed)


def test_a_removed_document_comes_back_with_the_next_sync_of_its_file(collection: Collection) -> None:
    write("a.txt", "one text")
    collection.sync(["docs"])
    collection.remove(["docs/a.txt"])
    report = collection.sync(["docs"])
    assert (report.added, ids(collection)) == (1, ["docs/a.txt"])


def test_a_folder_in_which_nothing_is_found_loses_nothing(collection: Collection) -> None:
    write("a.txt", "one text")
    collection.sync(["docs"])
    Path("docs/a.txt").unlink()
    report = collection.sync(["docs"], remove=True)
    assert (report.removed, report.vanished, ids(collection)) == (0, 0, ["docs/a.txt"])


def test_files_of_other_folders_do_not_vanish_with_one(collection: Collection) -> None:
    write("one/a.txt", "one text")
    write("onemore/b.txt", "two texts")
    collection.sync(["docs/one", "docs/onemore"])
    Path("docs/onemore/b.txt").unlink()
    assert outcomes(collection.sync(["docs/one"], remove=True)) == {"docs/one/a.txt": "skipped"}


def test_a_file_of_a_kind_that_is_not_read_is_in_the_report(collection: Collection) -> None:
    write("a.txt", "one text")
    write("image.xyz", "?")
    [_, unread] = collection.sync(["docs"]).files
    assert unread == FileReport("docs/image.xyz", FileOutcome.UNREAD, reason="no reader is for .xyz files")


def test_an_interrupted_file_is_read_again_and_its_documents_are_skipped(collection: Collection) -> None:
    lines = [f'{{"id": "d{number}", "text": "text {number}"}}\n' for number in range(1_500)]
    write("many.jsonl", "".join(lines))

    def interrupt(progress: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collection.sync(["docs"], progress=interrupt)
    done = collection.count()
    assert 0 < done < 1_500
    report = collection.sync(["docs"])
    assert (report.added, report.skipped, collection.count()) == (1_500 - done, done, 1_500)


def test_a_plan_tells_what_would_be_done_and_changes_nothing(collection: Collection) -> None:
    for name in ("same", "changed", "gone"):
        write(f"{name}.txt", f"a text of {name}")
    collection.sync(["docs"])
    write("new.txt", "a new text")
    write("changed.txt", "another text", at=LONG_AGO + 1)
    Path("docs/gone.txt").unlink()
    before = collection.info()
    plan = collection.plan_sync(["docs"])
    assert (plan.added, plan.updated, plan.skipped, plan.failed, plan.vanished) == (1, 1, 1, 0, 1)
    assert plan.bytes == len("a new text") + len("another text")
    assert plan.seconds > 0
    assert collection.info() == before
    assert collection.plan_sync(["docs/same.txt"]).seconds == 0


def test_a_file_above_the_limit_is_a_failure_that_names_it(collection: Collection) -> None:
    write("long.txt", "x" * 21)
    report = collection.sync(["docs"], limits=Limits(document_bytes=20))
    assert "max_document_bytes (20)" in report.failed[0].reason
