"""Why the sandbox gave a file up, in the words of its failures; what notices it is elsewhere."""

import errno
import signal

from semsearch.types import Limits

_CAUSE_CHARACTERS = 200
_DAMAGED = "it may be damaged: save it anew, or leave it out"


def over_memory(limits: Limits) -> str:
    """Resident memory, or what may be reserved of it."""
    memory = f"{limits.memory_bytes / (1 << 20):,.0f} MiB"
    return f"needed more than {memory} of memory to parse (limit: memory_bytes); split it, or raise the limit"


def over_cpu(limits: Limits) -> str:
    """Processor time."""
    spent = f"{limits.cpu_seconds:,} s"
    return f"took more than {spent} of processor time to parse (limit: cpu_seconds); split it, or raise the limit"


def over_time(limits: Limits) -> str:
    """Wall time."""
    return f"took more than {limits.seconds:,} s to parse (limit: seconds); split it, or raise the limit"


def over_text(characters: int, limits: Limits) -> str:
    """Length of a document's text."""
    most = f"{limits.text_characters:,}"
    return (
        f"has a text of {characters:,} characters, above {most} (limit: text_characters); split it, or raise the limit"
    )


def raised(error: Exception, limits: Limits) -> str:
    """An exception that a reader let pass."""
    match error:
        case OSError(errno=errno.EFBIG):
            most = f"{limits.written_bytes:,}"
            return f"made its parser write more than {most} bytes to a file (limit: written_bytes); {_DAMAGED}"
        case MemoryError() | OSError(errno=errno.ENOMEM):
            return over_memory(limits)
        case OSError(errno=errno.EPERM):
            return "needs a program or the network, which no parser may use; convert it to another format"
        case OSError():
            return f"cannot be read: {error.strerror or error}; check its permissions, then add it again"
        case RecursionError():
            return "is nested too deeply for its parser; flatten it, or leave it out"
        case _:
            cause = " ".join(f"{type(error).__name__}: {error}".split())
            return f"broke its parser ({cause[:_CAUSE_CHARACTERS].rstrip(':')}); {_DAMAGED}"


def ended(code: int, limits: Limits) -> str:
    """The worker's end while it parsed; `code` is negative for a signal, as subprocess has it."""
    if code == -signal.SIGXCPU:
        return over_cpu(limits)
    if code == -signal.SIGKILL:
        return (
            "had its parser killed from outside, as systems do that run out of memory; add it again with fewer workers"
        )
    if code >= 0:
        return f"ended its parser (exit code {code}); {_DAMAGED}"
    return f"crashed its parser ({_signal_name(-code)}); {_DAMAGED}"


def broke_protocol(problem: str) -> str:
    """An answer that no worker gives by itself."""
    return f"made its parser send what is no answer ({problem}); it may be hostile: leave it out"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
