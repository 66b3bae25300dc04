"""Sealing, rewriting and compaction of a collection's vectors, with sizes lowered so that little data goes far."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numbered import (
    DIM,
    VECTORS,
    KilledError,
    compact_beside_readers,
    die_at,
    document,
    documents,
    expected,
    found,
    manifest,
    names_on_disk,
    root,
)
from synthetic import clustered

from semsearch import Collection, files
from semsearch.errors import CorruptStoreError, StoreFullError
from semsearch.index import measuring, sizing

ROWS = 1_000
QUERIES = clustered(10, DIM, seed=5)


@pytest.fixture(autouse=True)
def sizes(small_is_large: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizing, "INDEX_FROM", 400)
    monkeypatch.setattr(sizing, "SEAL_FROM", 100)
    monkeypatch.setattr(sizing, "SEGMENT_ROWS", 300)
    monkeypatch.setattr(measuring, "SAMPLE", 50)


@pytest.fixture
def collection(sizes: None, tmp_path: Path) -> Iterator[Collection]:
    with Collection.create(tmp_path / "c", dim=DIM) as made:
        made.add(documents(ROWS))
        yield made


def check_exact(collection: Collection, live: Sequence[int]) -> None:
    for query in QUERIES:
        assert found(collection, query, exact=True) == expected(query, live)


def test_the_tail_is_sealed_while_documents_are_added(collection: Collection) -> None:
    assert collection.info().tail == 0
    assert sum(file.details["rows"] for file in manifest(collection, "segment")) == ROWS
    assert len(list((root(collection) / "vectors").iterdir())) == 2 * len(manifest(collection, "segment"))
    check_exact(collection, range(ROWS))


def test_a_segment_is_readable_with_plain_numpy(collection: Collection) -> None:
    for file in manifest(collection, "segment"):
        ids = np.load(root(collection) / f"{file.name.removesuffix('.f16')}.ids.npy")
        data = (root(collection) / file.name).read_bytes()
        rows = np.frombuffer(data[len(data) - 2 * DIM * len(ids) :], dtype="<f2").reshape(-1, DIM)
        np.testing.assert_allclose(rows.astype(np.float32), VECTORS[ids - 1], atol=1e-3)


def test_no_segment_is_larger_than_it_may_be(collection: Collection) -> None:
    collection.compact()
    sizes = [file.details["rows"] for file in manifest(collection, "segment")]
    assert max(sizes) <= 300
    assert len(sizes) == 4


def test_a_small_tail_stays_in_the_database(collection: Collection) -> None:
    collection.add(documents(ROWS, ROWS + 99))
    assert collection.info().tail == 99
    collection.add([document(ROWS + 99)])
    assert collection.info().tail == 0
    check_exact(collection, range(ROWS + 100))


def test_deleted_rows_leave_the_files_when_a_fifth_is_dead(collection: Collection) -> None:
    collection.remove(str(number) for number in range(150))
    assert collection.info().tombstones == 150
    collection.remove(str(number) for number in range(150, 250))
    info = collection.info()
    assert info.index is not None
    assert info.index.rows == ROWS - 250
    check_exact(collection, range(250, ROWS))


def test_compact_leaves_no_deleted_row_and_gives_its_space_back(collection: Collection) -> None:
    before = collection.info().bytes
    collection.remove(filter={"n": {"$lt": 700}})
    collection.compact()
    info = collection.info()
    assert (info.documents, info.tombstones, info.tail) == (300, 0, 0)
    assert sum(file.details["rows"] for file in manifest(collection, "segment")) == 300
    assert info.index is None  # too small to need one
    assert info.bytes < before / 2
    check_exact(collection, range(700, ROWS))


def test_compacting_twice_changes_nothing_the_second_time(collection: Collection) -> None:
    collection.compact()
    before = {path: path.stat().st_mtime_ns for path in root(collection).rglob("*") if path.parent != root(collection)}
    collection.compact()
    after = {path: path.stat().st_mtime_ns for path in root(collection).rglob("*") if path.parent != root(collection)}
    assert after == before


def test_a_collection_that_never_grew_is_not_sealed_by_compact(tmp_path: Path) -> None:
    with Collection.create(tmp_path / "small", dim=DIM) as small:
        small.add(documents(50))
        small.remove(["3"])
        small.compact()
        assert (small.info().tail, small.info().tombstones) == (49, 0)
        assert not (tmp_path / "small" / "vectors").exists()


def test_everything_removed_leaves_an_empty_collection_that_can_be_filled_again(collection: Collection) -> None:
    collection.remove(filter={})
    collection.compact()
    assert (collection.info().documents, collection.info().tombstones) == (0, 0)
    assert collection.search(vector=VECTORS[0]).hits == ()
    collection.add(documents(ROWS))
    check_exact(collection, range(ROWS))


def test_a_reader_of_before_goes_on_during_compaction(collection: Collection) -> None:
    with Collection.open(root(collection)) as reader, reader._snapshots.current() as snapshot:
        collection.remove(str(number) for number in range(500))
        compact_beside_readers(collection)
        ids = snapshot.index.search(VECTORS[:5], 10, target_recall=1.0).ids
        assert [row[0] for row in ids.tolist()] == [1, 2, 3, 4, 5]
        assert len(snapshot.reader.chunks([1, 2, 3, 4, 5])) == 5


@pytest.mark.parametrize("suffix", [".f16", ".ids.npy"])
def test_a_damaged_or_missing_segment_is_named_and_nothing_is_left_out_in_silence(
    collection: Collection, suffix: str
) -> None:
    at = root(collection)
    collection.close()
    path = next(path for path in sorted((at / "vectors").iterdir()) if path.name.endswith(suffix))
    whole = path.read_bytes()
    os.truncate(path, len(whole) - 16)
    with Collection.open(at) as again, pytest.raises(CorruptStoreError, match="were published"):
        again.search(vector=VECTORS[0])
    path.unlink()
    with Collection.open(at) as again, pytest.raises(CorruptStoreError, match=r"missing.*" + path.name):
        again.search(vector=VECTORS[0])
    path.write_bytes(whole)
    with Collection.open(at) as again:
        check_exact(again, range(ROWS))


def test_a_disk_that_is_full_while_sealing_loses_nothing_and_is_told(
    collection: Collection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("semsearch.files.os.fsync", full)
        report = collection.add(documents(ROWS, ROWS + 150))
        assert report.added == 150
        assert "no space is left" in str(report.maintenance)
        with pytest.raises(StoreFullError):
            collection.compact()
        caplog.clear()
        assert collection.remove(str(number) for number in range(ROWS // 2)).removed == ROWS // 2
        assert "no space is left" in caplog.text
    check_exact(collection, range(ROWS // 2, ROWS + 150))
    assert collection.add([]).maintenance is None
    assert (collection.info().documents, collection.info().tail) == (ROWS // 2 + 150, 0)
    check_exact(collection, range(ROWS // 2, ROWS + 150))


def test_a_damaged_segment_is_named_by_add_once_its_documents_are_stored(collection: Collection) -> None:
    path = root(collection)
    collection.close()
    os.truncate(next((path / "vectors").glob("*.f16")), 16)
    with Collection.open(path) as again:
        with pytest.raises(CorruptStoreError, match="were published"):
            again.add([document(ROWS)])
        assert again.count() == ROWS + 1


@pytest.mark.parametrize(
    "point", ["publish.written", "publish.fsynced", "publish.renamed", "publish.dirsynced", "store.precommit"]
)
def test_a_compaction_that_is_cut_off_leaves_everything_as_it_was(tmp_path: Path, point: str) -> None:
    with Collection.create(tmp_path / "c", dim=DIM) as made:
        made.add(documents(ROWS))
        made.remove(str(number) for number in range(0, ROWS, 6))  # too few for remove itself to rewrite a segment
    live = [number for number in range(ROWS) if number % 6]
    with Collection.open(tmp_path / "c") as again, files.armed(point, die_at(1)), pytest.raises(KilledError):
        again.compact()
    with Collection.open(tmp_path / "c") as again:
        check_exact(again, live)
        assert again.info().degraded is None
        again.compact()
        check_exact(again, live)
        assert names_on_disk(again) == {file.name for file in manifest(again)}
        assert list((tmp_path / "c" / "tmp").iterdir()) == []
