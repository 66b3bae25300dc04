"""One worker process of a sandbox, seen from outside: started, asked, watched and ended; what it does is not here."""

import contextlib
import json
import logging
import os
import select
import subprocess
import sys
import threading
from dataclasses import asdict
from io import FileIO
from pathlib import Path
from typing import NamedTuple

import psutil

from semsearch.errors import SandboxError
from semsearch.files import make_scratch, remove_scratch
from semsearch.ingest.readers.contract import FoundFile
from semsearch.ingest.sandbox import reasons
from semsearch.ingest.sandbox.frames import (
    Bounds,
    Frame,
    FrameError,
    Note,
    enforced_words,
    item_of,
    packed,
    read_frame,
    request_frame,
    write_all,
)
from semsearch.types import Document, Failure, Limits

logger = logging.getLogger(__name__)

_FILES = 500  # parsed by one process, since parsers leak
_PRINTED = 2_000  # bytes kept of what it wrote to stderr last
_LAST_WAIT = 10.0  # seconds for a killed process to be gone
_ROOT = str(Path(__file__).parents[3])  # where `import semsearch` finds this one
_CODE = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]); "
    "from semsearch.ingest.sandbox.worker import main; main(sys.argv[1])"
)
_LIBRARY_PATHS = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")  # without which some installations of Python do not start


class _Usage(NamedTuple):
    memory: int = 0  # resident, in bytes
    cpu_seconds: float = 0.0  # since it was started


class WorkerEndedError(Exception):
    """A worker is gone, or has to go; the text is the reason for the file that it had."""


