"""What runs inside a sandbox: parses the files that it is asked for, one after the other, until its input is closed.

It is started by `process`, and imports no models and no store. All that goes wrong with a file becomes its failure
here, as long as this process lives; what it does not survive is its parent's to explain.
"""

import json
import os
from collections.abc import Iterator, Mapping
from importlib import import_module
from io import FileIO
from pathlib import Path

from semsearch.ingest.readers.contract import FoundFile, Reader
from semsearch.ingest.sandbox.confinement import allow_cpu, confine
from semsearch.ingest.sandbox.frames import (
    Bounds,
    Frame,
    FrameError,
    file_of,
    item_frame,
    packed,
    read_frame,
    write_all,
)
from semsearch.ingest.sandbox.reasons import over_text, raised
from semsearch.types import Document, Failure, Limits


def main(start: str) -> None:
    """Parse files until the pipe of requests is closed; `start` is JSON with `limits`, `folder` and `registry`."""
    settings = json.loads(start)
    requests, answers = _take_pipes()
    limits = Limits(**settings["limits"])
    bounds = Bounds.of(limits)
    enforced = confine(limits, Path(settings["folder"]))
    readers: Mapping[str, Reader] = import_module(settings["registry"]).READERS
    write_all(answers, packed(Frame({"is": "ready", "enforced": enforced}), bounds))
    with FileIO(requests) as source:
        while (request := read_frame(source, bounds)) is not None:
            file = file_of(request)
            allow_cpu(limits.cpu_seconds)
            for message in _messages(readers, file, limits):
                write_all(answers, message)


def _take_pipes() -> tuple[int, int]:
    """Keep the pipes, and put nothing and the log in their old places: what a parser prints is no answer."""
    requests, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, answers


def _messages(readers: Mapping[str, Reader], file: FoundFile, limits: Limits) -> Iterator[bytes]:
    bounds = Bounds.of(limits)
    try:
        for item in readers[file.path.suffix.lower()].read(file, limits):
            yield _packed_item(item, file, limits)
    except Exception as error:  # whatever a parser raises, the file has caused it
        yield packed(item_frame(Failure(str(file.path), raised(error, limits), file.document_id)), bounds)
    yield packed(Frame({"is": "done"}), bounds)


def _packed_item(item: Document | Failure, file: FoundFile, limits: Limits) -> bytes:
    """One item, or why it cannot be handed on; those after it still come."""
    bounds = Bounds.of(limits)
    try:
        if isinstance(item, Document) and len(item.text) > limits.text_characters:
            item = Failure(str(file.path), over_text(len(item.text), limits), item.id)
        return packed(item_frame(item), bounds)
    except FrameError as error:
        reason = f"was read as something that cannot be stored: it {error}; split it, or leave it out"
        document_id = item.id if isinstance(item, Document) else file.document_id
        return packed(item_frame(Failure(str(file.path), reason, document_id)), bounds)
