"""Readers that do what a hostile file may make a parser do, by suffix; for tests of the sandbox.

What they find out about their process is in the metadata of the document that they yield.
"""

import ctypes
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import semsearch
from semsearch.ingest.readers.contract import FoundFile, Reader
from semsearch.types import Document, Failure, Limits, Place

READERS: dict[str, Reader] = {}
SURROGATES = "lone \ud800, paired \ud83d\ude00, real \U0001f600, none \0"
_hoard: list[bytearray] = []


def reader(read: Callable[[FoundFile, Limits], Iterator[Document | Failure]]) -> None:
    READERS[f".{read.__name__}"] = Reader(read.__name__, (f".{read.__name__}",), read)


def refused(action: Callable[[], object]) -> bool:
    try:
        action()
    except PermissionError:
        return True
    return False


@reader
def good(file: FoundFile, limits: Limits) -> Iterator[Document | Failure]:
    yield Document(file.document_id, file.path.read_text(), {"pid": os.getpid()}, source=str(file.path))


@reader
def nap(file: FoundFile, limits: Limits) -> Iterator[Document | Failure]:
    begun = time.monotonic()
    time.sleep(float(file.path.read_text()))
    yield Document(file.document_id, "rested", {"begun": begun, "ended": time.monotonic()})


@reader
def everything(file: FoundFile, limits: Limits) -> Iterator[Document | Failure]:
    places = (Place(0), Place(1, "A > B"), Place(2, None, 3))
    yield Document(
        "all", SURROGATES, {"a": {"b": [1, None, 2.5, "\udc00"]}}, "title \ud800", "source", [0.5, 1], places
    )
    yield Failure("here:1", "is wrong", "wrong")
    yield Failure("there", "is wrong as well")


@reader
def many(file: FoundFile, limits: Limits) -> Iterator[Document | Failure]:
    for number in range(1_000_000):
        yield Document(str(number), "x" * 1_000, {"made": time.monotonic(), "pid": os.getpid()})


@reader
def allocates(file: FoundFile, limits: Limits) -> Iterator[Document | Failure]:
    yield Document("before", "it is complete")
    blocks = []
    while len(blocks) * 4_000_000 < 3 * limits.memory_bytes:  # less than what may be reserved
        blocks.append(bytearray(b"x" * 4_000_000))
        time.sleep(0.002)
    yield Document("never", "")


@reader
def reserves(file: FoundFile, limits: Limits) -> Iterator[Document | Failure]:
    yield Document("never", str(len(bytearray(1 << 45))))


