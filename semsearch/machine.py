"""How many threads are worth it on this machine; what they do is not known here."""

import functools
import os
import sys
from pathlib import Path

_CPUS = Path("/sys/devices/system/cpu")
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


@functools.cache
def cores() -> int:
    """Physical cores that this process may use: two threads on one core only get in each other's way."""
    usable = os.sched_getaffinity(0) if sys.platform == "linux" else range(os.cpu_count() or 1)
    physical = {_siblings(cpu) for cpu in usable}
    return max(1, min(len(physical), _quota()))


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
