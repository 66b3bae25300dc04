"""What this machine has to compute with: cores, devices, kinds of numbers; torch is imported only where it is asked."""

import contextlib
import ctypes
import functools
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from semsearch.errors import ModelError

_TURN = 0.000_05  # seconds
_turns = threading.Lock()
_in_a_hurry: list[float] = []  # what was the interval before, a block
_CPU_INFO = Path("/proc/cpuinfo")
_BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}  # the last one is ARM's
_OPENBLAS_KERNELS = {
    "SkylakeX": {"avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512cd", "avx2", "fma"},
    "Haswell": {"avx2", "fma"},
}  # the best first
_CPUS = Path("/sys/devices/system/cpu")
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


@functools.cache
def cores() -> int:
    """Physical cores that this process may use: two threads on one core only get in each other's way."""
    usable = os.sched_getaffinity(0) if sys.platform == "linux" else range(os.cpu_count() or 1)
    physical = {_siblings(cpu) for cpu in usable}
    return max(1, min(len(physical), _quota()))


@functools.cache
def torch_threads() -> int:
    """A thread a physical core, or fewer where torch was told so; torch itself does not know of a container's quota."""
    import torch

    return min(torch.get_num_threads(), cores())


@contextlib.contextmanager
def torch_shared(threads: int) -> Iterator[None]:
    """Have so many threads share the cores in torch, this one or new ones, in all of this process while the block runs.

    Two threads with a core each multiply a third faster than one with both, whose halves wait for each other at every
    operation, and they lose only what another thread takes where those would lose it twice.
    """
    import torch

    torch.set_num_threads(max(1, torch_threads() // threads))
    try:
        yield
    finally:
        torch.set_num_threads(torch_threads())


@contextlib.contextmanager
def quick_turns() -> Iterator[None]:
    """Have threads take turns at Python every 50 microseconds while the block runs, in all of this process.

    A thread that runs a model needs Python for a moment between any two of its operations. Beside a thread that does
    nothing but Python it would wait 5 ms for each of these moments, and adding would take a quarter longer.
    """
    with _turns:
        _in_a_hurry.append(sys.getswitchinterval())
        sys.setswitchinterval(_TURN)
    try:
        yield
    finally:
        with _turns:
            before = _in_a_hurry.pop()  # of the first block, once the last one has ended
            if not _in_a_hurry:
                sys.setswitchinterval(before)


def give_memory_back() -> None:
    """Have the C library give the system what was freed: glibc keeps it, up to half of what building an index took."""
    with contextlib.suppress(AttributeError, OSError):  # of other libraries, which have no such function
        ctypes.CDLL(None).malloc_trim(0)


def _siblings(cpu: int) -> str:
    """The processors on the same core as this one; the processor itself if that is not known."""
    try:
        return (_CPUS / f"cpu{cpu}" / "topology" / "thread_siblings_list").read_text(encoding="ascii")
    except OSError:
        return str(cpu)


def _quota() -> int:
    """Processors that a container may use, rounded up; more than there are if it is not limited."""
    try:
        quota, period = _QUOTA.read_text(encoding="ascii").split()
        return -(-int(quota) // int(period))
    except (OSError, ValueError):  # another system, or "max"
        return sys.maxsize


def choose_device(device: str) -> str:
    """The device, or for `auto` the first of cuda, mps and cpu that is there.

    Raises:
        ModelError: it is not there.
    """
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    available = [name for name, is_there in there.items() if is_there]
    if device == "auto":
        return available[0]
    numbered = [f"cuda:{number}" for number in range(torch.cuda.device_count())] if there["cuda"] else []
    if device not in (*available, *numbered):
        raise ModelError(
            f"the device {device!r} is not available here: take {', '.join(available)}, or auto for the first of these"
        )
    return device


def computes_bfloat16() -> bool:
    """Whether torch multiplies bfloat16 by the processor's own instructions; emulated, it is slower than float32."""
    import torch

    return has_bfloat16() and bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]


def has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 natively; on Linux alone, since torch uses it nowhere else."""
    return not _BFLOAT16_FLAGS.isdisjoint(_processor_flags())


def openblas_kernels() -> str | None:
    """What OpenBLAS calls its fastest kernels that this processor has, of x86-64 on Linux; `None` for any other."""
    flags = _processor_flags()
    return next((name for name, needed in _OPENBLAS_KERNELS.items() if needed <= flags), None)


def _processor_flags() -> set[str]:
    """What the processor can do, as Linux calls it; none elsewhere."""
    try:
        lines = _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    return set(next((line for line in lines if line.startswith(("flags", "Features"))), "").split())
