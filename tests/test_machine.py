"""The number of threads that are worth it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from semsearch import processors
from semsearch.processors import cores


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    cores.cache_clear()
    yield
    cores.cache_clear()


def plant_processors(patch: pytest.MonkeyPatch, folder: Path, siblings: list[str], quota: str = "") -> None:
    for number, text in enumerate(siblings):
        path = folder / f"cpu{number}/topology/thread_siblings_list"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    (folder / "cpu.max").write_text(quota)
    patch.setattr(processors, "_CPUS", folder)
    patch.setattr(processors, "_QUOTA", folder / "cpu.max")
    patch.setattr(sys, "platform", "linux")
    patch.setattr("os.sched_getaffinity", lambda _: set(range(len(siblings))), raising=False)


@pytest.mark.parametrize(
    ("siblings", "quota", "expected"),
    [
        (["0,2\n", "1,3\n", "0,2\n", "1,3\n"], "", 2),
        (["0\n", "1\n", "2\n"], "max 100000\n", 3),
        (["0\n", "1\n", "2\n", "3\n"], "150000 100000\n", 2),
        (["0\n"], "10000 100000\n", 1),
    ],
)
def test_cores_are_physical_ones_within_a_containers_quota(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, siblings: list[str], quota: str, expected: int
) -> None:
    plant_processors(monkeypatch, tmp_path, siblings, quota)
    assert cores() == expected


def test_where_nothing_is_known_of_cores_each_processor_is_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plant_processors(monkeypatch, tmp_path, ["0,1\n", "0,1\n"])
    monkeypatch.setattr(processors, "_CPUS", tmp_path / "nothing")
    assert cores() == 2
