"""Collections large enough for a FAISS index, with the threshold lowered so that a few hundred rows are large."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from synthetic import clustered, oracle

from semsearch import Collection, Document
from semsearch.index import sizing
from semsearch.types import ManifestFile, Vectors

DIM, ROWS = 16, 2_000


@pytest.fixture(autouse=True)
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizing, "INDEX_FROM", 500)


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    return clustered(3 * ROWS, DIM)


@pytest.fixture
def collection(tmp_path: Path, vectors: Vectors) -> Iterator[Collection]:
    with Collection.create(tmp_path / "c", dim=DIM) as made:
        made.add(document(number, vectors) for number in range(ROWS))
        yield made


def document(number: int, vectors: Vectors) -> Document:
    return Document(str(number), f"text {number}", {"tenth": number % 10}, vector=vectors[number])


def found(collection: Collection, query: Vectors, k: int = 10, **options: object) -> list[int]:
    return [int(hit.document_id) for hit in collection.search(vector=query, k=k, **options).hits]


def expected(query: Vectors, live: list[int], vectors: Vectors, k: int = 10) -> list[int]:
    return oracle(query[None], k, np.array(live), vectors[live])[1][0]


def recall(collection: Collection, live: list[int], vectors: Vectors, **options: object) -> float:
    queries = clustered(100, DIM, seed=9)
    hits = [len(set(found(collection, query, **options)) & set(expected(query, live, vectors))) for query in queries]
    return sum(hits) / (10 * len(queries))


def test_a_large_collection_is_searched_through_its_index(collection: Collection, vectors: Vectors) -> None:
    info = collection.info()
    assert info.index is not None
    assert (info.index.rows, info.tail, info.degraded) == (ROWS, 0, None)
    profile = collection.search(vector=vectors[0]).profile
    assert profile.path == "ivf"
    assert 0 < profile.scanned < ROWS / 2
    assert recall(collection, list(range(ROWS)), vectors) >= 0.9  # observed 0.97


def test_an_exact_search_of_an_indexed_collection_equals_the_oracle(collection: Collection, vectors: Vectors) -> None:
    assert recall(collection, list(range(ROWS)), vectors, exact=True) == 1.0
    assert collection.search(vector=vectors[0], exact=True).profile.path == "exact"


def test_a_higher_target_visits_more_lists(collection: Collection, vectors: Vectors) -> None:
    visited = [collection.search(vector=vectors[0], target_recall=target).profile.nprobe for target in (0.5, 0.9, 0.99)]
    assert visited == sorted(visited)
    assert visited[0] < visited[2]


def test_rows_added_after_the_index_are_found_with_it(collection: Collection, vectors: Vectors) -> None:
    collection.add(document(number, vectors) for number in range(ROWS, ROWS + 100))
    assert collection.info().tail == 100
    for number in (5, ROWS + 5, ROWS + 99):
        assert found(collection, vectors[number])[0] == number


def test_rows_removed_after_the_index_are_not_found(collection: Collection, vectors: Vectors) -> None:
    removed = set(range(0, ROWS, 7))
    collection.remove(str(number) for number in removed)
    live = [number for number in range(ROWS) if number not in removed]
    for number in list(removed)[:40]:
        hits = found(collection, vectors[number])
        assert not set(hits) & removed
        assert len(hits) == 10
    assert recall(collection, live, vectors, exact=True) == 1.0


def test_a_replaced_document_is_found_where_it_is_now_and_only_there(collection: Collection, vectors: Vectors) -> None:
    collection.add([Document("7", "moved", vector=vectors[ROWS + 3])])
    assert found(collection, vectors[ROWS + 3])[0] == 7
    assert found(collection, vectors[7], k=ROWS).count(7) == 1
    assert found(collection, vectors[7])[0] != 7


@pytest.mark.parametrize("tenths", [[3], [1, 2, 3, 4, 5], [99]])
def test_a_filtered_search_of_an_indexed_collection_equals_the_oracle(
    collection: Collection, vectors: Vectors, tenths: list[int]
) -> None:
    collection.add(document(number, vectors) for number in range(ROWS, ROWS + 50))
    collection.remove(str(number) for number in range(100))
    live = [number for number in range(100, ROWS + 50) if number % 10 in tenths]
    for query in clustered(10, DIM, seed=9):
        hits = found(collection, query, filter={"tenth": {"$in": tenths}})
        assert hits == (expected(query, live, vectors) if live else [])


def test_growth_is_followed_by_a_new_index_and_the_old_files_go(collection: Collection, vectors: Vectors) -> None:
    root = Path(collection.info().path)
    before = {path.name for path in (root / "faiss").iterdir()}
    collection.add(document(number, vectors) for number in range(ROWS, 2 * ROWS))
    info = collection.info()
    assert info.index is not None
    assert (info.index.rows, info.tail) == (2 * ROWS, 0)
    after = {path.name for path in (root / "faiss").iterdir()}
    assert len(after) == 2
    assert not after & before
    assert recall(collection, list(range(2 * ROWS)), vectors) >= 0.9


def test_a_reader_keeps_up_with_a_writer(collection: Collection, vectors: Vectors) -> None:
    with Collection.open(collection.info().path) as reader:
        assert found(reader, vectors[3])[0] == 3
        collection.remove(["3"])
        assert found(reader, vectors[3])[0] != 3
        collection.add([document(ROWS, vectors)])
        assert found(reader, vectors[ROWS])[0] == ROWS
        collection.add(document(number, vectors) for number in range(ROWS, 2 * ROWS))  # a new index, the old files gone
        assert found(reader, vectors[ROWS + 77])[0] == ROWS + 77
        assert reader.info().degraded is None


def test_a_reader_with_the_old_index_open_goes_on_while_its_files_vanish(
    collection: Collection, vectors: Vectors
) -> None:
    with Collection.open(collection.info().path) as reader, reader._snapshots.current() as snapshot:
        collection.add(document(number, vectors) for number in range(ROWS, 2 * ROWS))
        ids = snapshot.index.search(vectors[:5], 10).ids
        assert ids.max() <= ROWS
        assert len(snapshot.reader.chunks(ids.ravel().tolist())) == len(set(ids.ravel().tolist()))


def cut_short(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 10)


def overwrite(path: Path) -> None:
    path.write_bytes(b"\x5a" * path.stat().st_size)


@pytest.mark.parametrize("damage", [cut_short, overwrite, Path.unlink])
@pytest.mark.parametrize("kind", ["*.ivf", "*.npy"])
def test_a_damaged_index_is_noticed_and_every_search_is_exact_until_it_is_rebuilt(
    collection: Collection, vectors: Vectors, damage: object, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    root = Path(collection.info().path)
    collection.close()
    [path] = (root / "faiss").glob(kind)
    damage(path)  # type: ignore[operator]
    with caplog.at_level(logging.WARNING), Collection.open(root) as again:
        assert found(again, vectors[3])[0] == 3
        assert again.search(vector=vectors[3]).profile.path == "exact"
        assert again.info().degraded is not None
        assert "cannot be used" in caplog.text
        assert recall(again, list(range(ROWS)), vectors) == 1.0
        again.add([])
        assert again.info().degraded is None
        assert again.search(vector=vectors[3]).profile.path == "ivf"


def test_what_a_damaged_index_proposes_never_becomes_a_hit_against_the_filter(
    collection: Collection, vectors: Vectors
) -> None:
    collection.search(vector=vectors[0])
    cache = collection._snapshots
    assert cache._loaded is not None
    payload = cache._loaded.payload
    assert payload is not None
    payload.ids = np.roll(payload.ids, 7)  # every row is taken for another one
    hits = collection.search(vector=vectors[3], filter={"tenth": 3}).hits
    assert [hit.metadata["tenth"] for hit in hits] == [3] * 10
    assert [int(hit.document_id) for hit in hits] == expected(vectors[3], list(range(3, ROWS, 10)), vectors)


def test_an_index_that_proposes_what_is_not_there_is_given_up_at_once(
    collection: Collection, vectors: Vectors, caplog: pytest.LogCaptureFixture
) -> None:
    collection.search(vector=vectors[0])
    cache = collection._snapshots
    assert cache._loaded is not None
    assert cache._loaded.payload is not None
    cache._loaded.payload.ids = cache._loaded.payload.ids + 1_000_000
    with caplog.at_level(logging.WARNING):
        assert found(collection, vectors[3])[0] == 3
    assert "is damaged" in caplog.text
    assert "no segment has" in str(collection.info().degraded)
    collection.add([])
    assert collection.info().degraded is None
    assert collection.search(vector=vectors[3]).profile.path == "ivf"


def test_removal_of_most_rows_gives_the_index_up(collection: Collection, vectors: Vectors) -> None:
    collection.remove(str(number) for number in range(ROWS - 400))
    collection.add([])
    assert collection.info().index is None
    assert recall(collection, list(range(ROWS - 400, ROWS)), vectors) == 1.0


def test_an_interrupted_publication_leaves_nothing_that_counts(
    tmp_path: Path, vectors: Vectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    from semsearch import files

    class KilledError(BaseException):
        pass

    def die() -> None:
        raise KilledError

    points = ["publish.written", "publish.fsynced", "publish.renamed", "publish.dirsynced", "store.precommit"]
    for number, point in enumerate(points):
        root = tmp_path / str(number)
        with Collection.create(root, dim=DIM) as made:
            made.add(document(n, vectors) for n in range(499))
        with Collection.open(root) as again, files.armed(point, die), pytest.raises(KilledError):
            again.add([document(499, vectors)])
        with Collection.open(root) as again:
            present = again.count()
            assert present == (499 if point == "store.precommit" else 500)
            assert again.info().degraded is None
            again.add([document(499, vectors)])
            assert again.info().index is not None
            present = {
                str(path.relative_to(root)) for folder in ("faiss", "vectors") for path in (root / folder).iterdir()
            }
            assert present == {file.name for file in manifest(again)}
            assert list((root / "tmp").iterdir()) == []


def manifest(collection: Collection) -> list[ManifestFile]:
    with collection._store.read() as reader:
        return list(reader.manifest())
