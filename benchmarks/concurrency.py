"""Readers beside a writer: every document is seen whole, in one version, or not at all; nothing fails, nothing crashes.

One process adds, replaces and removes documents of five chunks each, and compacts now and then; every document is in
one version, which its metadata and the text of each chunk name. Meanwhile four threads of a second process, and two
more processes, search all the time: for the chunks of 20 documents by a filter, for the nearest 10 through the index,
and for all chunks there are. In each result a document has to have its five chunks (or, among the nearest 10, at most
five), all of one version; no reader may see a version after a later one; and a filtered result may miss nothing. The
writer asks at once for what it has written and removed. The collection is large enough to have an index, and enough
is replaced for it to be built anew several times in a run: the publications that were seen are counted, and a run that
saw none fails, since it proves nothing.

The run is repeated with MALLOC_MMAP_THRESHOLD_=65536, with which freed memory of more than 64 KiB is given back to the
system at once, so that using it would be a crash and not luck. Any violation, exception or death of a process makes
the exit code 1.
"""

import argparse
import functools
import hashlib
import json
import os
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
from data import SEED
from report import write

from semsearch import Collection, Document, Hit
from semsearch.reports import CollectionInfo
from semsearch.types import Vectors

CHUNKS, WORDS, SPECIALS = 5, 14, 2  # chunks a document, words a chunk, and tokens beside the words
WRITTEN, REMOVED, COMPACTED_EVERY = 400, 100, 5  # documents an add and a remove, and rounds
ASKED, EVERYTHING_EVERY, EVERYTHING = 20, 100, 10_000_000  # documents a filter, and searches
READERS = {"threads": 4, "process 1": 1, "process 2": 1}  # threads in each process
PATIENCE = 300  # seconds that a process may take beyond the run


class HashEmbedder:
    """An Embedder that is a pure function of the text, and cheap: the sum of a random vector for each word."""

    name, fingerprint, dim, max_tokens = "hash", "hash-of-words-1", 64, WORDS + SPECIALS

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        vectors = np.array([np.sum([_of_word(word, self.dim) for word in text.split()], axis=0) for text in texts])
        return vectors.astype(np.float32) / np.linalg.norm(vectors, axis=1, keepdims=True).astype(np.float32)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        return self.embed_documents(texts)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) + SPECIALS for text in texts]


@functools.lru_cache(maxsize=200_000)
def _of_word(word: str, dim: int) -> Vectors:
    return np.frombuffer(hashlib.shake_256(word.encode()).digest(dim), np.uint8).astype(np.float32) - np.float32(127.5)


@dataclass
class Account:
    """What one thread did and saw."""

    counts: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="how long each of the two runs takes")
    parser.add_argument("--documents", type=int, default=6_000, help="documents, of five chunks each")
    arguments = parser.parse_args()
    runs, violations = [], []
    for name, environment in (("as it is", {}), ("freed memory unmapped", {"MALLOC_MMAP_THRESHOLD_": "65536"})):
        counts, seen = run(arguments.seconds, arguments.documents, environment)
        runs.append({"run": name, **counts, "violations": len(seen)})
        violations += [f"{name}: {violation}" for violation in seen]
        if not counts["index publications"]:
            violations.append(f"{name}: no publication of an index was seen, so that nothing is proved")
    figures: dict[str, Any] = {"runs": runs, "violations": len(violations)}
    if violations:
        figures["first violations"] = [{"violation": violation} for violation in violations[:20]]
    write("concurrency", {**vars(arguments), "chunks a document": CHUNKS, "seed": SEED}, figures)
    if violations:
        sys.exit(1)


