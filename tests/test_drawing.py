"""draw_map: what is written on a map, and where its points are."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.offsetbox import AnnotationBbox

from semsearch.drawing import draw_map, with_room
from semsearch.errors import InvalidRequestError
from semsearch.reports import MapAxis, MapReport


def report(labels: list[str | None], *, label: str | None = "mood", axis: MapAxis | None = None) -> MapReport:
    count = len(labels)
    points = np.stack([np.arange(count), -np.arange(count)], axis=1).astype(np.float32)
    axes = (axis or MapAxis(None, None, 0.25), MapAxis("cat", "dog", 0.125))
    return MapReport(points, np.arange(count), ("id",) * count, label, tuple(labels), axes)


def texts(path: Path) -> set[str]:
    """What is written in an SVG; matplotlib leaves each text in a comment beside its outlines."""
    lines = (line.strip() for line in path.read_text().splitlines())
    return {line.removeprefix("<!-- ").removesuffix(" -->") for line in lines if line.startswith("<!-- ")}


def test_axes_labels_and_the_number_of_points_are_written_on_the_map(tmp_path: Path) -> None:
    draw_map(report(["sad", "happy", "happy", None]), tmp_path / "map.svg")
    drawn = texts(tmp_path / "map.svg")
    assert {"direction of largest variance (25.0%)", "cat (bottom) to dog (top), 12.5% of the variance"} <= drawn
    assert {"4 chunks", "mood", "happy (2)", "sad (1)", "others (1)"} <= drawn


def test_dollars_underscores_and_long_names_are_drawn_as_they_are_as_far_as_they_fit(tmp_path: Path) -> None:
    axis = MapAxis("US$ and $x^", "long " * 40, 0.5)
    draw_map(report(["_hidden", "$a$"], label="k_$", axis=axis), tmp_path / "map.svg")
    drawn = texts(tmp_path / "map.svg")
    assert {"_hidden (1)", "$a$ (1)", "k_$"} <= drawn
    assert any(text.startswith("US$ and $x^ (left) to long long") and text.endswith("[...]") for text in drawn)


def test_each_point_is_drawn_once_at_its_place_and_all_but_ten_labels_share_a_colour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[list[float], list[float], str]] = []
    scatter = Axes.scatter

    def noted(axes: Axes, x: np.ndarray, y: np.ndarray, **options: object) -> object:
        drawn.append((x.tolist(), y.tolist(), str(options["color"])))
        return scatter(axes, x, y, **options)

    monkeypatch.setattr(Axes, "scatter", noted)
    draw_map(report([*(f"label {number:02d}" for number in range(12)), "label 03"]), tmp_path / "map.png")
    assert [(xs, colour) for xs, _, colour in drawn][:2] == [([10, 11], "#bbbbbb"), ([3, 12], "C0")]
    assert sorted(x for xs, _, _ in drawn for x in xs) == list(range(13))
    assert all(x == -y for xs, ys, _ in drawn for x, y in zip(xs, ys, strict=True))


def test_pictures_are_drawn_at_their_points_in_frames_of_their_labels_colours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []
    add = Axes.add_artist

    def noted(axes: Axes, artist: AnnotationBbox) -> object:
        drawn.append((artist.xy, artist.offsetbox.get_data()[0, 0].tolist(), artist.patch.get_edgecolor()[:3]))
        return add(axes, artist)

    monkeypatch.setattr(Axes, "add_artist", noted)
    pictures = {at: np.full((8, 8, 3), 100 + at, np.uint8) for at in (0, 2)}
    draw_map(report(["sad", "happy", None]), tmp_path / "map.png", pictures)
    assert [each[:2] for each in drawn] == [((0, 0), [100] * 3), ((2, -2), [102] * 3)]
    assert [each[2] for each in drawn] == [to_rgb("C0"), to_rgb("#bbbbbb")]


def test_pictures_have_room_beside_each_other_and_leave_little_of_it() -> None:
    rng = np.random.default_rng(3)
    points = (rng.random((5_000, 2)) * [90, 7] - 20).astype(np.float32)
    chosen = with_room(points)
    places = (points + 20) / [90, 7] * [15, 12]  # in sides of pictures
    apart = np.abs(places[chosen][:, None] - places[chosen][None]).max(axis=2) + np.eye(len(chosen)) * 99
    assert apart.min() > 0.99
    assert np.abs(places[:, None] - places[chosen][None]).max(axis=2).min(axis=1).max() < 1.4  # 1 and a third, tried
    assert 100 < len(chosen) <= 16 * 13
    assert chosen == sorted(chosen)


@pytest.mark.parametrize(("points", "expected"), [(np.zeros((0, 2)), []), (np.ones((3, 2)), [0])])
def test_no_point_and_points_at_one_place_have_the_room_there_is(points: np.ndarray, expected: list[int]) -> None:
    assert with_room(points.astype(np.float32)) == expected


@pytest.mark.parametrize("label", [None, "mood"])
def test_maps_of_no_points_and_without_labels_are_drawn(tmp_path: Path, label: str | None) -> None:
    for number, labels in enumerate([[], [None, None]]):
        draw_map(report(labels, label=label), tmp_path / f"{number}.png")
        assert (tmp_path / f"{number}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["map", "missing/map.png"])
def test_a_picture_that_cannot_be_written_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidRequestError, match="cannot be"):
        draw_map(report([]), tmp_path / name)
