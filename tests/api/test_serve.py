"""The service as a process of its own, on a real socket."""

import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from semsearch.collection import Collection

PROGRAM = """
import sys
from pathlib import Path
from semsearch.api.app import serve
from semsearch.config import Settings
serve(Settings(indexes=Path(sys.argv[1])), port=int(sys.argv[2]))
"""


@contextlib.contextmanager
def running(indexes: Path, port: int = 0) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", PROGRAM, str(indexes), str(port)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def port_of(process: subprocess.Popen[str]) -> int:
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"running on http://127\.0\.0\.1:(\d+)", line):
            return int(found[1])
    raise AssertionError("the service ended without saying where it listens")


def asked(port: int, path: str, body: object) -> dict[str, Any]:
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        answered: dict[str, Any] = json.load(answer)
        return answered


def test_the_service_adds_and_finds_over_a_socket_and_ends_when_it_is_terminated(indexes: Path) -> None:
    document = {"id": "z", "text": "upwards", "vector": [0, 0, 1]}
    with running(indexes) as process:
        port = port_of(process)
        assert asked(port, "/v1/collections/vectors/documents", {"documents": [document]})["added"] == 1
        found = asked(port, "/v1/collections/vectors/search", {"vector": [0, 0, 1], "k": 1})
        process.terminate()
        stdout, stderr = process.communicate(timeout=60)
    assert found["hits"][0]["text"] == "upwards"
    assert process.returncode == -signal.SIGTERM
    assert stdout == ""
    assert '"POST /v1/collections/vectors/search HTTP/1.1" 200' in stderr
    assert "Application shutdown complete" in stderr
    with Collection.open(indexes / "vectors") as collection:
        assert collection.remove(["z"]).removed == 1


def test_the_service_listens_on_the_loopback_interface_only(indexes: Path) -> None:
    with running(indexes) as process:
        port = port_of(process)
        with socket.create_connection(("127.0.0.1", port), timeout=10):
            pass
        for address in (socket.gethostbyname(socket.gethostname()), "127.0.0.2"):
            if address != "127.0.0.1":
                with pytest.raises(OSError), socket.create_connection((address, port), timeout=2):
                    pass


def test_a_port_that_is_taken_ends_the_service_and_is_named_in_its_log(indexes: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with running(indexes, port) as process:
            stdout, stderr = process.communicate(timeout=60)
    assert process.returncode > 0
    assert stdout == ""
    assert str(port) in stderr


def test_making_the_service_imports_no_model_library_no_faiss_and_no_server() -> None:
    program = (
        "import sys; from semsearch.api.app import create_app; from semsearch.config import Settings; "
        "create_app(Settings()); "
        "print(sorted({'torch', 'sentence_transformers', 'transformers', 'faiss', 'uvicorn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