def run(seconds: float, documents: int, environment: Mapping[str, str]) -> tuple[dict[str, int], list[str]]:
    """All processes together for so long; what they counted, and what they saw amiss."""
    with tempfile.TemporaryDirectory() as temporary:
        path, accounts = Path(temporary) / "collection", Path(temporary)
        with Collection.create(path, model=HashEmbedder()) as collection:
            collection.add(document(number, 0) for number in range(documents))
        end = time.time() + seconds
        os.environ.update(environment)
        try:
            processes = {name: start(read, accounts / f"{name}.json", path, documents, end, name) for name in READERS}
            processes["writer"] = start(write_all_the_time, accounts / "writer.json", path, documents, end)
        finally:
            for name in environment:
                del os.environ[name]
        watched = account_of(lambda account: watch(path, end, account))
        gathered = [("watcher", watched)]
        for name, (process, file) in processes.items():
            process.join(end - time.time() + PATIENCE)
            gathered += [(name, account) for account in left_by(process, file)]
    violations = [f"{name}: {violation}" for name, account in gathered for violation in account.violations]
    total = sum((account.counts for _, account in gathered), Counter())
    names = ("searches", "adds", "written", "removed", "compactions", "index publications", "other publications")
    return {name: total[name] for name in names}, violations


def start(target: Callable[..., None], file: Path, *arguments: object) -> tuple[BaseProcess, Path]:
    """A new process, which leaves its accounts in a file."""
    process = get_context("spawn").Process(target=target, args=(file, *arguments))
    process.start()
    return process, file


def left_by(process: BaseProcess, file: Path) -> list[Account]:
    """The accounts that a process left; that it died, or hangs, is a violation."""
    if process.exitcode is None:
        process.kill()
        return [Account(violations=[f"the process hung, and was killed {PATIENCE} s after the end of the run"])]
    if process.exitcode or not file.exists():
        return [Account(violations=[f"the process ended with {process.exitcode}"])]
    return [Account(Counter(each["counts"]), each["violations"]) for each in json.loads(file.read_text())]


def account_of(work: Callable[[Account], None]) -> Account:
    """The account of work, in which an exception is a violation."""
    account = Account()
    try:
        work(account)
    except Exception as error:  # whatever it is: no search and no write may fail
        account.violations.append(f"{type(error).__name__}: {error}")
    return account


def leave(file: Path, accounts: Sequence[Account]) -> None:
    file.write_text(json.dumps([vars(account) for account in accounts]))


def document(number: int, version: int) -> Document:
    """Cut into five chunks by the embedder; each begins with the version."""
    words = [f"w{(number * 65 + word) % 100_003}" for word in range(CHUNKS * (WORDS - 1))]
    parts = [words[at : at + WORDS - 1] for at in range(0, len(words), WORDS - 1)]
    text = " ".join(" ".join([f"v{version}", *part]) for part in parts)
    return Document(str(number), text, {"name": number, "version": version})


def write_all_the_time(file: Path, path: Path, documents: int, end: float) -> None:
    """The writer's process."""
    with Collection.open(path, model=HashEmbedder()) as collection:
        leave(file, [account_of(lambda account: _write(collection, documents, end, account))])


def _write(collection: Collection, documents: int, end: float, account: Account) -> None:
    rng, version = np.random.default_rng(SEED), 0
    while time.time() < end:
        version += 1
        written = rng.choice(documents, WRITTEN, replace=False).tolist()
        report = collection.add(document(number, version) for number in written)
        if report.failed or report.maintenance:
            account.violations.append(f"an add failed: {report}")
        gone = rng.choice(documents, REMOVED, replace=False).tolist()
        if version % 2:
            removed = collection.remove(filter={"name": {"$in": gone}}).removed
        else:
            removed = collection.remove(str(number) for number in gone).removed
        account.counts += Counter(adds=1, written=len(written), removed=removed)
        _check_acknowledged(collection, {number: version for number in written if number not in gone}, gone, account)
        if not version % COMPACTED_EVERY:
            collection.compact()
            account.counts["compactions"] += 1


