"""Errors as the command line tells them: message, exit code, JSON; the errors themselves are in semsearch.errors."""

import sys
import traceback

import typer

from semsearch.cli.output import print_json, print_note
from semsearch.errors import ConfigError, ConflictError, InvalidRequestError, NotFoundError, SemsearchError

USERS_MISTAKE, FAILED, INTERRUPTED, CLOSED_PIPE = 2, 1, 130, 141  # the last two as the shell counts: 128 + signal
_MISTAKES = (ConfigError, InvalidRequestError, NotFoundError, ConflictError, typer.TyperException)


def exit_code(error: BaseException) -> int:
    """2 for the user's mistake, 130 for Ctrl-C, 1 for everything else."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    return USERS_MISTAKE if isinstance(error, _MISTAKES) else FAILED


def report_error(error: BaseException, *, as_json: bool, debug: bool) -> int:
    """Tell on stderr what went wrong, with the traceback for `debug`; as JSON on stdout too if asked; the exit code."""
    message = "\n".join([_message(error), *getattr(error, "__notes__", [])])
    if debug:
        print("".join(traceback.format_exception(error)), end="", file=sys.stderr)
    print_note(message)
    if as_json:
        print_json({"error": {"type": type(error).__name__, "message": message}})
    return exit_code(error)


def _message(error: BaseException) -> str:
    match error:
        case KeyboardInterrupt():
            return "interrupted: everything committed so far is kept"
        case typer.TyperException():
            return _usage_message(error)
        case SemsearchError() | OSError():
            return str(error)
        case _:
            return f"{type(error).__name__}: {error} (a bug of semsearch: --debug before the command shows where)"


def _usage_message(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)  # which command was being read, as far as that was known
    hint = "" if context is None else f"\n{context.get_usage()}\n{context.command_path} --help says more"
    return error.format_message() + hint