@reader
def hoards(file: FoundFile, limits: Limits) -> Iterator[Document | Failure]:
    for _ in range(60):
        _hoard.append(bytearray(b"x" * (limits.memory_bytes // 100)))
    yield Document(file.document_id, "kept", {"pid": os.getpid()})


@reader
def spins(file: FoundFile, limits: Limits) -> Iterator[Document | Failure]:
    yield Document("before", "it is complete", {"pid": os.getpid()})
    while True:
        pass


@reader
def sleeps(file: FoundFile, limits: Limits) -> Iterator[Document | Failure]:
    yield Document("before", "it is complete", {"pid": os.getpid()})
    time.sleep(1_000)


@reader
def writes(file: FoundFile, limits: Limits) -> Iterator[Document | Failure]:
    Path("large").write_bytes(bytes(limits.written_bytes + 1))
    yield Document("never", "")


@reader
def leaves(file: FoundFile, limits: Limits) -> Iterator[Document | Failure]:
    found = os.listdir()
    Path("left").write_text("behind")
    yield Document(file.document_id, "left", {"found": found, "pid": os.getpid()})


@reader
def aborts(file: FoundFile, limits: Limits) -> Iterator[Document | Failure]:
    yield Document("before", "it is complete")
    os.abort()


@reader
def faults(file: FoundFile, limits: Limits) -> Iterator[Document | Failure]:
    yield Document("never", str(ctypes.string_at(0)))


@reader
def exits(file: FoundFile, limits: Limits) -> Iterator[Document | Failure]:
    yield Document("before", "it is complete")
    os._exit(3)


@reader
def dies(file: FoundFile, limits: Limits) -> Iterator[Document | Failure]:
    yield Document("before", "it is complete")
    os.kill(os.getpid(), signal.SIGKILL)


@reader
def raises(file: FoundFile, limits: Limits) -> Iterator[Document | Failure]:
    yield Document("before", "it is complete", {"pid": os.getpid()})
    raise ValueError("no such glyph")


@reader
def converts(file: FoundFile, limits: Limits) -> Iterator[Document | Failure]:
    subprocess.run(["true"], check=True)
    yield Document("never", "")


@reader
def nests(file: FoundFile, limits: Limits) -> Iterator[Document | Failure]:
    yield from nests_again(file, limits)


def nests_again(file: FoundFile, limits: Limits) -> Iterator[Document | Failure]:
    yield from nests_again(file, limits)


@reader
def prints(file: FoundFile, limits: Limits) -> Iterator[Document | Failure]:
    print("no answer" * 100_000, flush=True)
    os.write(1, b"\0\0\0\7garbage")
    os.write(2, b"a warning")
    yield Document(file.document_id, f"read: {sys.stdin.read()!r}")


@reader
def long(file: FoundFile, limits: Limits) -> Iterator[Document | Failure]:
    yield Document("long", "x" * (limits.text_characters + 1))
    yield Document("longest", "\U0001f600" * limits.text_characters)


@reader
def odd(file: FoundFile, limits: Limits) -> Iterator[Document | Failure]:
    yield Document("date", "", {"when": time})
    yield Document("large", "", {"data": "x" * (2 * limits.document_bytes + (1 << 20))})
    yield "text"  # type: ignore[misc]
    yield Document("last", "it is complete")


@reader
def forges(file: FoundFile, limits: Limits) -> Iterator[Document | Failure]:
    _to_all_pipes(file.path.read_bytes())
    yield Document("never", "")


@reader
def claims(file: FoundFile, limits: Limits) -> Iterator[Document | Failure]:
    _to_all_pipes(struct.pack(">III", 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF))
    time.sleep(1_000)
    yield Document("never", "")


@reader
def hangs_up(file: FoundFile, limits: Limits) -> Iterator[Document | Failure]:
    os.closerange(0, 64)
    time.sleep(1_000)
    yield Document("never", "")


@reader
def tries(file: FoundFile, limits: Limits) -> Iterator[Document | Failure]:
    beside = file.path.with_suffix(".made")
    outside = {
        "writes": refused(beside.touch),
        "removes": refused(file.path.with_suffix(".victim").unlink),
        "signals": refused(lambda: os.kill(os.getppid(), 0)),
        "forks": refused(lambda: os.fork() or os._exit(0)),
        "programs": refused(lambda: subprocess.run(["true"], check=True)),
        "internet": refused(lambda: socket.create_connection(("127.0.0.1", int(file.path.read_text())))),
        "datagrams": refused(lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)),
        "local": refused(lambda: socket.socket(socket.AF_UNIX)),
    }
    thread = threading.Thread(target=lambda: outside.update(threads=False))
    thread.start()
    thread.join()
    yield Document(file.document_id, "tried", outside)


@reader
def looks(file: FoundFile, limits: Limits) -> Iterator[Document | Failure]:
    Path("inside").write_text("allowed")
    Path("inside").unlink()
    about = {
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "semsearch": semsearch.__file__,
        "modules": sorted({name.partition(".")[0] for name in sys.modules}),
        "core": resource.getrlimit(resource.RLIMIT_CORE),
        "killed_first": Path("/proc/self/oom_score_adj").read_text().strip() if sys.platform == "linux" else "1000",
        "files": resource.getrlimit(resource.RLIMIT_NOFILE),
        "group": os.getpgid(0),
        "open": [number for number in range(3, 64) if _is_open(number)],
    }
    yield Document(file.document_id, "seen", about)


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _to_all_pipes(data: bytes) -> None:
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, data)
        except OSError:
            continue