def _check_acknowledged(collection: Collection, written: Mapping[int, int], gone: list[int], account: Account) -> None:
    """What was acknowledged is found, and what was removed is not."""
    some = [*list(written)[:ASKED], *gone[:ASKED]]
    hits = _search(collection, account, some[0], {"name": {"$in": some}}, EVERYTHING)
    expected = {number: written[number] for number in some if number in written}
    if {hit.metadata["name"]: hit.metadata["version"] for hit in hits} != expected:
        account.violations.append("the writer does not find exactly what it wrote and did not remove")


def read(file: Path, path: Path, documents: int, end: float, name: str) -> None:
    """A reader's process; its threads share one collection."""
    seeds = [(SEED, sorted(READERS).index(name), thread) for thread in range(READERS[name])]
    with Collection.open(path) as collection, ThreadPoolExecutor(len(seeds)) as pool:
        work = [functools.partial(_read, collection, documents, end, np.random.default_rng(seed)) for seed in seeds]
        leave(file, list(pool.map(account_of, work)))


def _read(collection: Collection, documents: int, end: float, rng: np.random.Generator, account: Account) -> None:
    latest: dict[int, int] = defaultdict(int)  # version seen of each document
    while time.time() < end:
        number, names = int(rng.integers(documents)), rng.choice(documents, ASKED, replace=False).tolist()
        searches = account.counts["searches"]
        if not (searches + 1) % EVERYTHING_EVERY:
            whole, hits = True, _search(collection, account, number, None, EVERYTHING)
        elif searches % 2:
            whole, hits = True, _search(collection, account, number, {"name": {"$in": names}}, EVERYTHING)
        else:
            whole, hits = False, _search(collection, account, number, None, 10)
            if len(hits) != 10:
                account.violations.append(f"a search for 10 gave {len(hits)}")
        account.violations += violations(hits, latest, whole=whole)


def _search(
    collection: Collection, account: Account, number: int, filter: Mapping[str, Any] | None, k: int
) -> tuple[Hit, ...]:
    [query] = HashEmbedder().embed_queries([document(number, 0).text])
    account.counts["searches"] += 1
    return collection.search(vector=query, filter=filter, k=k).hits


def violations(hits: Sequence[Hit], latest: dict[int, int], *, whole: bool) -> Iterator[str]:
    """What is wrong with a result; `latest` is what the reader has seen before, and is brought up to date.

    `whole` says that a document has all of its chunks in the result, or none.
    """
    found: dict[int, list[Hit]] = defaultdict(list)
    for hit in hits:
        found[hit.metadata["name"]].append(hit)
    for name, some in found.items():
        versions = {hit.metadata["version"] for hit in some} | {int(hit.text.split()[0][1:]) for hit in some}
        if len(versions) > 1:
            yield f"document {name} is seen in versions {sorted(versions)}"
        if len({hit.start for hit in some}) != len(some) or (whole and len(some) != CHUNKS):
            yield f"document {name} is seen with {len(some)} chunks, at {sorted(hit.start for hit in some)}"
        if min(versions) < latest[name]:
            yield f"document {name} is seen in version {min(versions)} after version {latest[name]}"
        latest[name] = max(versions)


def watch(path: Path, end: float, account: Account) -> None:
    """Count the states of the index, and of the files beside it, that come one after the other."""
    with Collection.open(path) as collection:
        before = collection.info()
        while time.time() < end:
            time.sleep(0.25)
            now = collection.info()
            if now.degraded:
                account.violations.append(f"the index is not used: {now.degraded}")
            account.counts["index publications"] += now.index != before.index
            account.counts["other publications"] += now.index == before.index and _is_sealed(before, now)
            before = now


def _is_sealed(before: CollectionInfo, now: CollectionInfo) -> bool:
    """Whether the tail or the tombstones shrank by more than a remove can account for."""
    most = REMOVED * CHUNKS
    return now.tail < before.tail - most or now.tombstones < before.tombstones - most


if __name__ == "__main__":
    main()
