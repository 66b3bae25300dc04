"""`tune`: measured recall, on the collection's own vectors and on queries, and what searches make of it."""

from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEmbedder
from numbered import DIM, ROWS, VECTORS, documents, manifest, names_on_disk, recall, root

from semsearch import Collection, Document
from semsearch.errors import EmptyQueryError, InvalidRequestError
from semsearch.types import Curve, Vectors

pytestmark = pytest.mark.usefixtures("small_is_large")


def hard_queries(count: int, seed: int = 1) -> Vectors:
    """Between the clusters, where neighbours lie in many lists."""
    points = np.random.default_rng(seed).standard_normal((count, DIM))
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


def curve_of(collection: Collection) -> Curve:
    index = collection.info().index
    assert index is not None
    return index.curve


def least_milliseconds(curve: Curve, target: float) -> float:
    return min(point.milliseconds for point in curve if point.recall_at_10 >= target)


def test_hard_queries_get_what_is_promised_once_they_were_tuned_for(indexed: Collection) -> None:
    unseen = hard_queries(100, seed=2)
    assert recall(indexed, unseen, range(ROWS)) < 0.9  # observed 0.59: they are not like the rows
    indexed.tune(vectors=hard_queries(300))
    assert recall(indexed, unseen, range(ROWS)) >= 0.95


def test_tuning_on_the_collections_own_rows_gives_the_curve_of_the_build(indexed: Collection) -> None:
    before = curve_of(indexed)
    assert indexed.tune() == curve_of(indexed) == before


def test_queries_are_kept_and_measured_again_with_the_next_index(tmp_path: Path) -> None:
    curves = []
    for name in ("tuned", "untuned"):
        with Collection.create(tmp_path / name, dim=DIM) as made:
            made.add(documents(500))
            if name == "tuned":
                made.tune(vectors=hard_queries(100))
            made.add(documents(500, ROWS + 1))
            index = made.info().index
            assert index is not None
            assert (index.queries, index.trained) == (100 if name == "tuned" else 0, ROWS + 1)
            curves.append(index.curve)
    assert least_milliseconds(curves[0], 0.95) > least_milliseconds(curves[1], 0.95)


def test_other_queries_replace_those_of_before(indexed: Collection) -> None:
    for count in (50, 60):
        indexed.tune(vectors=hard_queries(count))
        info = indexed.info().index
        assert info is not None
        assert info.queries == count
        assert [file.details["rows"] for file in manifest(indexed, "queries")] == [count]
        assert names_on_disk(indexed) == {file.name for file in manifest(indexed)}
    before = curve_of(indexed)
    assert indexed.tune() == before  # the queries are still there


def test_the_lower_recall_of_rows_and_queries_counts(indexed: Collection) -> None:
    easy = {(point.nprobe, point.candidates): point.recall_at_10 for point in indexed.tune()}
    both = {(point.nprobe, point.candidates): point.recall_at_10 for point in indexed.tune(vectors=hard_queries(300))}
    shared = easy.keys() & both.keys()
    assert len(shared) > 3
    assert all(both[at] <= easy[at] for at in shared)
    assert any(both[at] < easy[at] for at in shared)


def test_readers_go_by_the_new_curve_at_once(indexed: Collection) -> None:
    query = hard_queries(1)[0]
    with Collection.open(root(indexed)) as reader:
        before = reader.search(vector=query).profile
        indexed.tune(vectors=hard_queries(300))
        after = reader.search(vector=query).profile
    assert (before.path, after.path) == ("ivf", "ivf")
    assert after.scanned > before.scanned


def test_a_collection_without_an_index_cannot_be_tuned(tmp_path: Path) -> None:
    with Collection.create(tmp_path / "small", dim=DIM) as small:
        small.add([Document("a", "", vector=np.ones(DIM))])
        with pytest.raises(InvalidRequestError, match="no index to tune"):
            small.tune()


def test_queries_for_which_lists_hold_too_few_neighbours_are_measured_all_the_same(tmp_path: Path) -> None:
    with Collection.create(tmp_path / "c", dim=DIM) as made:
        made.add(documents(500))
        curve = made.tune(
            vectors=hard_queries(20)
        )  # one list of a dozen has 40 rows, and 100 neighbours are looked for
    assert max(point.recall_at_100 for point in curve) > 0.9


def test_wrong_queries_are_named(indexed: Collection, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="there are 9 queries.*at least 10"):
        indexed.tune(vectors=hard_queries(9))
    with pytest.raises(InvalidRequestError, match="either texts, or vectors"):
        indexed.tune(["a"], vectors=hard_queries(10))
    with Collection.create(tmp_path / "texts", model=FakeEmbedder()) as texts, pytest.raises(EmptyQueryError):
        texts.tune(["a", " "])


def test_a_collection_has_a_target_of_its_own(tmp_path: Path) -> None:
    found = []
    for target in (0.5, 0.99):
        with Collection.create(tmp_path / str(target), dim=DIM, target_recall=target) as made:
            made.add(documents(600))
            assert made.info().target_recall == target
        with Collection.open(tmp_path / str(target)) as again:
            found.append(recall(again, hard_queries(100), range(600)))
            assert again.search(vector=VECTORS[0], target_recall=1.0).profile.path == "exact"
    assert found[0] < found[1]


@pytest.mark.parametrize("target", [0.0, 1.5, float("nan")])
def test_a_wrong_target_makes_no_collection(tmp_path: Path, target: float) -> None:
    with pytest.raises(InvalidRequestError, match="target_recall"):
        Collection.create(tmp_path / "c", dim=DIM, target_recall=target)
    assert not (tmp_path / "c").exists()
