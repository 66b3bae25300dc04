"""Sealing, rewriting and compaction of a collection's vectors, with sizes lowered so that little data goes far."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from synthetic import clustered, oracle

from semsearch import Collection, Document, files
from semsearch.errors import CorruptStoreError, StoreFullError
from semsearch.index import sizing
from semsearch.types import ManifestFile, Vectors

DIM, ROWS = 8, 1_000


@pytest.fixture(autouse=True)
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizing, "INDEX_FROM", 400)
    monkeypatch.setattr(sizing, "SEAL_FROM", 100)
    monkeypatch.setattr(sizing, "SEGMENT_ROWS", 300)


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    return clustered(2 * ROWS, DIM)


@pytest.fixture
def collection(tmp_path: Path, vectors: Vectors) -> Iterator[Collection]:
    with Collection.create(tmp_path / "c", dim=DIM) as made:
        made.add(document(number, vectors) for number in range(ROWS))
        yield made


def document(number: int, vectors: Vectors) -> Document:
    return Document(str(number), f"text {number}", {"n": number}, vector=vectors[number])


def root(collection: Collection) -> Path:
    return Path(collection.info().path)


def manifest(collection: Collection, kind: str) -> list[ManifestFile]:
    with collection._store.read() as reader:
        return [file for file in reader.manifest() if file.kind == kind]


def tombstones(collection: Collection) -> int:
    return collection.info().tombstones


def exact(collection: Collection, query: Vectors) -> list[int]:
    return [int(hit.document_id) for hit in collection.search(vector=query, exact=True).hits]


def check_exact(collection: Collection, live: list[int], vectors: Vectors) -> None:
    for query in clustered(10, DIM, seed=5):
        assert exact(collection, query) == oracle(query[None], 10, np.array(live), vectors[live])[1][0]


def test_the_tail_is_sealed_while_documents_are_added(collection: Collection, vectors: Vectors) -> None:
    assert collection.info().tail == 0
    assert sum(file.details["rows"] for file in manifest(collection, "segment")) == ROWS
    assert len(list((root(collection) / "vectors").iterdir())) == 2 * len(manifest(collection, "segment"))
    check_exact(collection, list(range(ROWS)), vectors)


def test_a_segment_is_readable_with_plain_numpy(collection: Collection, vectors: Vectors) -> None:
    for file in manifest(collection, "segment"):
        ids = np.load(root(collection) / f"{file.name.removesuffix('.f16')}.ids.npy")
        data = (root(collection) / file.name).read_bytes()
        rows = np.frombuffer(data[len(data) - 2 * DIM * len(ids) :], dtype="<f2").reshape(-1, DIM)
        np.testing.assert_allclose(rows.astype(np.float32), vectors[ids - 1], atol=1e-3)


def test_no_segment_is_larger_than_it_may_be(collection: Collection, vectors: Vectors) -> None:
    collection.compact()
    sizes = [file.details["rows"] for file in manifest(collection, "segment")]
    assert max(sizes) <= 300
    assert len(sizes) == 4


def test_a_small_tail_stays_in_the_database(collection: Collection, vectors: Vectors) -> None:
    collection.add(document(number, vectors) for number in range(ROWS, ROWS + 99))
    assert collection.info().tail == 99
    collection.add([document(ROWS + 99, vectors)])
    assert collection.info().tail == 0
    check_exact(collection, list(range(ROWS + 100)), vectors)


def test_deleted_rows_leave_the_files_when_a_fifth_is_dead(collection: Collection, vectors: Vectors) -> None:
    collection.remove(str(number) for number in range(150))
    assert tombstones(collection) == 150
    collection.remove(str(number) for number in range(150, 250))
    info = collection.info()
    assert info.index is not None
    assert info.index.rows == ROWS - 250
    check_exact(collection, list(range(250, ROWS)), vectors)


def test_compact_leaves_no_deleted_row_and_gives_its_space_back(collection: Collection, vectors: Vectors) -> None:
    before = collection.info().bytes
    collection.remove(filter={"n": {"$lt": 700}})
    collection.compact()
    info = collection.info()
    assert (info.documents, info.tombstones, info.tail) == (300, 0, 0)
    assert sum(file.details["rows"] for file in manifest(collection, "segment")) == 300
    assert info.index is None  # too small to need one
    assert info.bytes < before / 2
    check_exact(collection, list(range(700, ROWS)), vectors)


def test_compacting_twice_changes_nothing_the_second_time(collection: Collection) -> None:
    collection.compact()
    before = {path: path.stat().st_mtime_ns for path in root(collection).rglob("*") if path.parent != root(collection)}
    collection.compact()
    after = {path: path.stat().st_mtime_ns for path in root(collection).rglob("*") if path.parent != root(collection)}
    assert after == before


def test_a_collection_that_never_grew_is_not_sealed_by_compact(tmp_path: Path, vectors: Vectors) -> None:
    with Collection.create(tmp_path / "small", dim=DIM) as small:
        small.add(document(number, vectors) for number in range(50))
        small.remove(["3"])
        small.compact()
        assert (small.info().tail, small.info().tombstones) == (49, 0)
        assert not (tmp_path / "small" / "vectors").exists()


def test_everything_removed_leaves_an_empty_collection_that_can_be_filled_again(
    collection: Collection, vectors: Vectors
) -> None:
    collection.remove(filter={})
    collection.compact()
    assert (collection.info().documents, collection.info().tombstones) == (0, 0)
    assert collection.search(vector=vectors[0]).hits == ()
    collection.add(document(number, vectors) for number in range(ROWS))
    check_exact(collection, list(range(ROWS)), vectors)


def test_a_reader_of_before_goes_on_during_compaction(collection: Collection, vectors: Vectors) -> None:
    with Collection.open(root(collection)) as reader, reader._snapshots.current() as snapshot:
        collection.remove(str(number) for number in range(500))
        collection.compact()
        ids = snapshot.index.search(vectors[:5], 10, target_recall=1.0).ids
        assert [row[0] for row in ids.tolist()] == [1, 2, 3, 4, 5]
        assert len(snapshot.reader.chunks([1, 2, 3, 4, 5])) == 5


@pytest.mark.parametrize("suffix", [".f16", ".ids.npy"])
def test_a_damaged_or_missing_segment_is_named_and_nothing_is_left_out_in_silence(
    collection: Collection, vectors: Vectors, suffix: str
) -> None:
    at = root(collection)
    collection.close()
    path = next(path for path in sorted((at / "vectors").iterdir()) if path.name.endswith(suffix))
    whole = path.read_bytes()
    os.truncate(path, len(whole) - 16)
    with Collection.open(at) as again, pytest.raises(CorruptStoreError, match="were published"):
        again.search(vector=vectors[0])
    path.unlink()
    with Collection.open(at) as again, pytest.raises(CorruptStoreError, match=r"missing.*" + path.name):
        again.search(vector=vectors[0])
    path.write_bytes(whole)
    with Collection.open(at) as again:
        check_exact(again, list(range(ROWS)), vectors)


def test_a_disk_that_is_full_while_sealing_loses_nothing_and_is_told(
    collection: Collection, vectors: Vectors, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("semsearch.files.os.fsync", full)
        report = collection.add(document(number, vectors) for number in range(ROWS, ROWS + 150))
        assert report.added == 150
        assert "no space is left" in str(report.maintenance)
        with pytest.raises(StoreFullError):
            collection.compact()
        caplog.clear()
        assert collection.remove(str(number) for number in range(ROWS // 2)).removed == ROWS // 2
        assert "no space is left" in caplog.text
    check_exact(collection, list(range(ROWS // 2, ROWS + 150)), vectors)
    assert collection.add([]).maintenance is None
    assert (collection.info().documents, collection.info().tail) == (ROWS // 2 + 150, 0)
    check_exact(collection, list(range(ROWS // 2, ROWS + 150)), vectors)


def test_a_damaged_segment_is_named_by_add_once_its_documents_are_stored(
    collection: Collection, vectors: Vectors
) -> None:
    path = root(collection)
    collection.close()
    os.truncate(next((path / "vectors").glob("*.f16")), 16)
    with Collection.open(path) as again:
        with pytest.raises(CorruptStoreError, match="were published"):
            again.add([document(ROWS, vectors)])
        assert again.count() == ROWS + 1


class KilledError(BaseException):
    """Stands in for SIGKILL: nothing of ours catches it."""


def die() -> None:
    raise KilledError


@pytest.mark.parametrize(
    "point", ["publish.written", "publish.fsynced", "publish.renamed", "publish.dirsynced", "store.precommit"]
)
def test_a_compaction_that_is_cut_off_leaves_everything_as_it_was(
    tmp_path: Path, vectors: Vectors, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Collection.create(tmp_path / "c", dim=DIM) as made:
        made.add(document(number, vectors) for number in range(ROWS))
        made.remove(str(number) for number in range(0, ROWS, 6))  # too few for remove itself to rewrite a segment
    live = [number for number in range(ROWS) if number % 6]
    with Collection.open(tmp_path / "c") as again, files.armed(point, die), pytest.raises(KilledError):
        again.compact()
    with Collection.open(tmp_path / "c") as again:
        check_exact(again, live, vectors)
        assert again.info().degraded is None
        again.compact()
        check_exact(again, live, vectors)
        named = {file.name for file in [*manifest(again, "segment"), *manifest(again, "segment_ids")]}
        assert {f"vectors/{path.name}" for path in (tmp_path / "c" / "vectors").iterdir()} == named
        assert list((tmp_path / "c" / "tmp").iterdir()) == []
