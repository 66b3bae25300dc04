"""Takes from the process that calls it what a parser has no use for; there is no way back, and nothing is parsed here.

Each step that the system refuses is left out, and the words returned name the steps taken. What goes beyond the limits
of POSIX is for Linux: network and other processes are denied by a seccomp filter, which needs no rights and works in
containers, where network namespaces mostly do not; writing by Landlock, of Linux 5.13.
"""

import contextlib
import ctypes
import errno
import os
import platform
import resource
import signal
import struct
import sys
import time
from pathlib import Path
from typing import NamedTuple

from semsearch.types import Limits

_OPEN_FILES = 64
_SPARE_ADDRESSES = 1 << 30  # libraries reserve far more than they use; the sandbox watches what is used


def confine(limits: Limits, folder: Path) -> list[str]:
    """Deny this process, and what it may start, whatever can be denied; `folder` is the one it may write to.

    Returns:
        What holds from now on, of `file_size`, `network`, `processes` and `writes`.
    """
    _set_limits(limits)
    enforced = ["file_size"]
    if sys.platform != "linux":
        return enforced
    _be_first_to_go()
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return enforced
    if _deny_calls(libc):
        enforced += ["network", "processes"]
    if _deny_writes(libc, folder):
        enforced.append("writes")
    return enforced


def allow_cpu(seconds: int) -> None:
    """Let this process use that many more seconds of processor time, and one for the rounding."""
    _lower(resource.RLIMIT_CPU, int(time.process_time()) + seconds + 1, for_good=False)


def _set_limits(limits: Limits) -> None:
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _lower(resource.RLIMIT_FSIZE, limits.written_bytes)
    if sys.platform == "linux":  # elsewhere it is refused, or means something else
        _lower(resource.RLIMIT_AS, 2 * limits.memory_bytes + _SPARE_ADDRESSES)


def _be_first_to_go() -> None:
    """Where memory runs out all the same, have the system kill this process, and not the one that holds the model."""
    with contextlib.suppress(OSError):
        descriptor = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        os.write(descriptor, b"1000")
        os.close(descriptor)


def _lower(which: int, value: int, *, for_good: bool = True) -> None:
    _, hard = resource.getrlimit(which)
    soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (soft, soft if for_good else hard))


# seccomp: https://docs.kernel.org/userspace-api/seccomp_filter.html

_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_SECCOMP_MODE_FILTER = 2
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # where a call lies in what the filter sees
_X32 = 0x40000000  # from here on: the same calls by other numbers
_CLONE_THREAD = 0x10000


class _Machine(NamedTuple):
    """The numbers of system calls."""

    architecture: int
    refused: tuple[int, ...]
    clone: int
    clone3: int = 435


_MACHINES = {  # refused: socket, io_uring_setup (which has sockets of its own), execve, execveat, and fork and vfork
    "x86_64": _Machine(0xC000003E, (41, 425, 59, 322, 57, 58), clone=56),
    "aarch64": _Machine(0xC00000B7, (198, 425, 221, 281), clone=220),
}


def _deny_calls(libc: ctypes.CDLL) -> bool:
    """Refuse sockets, other programs and other processes; threads are allowed."""
    machine = _MACHINES.get(platform.machine())
    if machine is None or sys.maxsize < 1 << 32:  # a 32-bit Python calls by other numbers
        return False
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in _filter(machine))
    instructions = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HP", len(code) // 8, ctypes.addressof(instructions))
    done: int = libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, program, 0, 0)
    return done == 0


def _filter(machine: _Machine) -> list[tuple[int, int, int, int]]:
    """Give the instructions: what they do, how many to skip if it holds, and if it does not, and a number."""
    refuse = (_RETURN, 0, 0, _REFUSE | errno.EPERM)
    code = [(_LOAD, 0, 0, _ARCHITECTURE), (_IF_EQUAL, 1, 0, machine.architecture), refuse, (_LOAD, 0, 0, _NUMBER)]
    code += [(_IF_AT_LEAST, 0, 1, _X32), refuse]
    for number in machine.refused:
        code += [(_IF_EQUAL, 0, 1, number), refuse]
    # what its arguments point to cannot be seen; told that there is no such call, the C library takes `clone`
    code += [(_IF_EQUAL, 0, 1, machine.clone3), (_RETURN, 0, 0, _REFUSE | errno.ENOSYS)]
    code += [
        (_IF_EQUAL, 0, 3, machine.clone),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_IF_ANY_BIT, 1, 0, _CLONE_THREAD),
        refuse,
    ]
    return [*code, (_RETURN, 0, 0, _ALLOW)]


# Landlock: https://docs.kernel.org/userspace-api/landlock.html

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every machine
_WRITE_FILE, _REFER, _TRUNCATE = 1 << 1, 1 << 13, 1 << 14
_CHANGES = _WRITE_FILE | sum(1 << bit for bit in range(4, 13))  # and making and removing, of each kind of file
_SCOPES = 0b11  # no signals to other processes, no abstract sockets of theirs


def _deny_writes(libc: ctypes.CDLL, folder: Path) -> bool:
    """Refuse to make, change or remove files outside `folder`, and to signal or trace other processes."""
    version: int = libc.syscall(_CREATE_RULESET, None, 0, 1)
    if version < 1:
        return False
    changes = _CHANGES | (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    attributes = struct.pack("QQQ", changes, 0, _SCOPES)[: 24 if version >= 6 else 8]
    rules: int = libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    if rules < 0:
        return False
    for path, allowed in ((str(folder), changes), (os.devnull, _WRITE_FILE)):
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        libc.syscall(_ADD_RULE, rules, 1, struct.pack("=Qi", allowed, descriptor), 0)
        os.close(descriptor)
    done: int = libc.syscall(_RESTRICT_SELF, rules, 0)
    os.close(rules)
    return done == 0
