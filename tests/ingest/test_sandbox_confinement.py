"""The seccomp filter, run by an interpreter of its few instructions, for the machines that the tests do not run on."""

import errno
from collections.abc import Sequence

import pytest

from semsearch.ingest.sandbox import confinement

ALLOWED, REFUSED, MISSING = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
X86_64, AARCH64, I386 = 0xC000003E, 0xC00000B7, 0x40000003
THREAD, PROCESS = 0x3D0F00, 0x1200011  # the flags of pthread_create and of fork


def verdict(code: Sequence[tuple[int, int, int, int]], architecture: int, number: int, argument: int = 0) -> int:
    seen = {0: number, 4: architecture, 16: argument}
    position = loaded = 0
    while True:
        operation, if_true, if_false, value = code[position]
        position += 1
        match operation:
            case 0x20:
                loaded = seen[value]
            case 0x15:
                position += if_true if loaded == value else if_false
            case 0x35:
                position += if_true if loaded >= value else if_false
            case 0x45:
                position += if_true if loaded & value else if_false
            case 0x06:
                return value


# the numbers as in asm/unistd_64.h and asm-generic/unistd.h
@pytest.mark.parametrize(
    ("machine", "architecture", "refused", "allowed", "clone"),
    [
        ("x86_64", X86_64, {"socket": 41, "fork": 57, "vfork": 58, "execve": 59, "execveat": 322}, [0, 1, 53, 257], 56),
        ("aarch64", AARCH64, {"socket": 198, "execve": 221, "execveat": 281}, [56, 63, 64, 199], 220),
    ],
)
def test_the_filter_refuses_sockets_programs_and_processes_and_nothing_else(
    machine: str, architecture: int, refused: dict[str, int], allowed: list[int], clone: int
) -> None:
    code = confinement._filter(confinement._MACHINES[machine])
    for name, number in {**refused, "io_uring_setup": 425}.items():
        assert verdict(code, architecture, number) == REFUSED, name
    for number in allowed:
        assert verdict(code, architecture, number) == ALLOWED, number
    assert verdict(code, architecture, clone, THREAD) == ALLOWED
    assert verdict(code, architecture, clone, PROCESS) == REFUSED
    assert verdict(code, architecture, 435) == MISSING


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_calls_by_the_numbers_of_another_machine_are_refused(machine: str) -> None:
    code = confinement._filter(confinement._MACHINES[machine])
    assert verdict(code, I386, 102) == REFUSED
    if machine == "x86_64":
        assert verdict(code, X86_64, 0x40000000 + 41) == REFUSED