class WorkerProcess:
    """A process that parses one file after the other.

    `watch` is for another thread than the rest, which is for the one that reads.

    Attributes:
        enforced: what it has denied itself, as `confine` names it; `None` until it has said so.

    Raises:
        OSError: it cannot be started, or has no folder to write to.
    """

    def __init__(self, limits: Limits, registry: str) -> None:
        self._limits, self._bounds = limits, Bounds.of(limits)
        self._folder = make_scratch()
        try:
            self._process = _start(limits, registry, self._folder)
            self._requests, self._answers, self._stderr = _pipes(self._process)
        except OSError:
            remove_scratch(self._folder)
            raise
        self._measured = psutil.Process(self._process.pid)
        self._lock = threading.Lock()  # for what follows
        self.enforced: tuple[str, ...] | None = None
        self._over = False
        self._verdict: str | None = None  # of `watch`: the reason why it was killed
        self._printed = b""
        self._files = 0
        self._begin()

    @property
    def descriptor(self) -> int:
        """To be polled: readable where `take` would not wait for a message to begin."""
        return self._answers.fileno()

    def give(self, file: FoundFile) -> None:
        """Have a file parsed; what comes of it is to be taken, up to `Note.DONE`."""
        self._files += 1
        self._begin()
        with contextlib.suppress(BrokenPipeError):  # `take` finds out why
            write_all(self._requests.fileno(), packed(request_frame(file), self._bounds))

    def take(self) -> tuple[Document | Failure | Note, int]:
        """Wait for the next message: what it says, and its length in bytes.

        Raises:
            WorkerEndedError: no more will come.
            SandboxError: it has not even started.
        """
        try:
            frame = read_frame(self._answers, self._bounds)
            if frame is None:
                raise WorkerEndedError(self._why_it_ended())
            item = item_of(frame)
            if isinstance(item, Note):
                self._take_note(item, frame)
        except FrameError as error:
            if self.enforced is None:
                raise SandboxError(
                    f"the process that parses files does not start: its first message {error}; see that nothing prints "
                    "when Python starts (sitecustomize, .pth files)"
                ) from error
            raise WorkerEndedError(reasons.broke_protocol(str(error))) from error
        return item, frame.size

    def is_reusable(self) -> bool:
        """Whether the next file should be given to it: it lives, is not worn out, and has left no files."""
        if self._verdict or self._process.poll() is not None or self._files >= _FILES or any(self._folder.iterdir()):
            return False
        return self._usage().memory <= self._limits.memory_bytes // 2

    def watch(self, elapsed: float) -> bool:
        """Kill it if it is above a limit, `elapsed` seconds after the last time; tell whether to go on watching."""
        with self._lock:
            if self._over:
                return False
            self._read_stderr()
            if self._at_work and self._verdict is None:
                if not _is_readable(self._answers):  # else it may be waiting for us
                    self._seconds += elapsed
                self._verdict = self._exceeded()
                if self._verdict:
                    self._process.kill()
            return True

    def end(self) -> None:
        """Kill it, and leave nothing of it behind."""
        with self._lock:
            if self._over:
                return
            self._over = True
        self._process.kill()
        try:
            self._process.wait(_LAST_WAIT)
        except subprocess.TimeoutExpired:
            logger.warning(
                "process %d was killed and does not go; a disk or a network file system may hang", self._process.pid
            )
        self._read_stderr()
        for pipe in (self._requests, self._answers, self._stderr):
            pipe.close()
        if self._printed:
            logger.debug("process %d, which parsed files, printed: %r", self._process.pid, self._printed)
        if not remove_scratch(self._folder):
            logger.warning("%s cannot be removed; remove it by hand", self._folder)

    def _begin(self) -> None:
        with self._lock:
            self._at_work, self._seconds, self._cpu_before = True, 0.0, self._usage().cpu_seconds

    def _take_note(self, note: Note, frame: Frame) -> None:
        if note is Note.DONE:
            with self._lock:
                self._at_work = False
        elif self.enforced is None:
            self.enforced = enforced_words(frame.values)
            self._begin()  # what starting took is no document's fault
        else:
            raise FrameError("is out of its order")

    def _why_it_ended(self) -> str:
        try:
            code = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return reasons.broke_protocol("its end, while it lives")
        with self._lock:
            self._read_stderr()
        if self.enforced is None:
            last_line = self._printed.decode(errors="replace").strip().rpartition("\n")[2]
            cause = self._verdict or last_line or f"exit code {code}"
            raise SandboxError(f"the process that parses files does not start: {cause}; its log (debug) tells more")
        return self._verdict or reasons.ended(code, self._limits)

    def _exceeded(self) -> str | None:
        usage = self._usage()
        if usage.memory > self._limits.memory_bytes:
            return reasons.over_memory(self._limits)
        if usage.cpu_seconds - self._cpu_before > self._limits.cpu_seconds:
            return reasons.over_cpu(self._limits)
        return reasons.over_time(self._limits) if self._seconds > self._limits.seconds else None

    def _usage(self) -> _Usage:
        try:
            times = self._measured.cpu_times()
            return _Usage(self._measured.memory_info().rss, times.user + times.system)
        except psutil.Error:
            return _Usage()  # it is gone, or about to go

    def _read_stderr(self) -> None:
        self._printed = (self._printed + (self._stderr.read(1 << 16) or b""))[-_PRINTED:]


def _start(limits: Limits, registry: str, folder: Path) -> subprocess.Popen[bytes]:
    """Start Python apart from the environment, where modules come from excepted: that is as it is in this process."""
    settings = json.dumps({"limits": asdict(limits), "folder": str(folder), "registry": registry})
    path = [str(Path(entry).absolute()) for entry in sys.path if entry]
    path = path if _ROOT in path else [_ROOT, *path]
    environment = {"HOME": str(folder), "TMPDIR": str(folder), "OPENBLAS_NUM_THREADS": "1"}
    environment |= {name: os.environ[name] for name in _LIBRARY_PATHS if name in os.environ}
    return subprocess.Popen(  # noqa: S603 - of this very Python
        [sys.executable, "-I", "-X", "utf8", "-c", _CODE, settings, json.dumps(path)],
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=environment,
        start_new_session=True,  # Ctrl-C in a terminal is for its parent
    )


def _pipes(process: subprocess.Popen[bytes]) -> tuple[FileIO, FileIO, FileIO]:
    """Its stdin, stdout and stderr; reading the last never waits."""
    pipes = [pipe for pipe in (process.stdin, process.stdout, process.stderr) if isinstance(pipe, FileIO)]
    requests, answers, stderr = pipes  # unbuffered, thus all of this type
    os.set_blocking(stderr.fileno(), False)
    return requests, answers, stderr


def _is_readable(pipe: FileIO) -> bool:
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    return bool(poll.poll(0))
