"""Readers beside a writer, in threads and in processes: every document is seen whole or not at all."""

import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEmbedder

from semsearch import Collection, Document
from semsearch.index import measuring, sizing

CHUNKS = 5

READER = """
import sys, time
from collections import Counter
from pathlib import Path
import numpy as np
from semsearch import Collection
collection, end, searches, by_index = Collection.open(sys.argv[1]), time.monotonic() + float(sys.argv[2]), 0, 0
rng = np.random.default_rng(int(sys.argv[3]))
while time.monotonic() < end:
    hits = collection.search(vector=rng.standard_normal(32), k=10_000).hits
    versions = Counter((hit.document_id, hit.text.split()[0]) for hit in hits)
    assert set(versions.values()) <= {5}, versions
    assert len({name for name, _ in versions}) == len(versions), "two versions of one document"
    near = collection.search(vector=rng.standard_normal(32), k=20)
    assert len({hit.chunk_id for hit in near.hits}) == 20
    versions = {(hit.document_id, hit.text.split()[0]) for hit in near.hits}
    assert len({name for name, _ in versions}) == len(versions), "two versions of one document"
    by_index += near.profile.path == "ivf"
    searches += 1
assert collection.info().degraded is None
print(searches, by_index)
"""


def text(number: int, version: int) -> str:
    """Cut into five chunks of 14 words by the fake model; every chunk begins with the version."""
    return " ".join(
        f"v{version} " + " ".join(f"w{number}-{part}-{word}" for word in range(13)) for part in range(CHUNKS)
    )


def write(collection: Collection, end: float) -> int:
    rng, version = np.random.default_rng(0), 0
    while time.monotonic() < end:
        version += 1
        names = rng.choice(60, 6, replace=False)
        collection.add([Document(str(name), text(int(name), version)) for name in names])
        collection.remove(str(name) for name in rng.choice(60, 2, replace=False))
    return version


def search(collection: Collection, end: float, seed: int, failures: list[str]) -> None:
    rng = np.random.default_rng(seed)
    try:
        while time.monotonic() < end:
            hits = collection.search(vector=rng.standard_normal(32), k=10_000).hits
            versions = Counter((hit.document_id, hit.text.split()[0]) for hit in hits)
            if set(versions.values()) - {CHUNKS} or len({name for name, _ in versions}) != len(versions):
                failures.append(f"not whole: {versions}")
            near = collection.search(vector=rng.standard_normal(32), k=20).hits
            if len({hit.chunk_id for hit in near}) != 20:
                failures.append(f"not twenty: {near}")
    except Exception as error:
        failures.append(repr(error))


def run(tmp_path: Path, seconds: float) -> tuple[int, list[str], list[subprocess.CompletedProcess[str]]]:
    failures: list[str] = []
    with Collection.create(tmp_path / "c", model=FakeEmbedder()) as collection:
        collection.add([Document(str(name), text(name, 0)) for name in range(60)])
        end = time.monotonic() + seconds
        threads = [threading.Thread(target=search, args=(collection, end, seed, failures)) for seed in range(4)]
        command = [sys.executable, "-c", READER, str(tmp_path / "c"), str(seconds)]
        processes = [
            subprocess.Popen([*command, str(seed)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for seed in range(2)
        ]
        for thread in threads:
            thread.start()
        commits = write(collection, end)
        for thread in threads:
            thread.join()
        results = []
        for process in processes:
            out, err = process.communicate(timeout=60)
            results.append(subprocess.CompletedProcess(command, process.returncode, out, err))
    return commits, failures, results


def test_the_texts_are_cut_into_five_chunks_each_with_its_version(tmp_path: Path) -> None:
    with Collection.create(tmp_path / "c", model=FakeEmbedder()) as collection:
        collection.add([Document("a", text(1, 7))])
        hits = collection.search("w1", k=100).hits
    assert [hit.text.split()[0] for hit in hits] == ["v7"] * CHUNKS


@pytest.mark.usefixtures("small_is_large")
def test_every_document_is_seen_whole_by_threads_and_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sizing, "INDEX_FROM", 150)  # so that indexes are built, extended and swapped meanwhile
    monkeypatch.setattr(sizing, "SEAL_FROM", 20)
    monkeypatch.setattr(measuring, "SAMPLE", 50)
    commits, failures, results = run(tmp_path, 6)
    assert failures == []
    assert commits >= 2
    for result in results:
        assert result.returncode == 0, result.stderr
        searches, by_index = map(int, result.stdout.split())
        assert searches >= 2
        assert by_index >= 1
    assert "damaged" not in caplog.text
    assert "cannot be used" not in caplog.text
