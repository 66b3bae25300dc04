"""The standard library's docstrings as documents: real ones, and those of a library made for the test."""

import inspect
import json
import pathlib
import sys
import sysconfig
from collections import Counter, deque
from pathlib import Path

import pytest

from semsearch.ingest.python_docs import read_python_docs
from semsearch.types import Document


@pytest.fixture(scope="module")
def library() -> dict[str, Document]:
    documents = list(read_python_docs())
    assert [document.id for document in documents] == sorted({document.id for document in documents})
    return {document.id: document for document in documents}


def test_there_are_some_thousand_documents_of_each_kind(library: dict[str, Document]) -> None:
    kinds = Counter(document.metadata["kind"] for document in library.values())  # 3.11: 332, 1218, 1963, 3579
    assert set(kinds) == {"module", "class", "function", "method"}
    assert kinds["module"] > 200
    assert min(kinds["class"], kinds["function"], kinds["method"]) > 1_000
    assert sum(len(document.text) for document in library.values()) > 1_000_000


def test_a_document_has_the_docstring_and_says_what_and_where_it_is(library: dict[str, Document]) -> None:
    assert library["json.dumps"] == Document(
        id="json.dumps",
        text=inspect.getdoc(json.dumps) or "",
        metadata={"module": "json", "kind": "function"},
        title="json.dumps",
        source=f"Python {sys.version_info.major}.{sys.version_info.minor} json",
    )


@pytest.mark.parametrize(
    ("name", "kind", "subject"),
    [
        ("json", "module", json),
        ("math", "module", sys.modules["math"]),
        ("pathlib.Path", "class", pathlib.Path),  # since 3.13 from the private pathlib._local
        ("pathlib.Path.glob", "method", pathlib.Path.glob),
        ("builtins.str.split", "method", str.split),
        ("builtins.dict.fromkeys", "method", dict.fromkeys),
        ("builtins.str.maketrans", "method", str.maketrans),
        ("sys.getsizeof", "function", sys.getsizeof),
        ("collections.deque", "class", deque),  # from the private _collections
        ("collections.deque.append", "method", deque.append),
    ],
)
def test_functions_classes_and_methods_of_python_and_of_c_are_there(
    library: dict[str, Document], name: str, kind: str, subject: object
) -> None:
    assert library[name].text == inspect.getdoc(subject)
    assert library[name].metadata["kind"] == kind


def test_nothing_private_no_test_and_no_alias_is_there(library: dict[str, Document]) -> None:
    assert not [name for name in library if any(part.startswith("_") for part in name.split("."))]
    packages = {part for document in library.values() for part in document.metadata["module"].split(".")}
    assert not packages & {"test", "tests", "idlelib", "antigravity", "this", "posix"}
    assert "builtins.IOError" not in library


def test_no_document_is_blank(library: dict[str, Document]) -> None:
    assert all(document.text.strip() for document in library.values())


def test_python_modules_are_read_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "alpha.py": '"""Alpha."""\nraise SystemExit\ndef f():\n  """  F.\n\n    more\n  """\n',
        "pack/__init__.py": '"""Pack."""\nfrom ._inner import Thing, hidden as _hidden, other as another\nexit()\n',
        "pack/_inner.py": 'class Thing:\n  """Thing."""\n  async def m(self): "M."\n  def _p(self): "P."\n'
        'def hidden(): "H."\ndef other(): "O."\ndef unasked(): "U."\n',
        "pack/deep/__init__.py": "",
        "pack/deep/leaf.py": '"""Leaf."""\nclass _Private:\n  """P."""\n  def public(self): "No."\n',
        "pack/tests/__init__.py": '"""Tests."""',
        "branches.py": 'try:\n  from _none import f\nexcept ImportError:\n  def f(): "First."\n'
        'if 1:\n  def g(): pass\nelse:\n  def g(): "Second."\ndef f(): "Third."\n',
        "unlisted.py": '"""Unlisted."""',
    }
    for name, source in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(source)
    monkeypatch.setattr(sysconfig, "get_path", lambda name: {"stdlib": str(tmp_path)}[name])
    monkeypatch.setattr(sys, "stdlib_module_names", frozenset({"alpha", "pack", "branches", "winreg"}))
    assert {document.id: document.text for document in read_python_docs()} == {
        "alpha": "Alpha.",
        "alpha.f": "F.\n\nmore",
        "branches.f": "First.",
        "branches.g": "Second.",
        "pack": "Pack.",
        "pack.Thing": "Thing.",
        "pack.Thing.m": "M.",
        "pack.another": "O.",
        "pack.deep.leaf": "Leaf.",
    }
