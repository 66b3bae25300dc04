"""Collection.map: directions of largest variance, axes between two ends, labels."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEmbedder, FakeImageEmbedder
from images.image_files import encoded

from semsearch import Collection, Document
from semsearch.errors import (
    DocumentNotFoundError,
    EmptyQueryError,
    InvalidExpressionError,
    InvalidFilterError,
    InvalidRequestError,
)
from semsearch.search import principal_axes as module
from semsearch.search.principal_axes import principal_axes


def scattered(count: int, dim: int) -> np.ndarray:
    """Rows whose variance falls from one of some directions to the next."""
    rng = np.random.default_rng(7)
    turn = np.linalg.qr(rng.normal(size=(dim, dim)))[0]
    return ((rng.normal(size=(count, dim)) * 0.7 ** np.arange(dim) + 1) @ turn).astype(np.float32)


def in_blocks(rows: np.ndarray) -> Callable[[], Iterator[np.ndarray]]:
    return lambda: iter(np.array_split(rows, 3))


@pytest.fixture(params=["exact", "iterated"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "iterated":
        monkeypatch.setattr(module, "_EXACT_DIM", 1)
    return request.param


@pytest.mark.parametrize(("count", "dim"), [(300, 20), (15, 40)])
def test_the_axes_are_the_right_singular_vectors_of_the_centred_rows(way: str, count: int, dim: int) -> None:
    rows = scattered(count, dim)
    mean = rows.mean(axis=0, dtype=np.float64)
    axes = principal_axes(in_blocks(rows), mean, 2, np.zeros((0, dim)))
    expected = np.linalg.svd(rows - mean)[2][:2]
    assert np.abs((axes * expected).sum(axis=1)) == pytest.approx([1, 1], abs=1e-4), way
    assert np.all(axes.max(axis=1) == np.abs(axes).max(axis=1))


@pytest.mark.usefixtures("way")
def test_axes_are_orthogonal_to_those_that_are_there_and_take_most_of_what_is_left() -> None:
    rows = scattered(200, 12)
    mean = rows.mean(axis=0, dtype=np.float64)
    first, second = np.linalg.svd(rows - mean)[2][:2]
    [axis] = principal_axes(in_blocks(rows), mean, 1, first[None])
    assert axis @ first == pytest.approx(0, abs=1e-6)
    assert abs(axis @ second) == pytest.approx(1, abs=1e-4)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("rows", [np.zeros((0, 3)), np.ones((4, 3)), np.array([[1, 2, 3], [1, 2, 4]])])
def test_where_there_is_no_variance_axes_are_orthonormal_all_the_same(rows: np.ndarray) -> None:
    axes = principal_axes(in_blocks(rows.astype(np.float32)), np.zeros(3), 2, np.array([[0.0, 1.0, 0.0]]))
    assert axes @ axes.T == pytest.approx(np.eye(2), abs=1e-9)
    assert axes[:, 1] == pytest.approx([0, 0], abs=1e-9)


@pytest.mark.usefixtures("way")
def test_in_one_dimension_the_second_axis_is_zero() -> None:
    axes = principal_axes(in_blocks(np.ones((3, 1), np.float32)), np.ones(1), 2, np.zeros((0, 1)))
    assert np.array_equal(axes, [[1], [0]])


@pytest.fixture
def compass(tmp_path: Path) -> Iterator[Collection]:
    """Unit vectors in three dimensions: nine around the middle of the first axis, with metadata."""
    with Collection.create(tmp_path / "compass", dim=3) as made:
        places = [(mood, animal) for mood in (-1, 0, 1) for animal in (-1, 0, 1)]
        made.add(
            Document(
                f"{mood} {animal}",
                "",
                {"mood": ["sad", "neutral", "happy"][mood + 1], "cat": animal > 0, "year": 2000 + animal},
                vector=[2, mood, 0.5 * animal],
            )
            for mood, animal in places
        )
        yield made


def test_points_are_those_of_the_singular_vectors_and_shares_those_of_the_variance(compass: Collection) -> None:
    found = compass.map()
    vectors = np.array([[2, mood, 0.5 * animal] for mood in (-1, 0, 1) for animal in (-1, 0, 1)])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    centred = vectors - vectors.mean(axis=0)
    _, sizes, directions = np.linalg.svd(centred)
    assert np.abs(found.points) == pytest.approx(np.abs(centred @ directions[:2].T), abs=2e-3)  # float16
    assert [axis.share for axis in found.axes] == pytest.approx((sizes**2 / (sizes**2).sum())[:2], abs=1e-3)
    assert found.document_ids[:2] == ("-1 -1", "-1 0")
    assert (found.label, set(found.labels)) == (None, {None})


def test_labels_are_the_values_of_a_key_as_text(compass: Collection) -> None:
    assert compass.map(label="mood").labels[::3] == ("sad", "neutral", "happy")
    assert compass.map(label="cat").labels[:3] == ("false", "false", "true")
    assert compass.map(label="year").labels[:3] == ("1999", "2000", "2001")
    compass.add([Document("list", "", {"mood": ["sad"], "nested": {"key": 1.5}}, vector=[1, 1, 1])])
    assert compass.map(label="mood").labels[-1] is None
    assert compass.map(label="nested.key").labels[-2:] == (None, "1.5")


def test_the_means_of_the_two_filters_of_an_axis_are_at_minus_1_and_1(compass: Collection) -> None:
    found = compass.map(label="mood", x=({"mood": "sad"}, {"mood": "happy"}), y=({"year": 1999}, {"year": 2001}))
    means = {mood: found.points[[label == mood for label in found.labels]].mean(axis=0) for mood in found.labels}
    assert means["sad"] == pytest.approx([-1, 0], abs=0.01)
    assert means["neutral"] == pytest.approx([0, 0], abs=0.01)
    assert means["happy"] == pytest.approx([1, 0], abs=0.01)
    assert found.points[::3, 1].mean() == pytest.approx(-1, abs=0.01)
    assert [(axis.low, axis.high) for axis in found.axes] == [("sad", "happy"), ('{"year": 1999}', '{"year": 2001}')]
    assert sum(axis.share for axis in found.axes) > 0.95


def test_of_the_second_axis_only_what_is_orthogonal_to_the_first_counts(compass: Collection) -> None:
    north = ({"mood": "sad"}, {"mood": "happy"})
    corner = ({"mood": "sad", "year": 1999}, {"mood": "happy", "year": 2001})
    slanted, straight = compass.map(x=north, y=corner), compass.map(x=north, y=({"year": 1999}, {"year": 2001}))
    assert np.corrcoef(slanted.points[:, 1], straight.points[:, 1])[0, 1] > 0.9999
    assert np.array_equal(slanted.points[:, 0], straight.points[:, 0])
    assert compass.map(y=corner).points[0, 1] == pytest.approx(-1, abs=0.01)


def test_with_one_axis_the_other_is_the_direction_of_largest_variance_that_is_left(compass: Collection) -> None:
    by_variance = compass.map()
    for which in (0, 1):
        given = {"xy"[which]: ({"year": 1999}, {"year": 2001})}
        found = compass.map(**given)
        assert found.axes[1 - which].low is None
        assert np.abs(np.corrcoef(found.points[:, 1 - which], by_variance.points[:, 0])[0, 1]) > 0.999


def test_a_filter_leaves_the_points_of_its_documents_alone(compass: Collection) -> None:
    found = compass.map(filter={"mood": "sad"})
    assert found.document_ids == ("-1 -1", "-1 0", "-1 1")
    assert found.axes[0].share > 0.9


def test_what_was_removed_is_not_on_the_map_and_what_was_added_is(compass: Collection) -> None:
    compass.map()
    compass.remove(["0 0"])
    compass.add([Document("new", "", vector=[1, 2, 3])])
    found = compass.map()
    assert "0 0" not in found.document_ids
    assert found.document_ids[-1] == "new"
    assert len(found.points) == len(found.chunk_ids) == 9


@pytest.mark.parametrize("rows", [0, 1])
def test_a_collection_of_no_or_one_vector_has_no_variance(tmp_path: Path, rows: int) -> None:
    with Collection.create(tmp_path / "small", dim=2) as small:
        small.add(Document(str(number), "", vector=[1, 2]) for number in range(rows))
        found = small.map(label="any")
    assert found.points.shape == (rows, 2)
    assert found.points == pytest.approx(np.zeros((rows, 2)), abs=1e-6)
    assert [axis.share for axis in found.axes] == pytest.approx([0, 0], abs=1e-3)


def test_texts_are_where_the_model_puts_them_as_queries_and_chunks_have_their_documents(tmp_path: Path) -> None:
    with Collection.create(tmp_path / "pets", model=FakeEmbedder(max_tokens=6)) as pets:
        pets.add([Document("cats", "cat " * 12), Document("empty", ""), Document("dogs", "dog dog", {"kind": "dog"})])
        found = pets.map(label="kind", x=("cat", "dog"))
        assert [(axis.low, axis.high) for axis in found.axes] == [("cat", "dog"), (None, None)]
        assert [id for id in found.document_ids if id != "empty"] == ["cats", "cats", "cats", "dogs"]
        assert found.labels[-1] == "dog"
        xs = dict(zip(found.document_ids, found.points[:, 0].tolist(), strict=True))
        assert (xs["cats"], xs["dogs"]) == pytest.approx((-1, 1), abs=0.01)
        with pytest.raises(EmptyQueryError):
            pets.map(y=("cat", " "))


def test_an_axis_may_end_at_documents_and_sums_of_them(compass: Collection) -> None:
    found = compass.map(x=([{"doc": "-1 0"}], [{"doc": "1 0"}]))
    at = dict(zip(found.document_ids, found.points[:, 0].tolist(), strict=True))
    assert (at["-1 0"], at["0 0"], at["1 0"]) == pytest.approx((-1, 0, 1), abs=0.01)
    assert (found.axes[0].low, found.axes[0].high) == ("-1 0", "1 0")
    both = [{"doc": "-1 0"}, {"filter": {"mood": "happy"}, "weight": -0.5}]
    assert compass.map(x=(both, [{"vector": [1, 0, 0]}])).axes[0].low == '-1 0 - 0.5 x {"mood": "happy"}'


def test_an_axis_may_end_at_images(tmp_path: Path) -> None:
    colours = {
        name: np.full((32, 32, 3), rgb, np.uint8) for name, rgb in {"red": (250, 9, 9), "blue": (9, 9, 250)}.items()
    }
    (tmp_path / "red.png").write_bytes(encoded(colours["red"]))
    with Collection.create(tmp_path / "photos", images=FakeImageEmbedder()) as photos:
        photos.add(Document(name, image=encoded(pixels)) for name, pixels in colours.items())
        ends = ([{"image": tmp_path / "red.png"}], [{"image": encoded(colours["blue"])}])
        found = photos.map(x=ends)
        assert found.points[:, 0].tolist() == pytest.approx([-1, 1], abs=0.01)
        assert (found.axes[0].low, found.axes[0].high) == (str(tmp_path / "red.png"), "an image")
        with pytest.raises(InvalidRequestError, match="no model that could say where 'warm' lies"):
            photos.map(x=("warm", [{"doc": "red"}]))
        with pytest.raises(InvalidRequestError, match="no model that could say where 'warm' lies"):
            photos.map(x=([{"text": "warm"}], [{"doc": "red"}]))


@pytest.mark.parametrize(
    ("arguments", "error", "reason"),
    [
        ({"x": ([{"doc": "nobody"}], {"mood": "sad"})}, DocumentNotFoundError, "nobody"),
        ({"x": ([], {"mood": "sad"})}, InvalidExpressionError, "the expression is empty"),
        ({"x": ([{"dog": "a"}], {"mood": "sad"})}, InvalidExpressionError, "expected one of"),
        ({"x": ([{"image": b""}], {"mood": "sad"})}, InvalidRequestError, "this is no collection of images"),
        ({"label": "a b"}, InvalidRequestError, "is not a key"),
        ({"x": ("sad", "happy")}, InvalidRequestError, "no model that could say where 'sad' lies"),
        ({"x": ({"mood": "sad"}, {"mood": "none"})}, InvalidRequestError, "no document matches none"),
        (
            {"y": ({"mood": "sad"}, {"mood": "sad"})},
            InvalidRequestError,
            "the ends of y, sad and sad, are at one place",
        ),
        ({"x": ({"mood": "sad"},)}, InvalidRequestError, "an axis has two ends"),
        ({"x": "no"}, InvalidRequestError, "an axis has two ends"),
        ({"x": ({"mood": "sad"}, {"$bad": 1})}, InvalidFilterError, "bad"),
        ({"filter": {"mood": object()}}, InvalidFilterError, "mood"),
    ],
)
def test_axes_labels_and_filters_that_cannot_be_are_refused(
    compass: Collection, arguments: dict[str, object], error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        compass.map(**arguments)


def test_a_second_axis_along_the_first_is_refused(compass: Collection) -> None:
    north = ({"mood": "sad"}, {"mood": "happy"})
    with pytest.raises(InvalidRequestError, match="but for what the x axis has of it"):
        compass.map(x=north, y=north)
