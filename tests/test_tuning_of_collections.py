"""`tune`: measured recall, on the collection's own vectors and on queries, and what searches make of it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEmbedder
from synthetic import clustered, oracle

from semsearch import Collection, Document
from semsearch.errors import EmptyQueryError, InvalidRequestError
from semsearch.index import sizing
from semsearch.types import Vectors

DIM, ROWS = 16, 2_000


@pytest.fixture(autouse=True)
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizing, "INDEX_FROM", 500)


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    return clustered(2 * ROWS, DIM)


@pytest.fixture
def collection(tmp_path: Path, vectors: Vectors) -> Iterator[Collection]:
    with Collection.create(tmp_path / "c", dim=DIM) as made:
        made.add(Document(str(number), "", vector=vectors[number]) for number in range(ROWS))
        yield made


def hard_queries(count: int, seed: int = 1) -> Vectors:
    """Between the clusters, where neighbours lie in many lists."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((count, DIM)).astype(np.float32)


def recall(collection: Collection, queries: Vectors, vectors: Vectors) -> float:
    found = 0
    for query in queries:
        normalised = (query / np.linalg.norm(query))[None]
        expected = set(oracle(normalised, 10, np.arange(ROWS), vectors[:ROWS])[1][0])
        found += len(expected & {int(hit.document_id) for hit in collection.search(vector=query).hits})
    return found / (10 * len(queries))


def test_hard_queries_get_what_is_promised_once_they_were_tuned_for(collection: Collection, vectors: Vectors) -> None:
    unseen = hard_queries(60, seed=2)
    assert recall(collection, unseen, vectors) < 0.9  # observed 0.77: they are not like the rows
    collection.tune(vectors=hard_queries(300))
    assert recall(collection, unseen, vectors) >= 0.95


def test_tuning_on_the_collections_own_rows_gives_the_curve_of_the_build(collection: Collection) -> None:
    before = collection.info().index
    assert before is not None
    curve = collection.tune()
    assert [point[:3] for point in curve] == [point[:3] for point in before.curve]
    assert all(point.milliseconds > 0 for point in curve)


def test_queries_are_kept_and_measured_again_with_the_next_index(
    collection: Collection, vectors: Vectors, tmp_path: Path
) -> None:
    collection.tune(vectors=hard_queries(300))
    tuned = collection.info().index
    collection.add(Document(str(number), "", vector=vectors[number]) for number in range(ROWS, 2 * ROWS))
    rebuilt = collection.info().index
    assert tuned is not None
    assert rebuilt is not None
    assert (tuned.queries, rebuilt.queries, rebuilt.rows) == (300, 300, 2 * ROWS)
    with Collection.create(tmp_path / "untuned", dim=DIM) as untuned:
        untuned.add(Document(str(number), "", vector=vectors[number]) for number in range(2 * ROWS))
        easy = untuned.info().index
    assert easy is not None
    assert rebuilt.curve[-1].nprobe > easy.curve[-1].nprobe


def test_the_lower_recall_of_rows_and_queries_counts(collection: Collection) -> None:
    easy = {point.nprobe: point.recall_at_10 for point in collection.tune()}
    both = {point.nprobe: point.recall_at_10 for point in collection.tune(vectors=hard_queries(300))}
    assert all(both[nprobe] <= easy[nprobe] for nprobe in easy)
    assert any(both[nprobe] < easy[nprobe] for nprobe in easy)


def test_readers_go_by_the_new_curve_at_once(collection: Collection) -> None:
    query = hard_queries(1)[0]
    with Collection.open(collection.info().path) as reader:
        before = reader.search(vector=query).profile.nprobe
        collection.tune(vectors=hard_queries(300))
        after = reader.search(vector=query).profile.nprobe
    assert before is not None
    assert after is not None
    assert after > before


def test_the_files_of_a_tuned_collection_are_those_of_its_manifest(collection: Collection) -> None:
    collection.tune(vectors=hard_queries(50))
    collection.tune(vectors=hard_queries(60))
    root = Path(collection.info().path)
    with collection._store.read() as reader:
        names = {file.name for file in reader.manifest()}
    assert {
        str(path.relative_to(root)) for folder in ("faiss", "vectors") for path in (root / folder).iterdir()
    } == names
    assert len([name for name in names if name.endswith("queries.npy")]) == 1


def test_a_collection_without_an_index_cannot_be_tuned(tmp_path: Path) -> None:
    with Collection.create(tmp_path / "small", dim=DIM) as small:
        small.add([Document("a", "", vector=np.ones(DIM))])
        with pytest.raises(InvalidRequestError, match="no index to tune"):
            small.tune()


def test_wrong_queries_are_named(collection: Collection, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="there are 9 queries.*at least 10"):
        collection.tune(vectors=hard_queries(9))
    with pytest.raises(InvalidRequestError, match="either texts, or vectors"):
        collection.tune(["a"], vectors=hard_queries(10))
    with Collection.create(tmp_path / "texts", model=FakeEmbedder()) as texts, pytest.raises(EmptyQueryError):
        texts.tune(["a", " "])


def test_a_collection_has_a_target_of_its_own(tmp_path: Path, vectors: Vectors) -> None:
    used = []
    for target in (0.5, 0.99):
        with Collection.create(tmp_path / str(target), dim=DIM, target_recall=target) as made:
            made.add(Document(str(number), "", vector=vectors[number]) for number in range(ROWS))
            assert made.info().target_recall == target
        with Collection.open(tmp_path / str(target)) as again:
            used.append(again.search(vector=vectors[0]).profile.nprobe)
            assert again.search(vector=vectors[0], target_recall=1.0).profile.path == "exact"
    assert used[0] < used[1]


@pytest.mark.parametrize("target", [0.0, 1.5, float("nan")])
def test_a_wrong_target_makes_no_collection(tmp_path: Path, target: float) -> None:
    with pytest.raises(InvalidRequestError, match="target_recall"):
        Collection.create(tmp_path / "c", dim=DIM, target_recall=target)
    assert not (tmp_path / "c").exists()
