"""SIGKILL of `semsearch add` at random moments: what was acknowledged is there, whole, and the rest comes later."""

import json
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from semsearch.errors import CollectionNotFoundError
from semsearch.index.sealed import read_segments
from semsearch.store.documents import DocumentStore

WORDS = [
    "sea",
    "wind",
    "stone",
    "bread",
    "letter",
    "river",
    "engine",
    "winter",
    "garden",
    "music",
    "paper",
    "light",
    "bridge",
    "market",
    "doctor",
    "window",
]
COMMITTED = re.compile(r"committed: (\d+) documents read")
Chunks = dict[str, list[tuple[int, int, str]]]


@dataclass
class Corpus:
    """Documents in a file, and how to add them."""

    path: Path
    ids: list[str]
    options: list[str]

    def command(self, indexes: Path) -> list[str]:
        semsearch = [sys.executable, "-m", "semsearch", "--indexes", str(indexes)]
        return [*semsearch, "add", "c", str(self.path), *self.options]


def text(rng: random.Random) -> str:
    """Mostly short, and now and then long enough for several chunks."""
    [length] = rng.choices((5, 20, 600), weights=(60, 37, 3))
    return " ".join(rng.choices(WORDS, k=length))


def corpus(folder: Path, size: int, *, dim: int | None) -> Corpus:
    rng = random.Random(7)
    rows = []
    for number in range(size):
        row: dict[str, object] = {"id": f"d{number}", "text": text(rng), "metadata": {"n": number}}
        if dim is not None:
            row["vector"] = [rng.gauss(0, 1) for _ in range(dim)]
        rows.append(row)
    path = folder / "documents.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Corpus(path, [str(row["id"]) for row in rows], [] if dim is None else ["--dim", str(dim)])


def contents(indexes: Path) -> Chunks:
    """Every document's chunks as (start, end, text); fails if one is without its vector, or the index is unusable."""
    store = DocumentStore.open(indexes / "c")
    with store.read() as reader:
        names = [summary.id for _, summary in reader.summaries(None, 0, 10**9)]
        deleted, _ = reader.deleted_chunks()
        sealed = [each.segment for each in read_segments(store.root, reader.manifest(), deleted)]
        blocks = [*(block for segment in sealed for block in segment.blocks()), *reader.tail()]
        with_vector = [int(id) for ids, _ in blocks for id in ids]
        records = reader.chunks(range(1, max(with_vector, default=0) + 1))
        counts = reader.counts()
    store.close()
    assert sorted(records) == with_vector
    assert counts.chunks == len(with_vector)
    found: Chunks = {name: [] for name in names}
    for id in sorted(records):
        chunk = records[id].chunk
        found[chunk.document_id].append((chunk.start, chunk.end, chunk.text))
    return found


def run_to_the_end(corpus: Corpus, indexes: Path) -> dict[str, int]:
    result = subprocess.run([*corpus.command(indexes), "--json"], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    report: dict[str, int] = json.loads(result.stdout)
    return report


def acknowledgements(process: subprocess.Popen[str]) -> Iterator[int]:
    """How many documents `add --verbose` has acknowledged, at each of its messages about them."""
    assert process.stderr is not None
    for line in process.stderr:
        if match := COMMITTED.search(line):
            yield int(match[1])


def add_verbosely(corpus: Corpus, indexes: Path) -> subprocess.Popen[str]:
    command = [*corpus.command(indexes), "--verbose"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def timed_run(corpus: Corpus, indexes: Path) -> tuple[list[tuple[int, float]], float]:
    """A full run: each acknowledgement's documents and second, from none at 0 on, and the seconds of it all."""
    start, timeline = time.monotonic(), [(0, 0.0)]
    with add_verbosely(corpus, indexes) as process:
        timeline += [(documents, time.monotonic() - start) for documents in acknowledgements(process)]
    assert process.returncode == 0
    return timeline, time.monotonic() - start


def run_and_kill(corpus: Corpus, indexes: Path, *, documents: int, seconds: float) -> int:
    """Kill `add` so long after it acknowledged so many documents; returns how many it had acknowledged by then."""
    acknowledged, reached = [0], threading.Event()
    with add_verbosely(corpus, indexes) as process:

        def listen() -> None:
            for acknowledged[0] in acknowledgements(process):
                if acknowledged[0] >= documents:
                    reached.set()
            reached.set()

        listener = threading.Thread(target=listen)
        listener.start()
        if documents > 0:
            reached.wait()
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        listener.join()
    return acknowledged[0]


def kill_and_check(corpus: Corpus, folder: Path, kills: int, seed: int = 1) -> list[int]:
    """Kill all over a full run, check what is there, finish, compare; returns what was acknowledged.

    A moment counts from the acknowledgement before it, so that a run slower than the timed one is hit there too.
    """
    timeline, duration = timed_run(corpus, folder / "whole")
    whole, rng, acknowledged = contents(folder / "whole"), random.Random(seed), []
    for number in range(kills):
        indexes = folder / f"killed-{number}"
        moment = (number + rng.random()) / kills * duration
        documents, since = max(each for each in timeline if each[1] <= moment)
        acked = run_and_kill(corpus, indexes, documents=documents, seconds=moment - since)
        acknowledged.append(acked)
        try:
            present = contents(indexes)
        except CollectionNotFoundError:
            present = {}
        assert set(corpus.ids[:acked]) <= set(present)
        assert all(chunks == whole[name] for name, chunks in present.items())
        report = run_to_the_end(corpus, indexes)
        stored = sum(map(len, present.values()))
        assert (report["added"], report["skipped"]) == (len(whole) - len(present), len(present))
        assert report["chunks"] == sum(map(len, whole.values())) - stored
        assert contents(indexes) == whole
    return acknowledged


def test_a_killed_add_keeps_what_it_acknowledged_and_completes_later(tmp_path: Path) -> None:
    acknowledged = kill_and_check(corpus(tmp_path, 3_000, dim=8), tmp_path, kills=4)
    assert len(acknowledged) == 4


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_twenty_kills_while_an_index_is_built_lose_nothing(tmp_path: Path) -> None:
    acknowledged = kill_and_check(corpus(tmp_path, 21_000, dim=8), tmp_path, kills=20)
    assert sum(0 < count < 21_000 for count in acknowledged) >= 5


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.timeout(3_000)
def test_twenty_kills_while_the_model_embeds_lose_nothing(tmp_path: Path) -> None:
    acknowledged = kill_and_check(corpus(tmp_path, 4_000, dim=None), tmp_path, kills=20)
    assert sum(0 < count < 4_000 for count in acknowledged) >= 3


def test_the_check_notices_a_document_that_was_lost(tmp_path: Path) -> None:
    few = corpus(tmp_path, 50, dim=8)
    run_to_the_end(few, tmp_path / "whole")
    store = DocumentStore.open(tmp_path / "whole" / "c")
    with store.write() as writer:
        writer.remove([few.ids[3]])
    store.close()
    assert not set(few.ids) <= set(contents(tmp_path / "whole"))


def test_the_check_notices_a_chunk_without_its_vector(tmp_path: Path) -> None:
    few = corpus(tmp_path, 50, dim=8)
    run_to_the_end(few, tmp_path / "whole")
    store = DocumentStore.open(tmp_path / "whole" / "c")
    with store.write() as writer:
        writer._connection.exec_driver_sql("DELETE FROM tail_vectors WHERE chunk_id = 7")
    store.close()
    with pytest.raises(AssertionError):
        contents(tmp_path / "whole")
