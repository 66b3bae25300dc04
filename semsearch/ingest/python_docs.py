"""Makes documents of the docstrings of the standard library of the Python that runs this.

Public is what a module names in `__all__`, and without that what does not begin with an underscore.
Modules written in Python are read as source and never imported; those written in C have no source, so they are imported
and asked. What a public module takes from a private one (`deque` from `_collections`) is documented as its own.
"""

import ast
import importlib.util
import inspect
import pkgutil
import sys
import sysconfig
import warnings
from collections.abc import Iterator
from importlib.machinery import BuiltinImporter, ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from semsearch.types import Document

# Easter eggs, examples, programs, tables, and the standard library's own tests: nothing that one looks up.
_LEFT_OUT = frozenset({
    "antigravity", "distutils", "encodings", "ensurepip", "idle_test", "idlelib", "lib2to3", "pydoc_data", "test",
    "tests", "this", "turtledemo", "venv", "xxlimited", "xxlimited_35", "xxsubtype",
})  # fmt: skip
_IMPLEMENTATIONS = frozenset({"nt", "posix"})  # of `os`, under whose name people know them


class _Entry(NamedTuple):
    name: str  # below the module; empty for the module itself
    kind: str
    docstring: str | None


def read_python_docs() -> Iterator[Document]:
    """Yield a document for each public module, class, function and method with a docstring, sorted by qualified name.

    Raises SyntaxError or OSError if the standard library cannot be read.
    """
    documents: dict[str, Document] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of modules that a later Python leaves out
        for spec in _public_modules():
            for entry in _entries(spec):
                if entry.docstring and not entry.docstring.isspace():
                    document = _document(spec.name, entry)
                    documents.setdefault(document.id, document)  # the first one of a function's variants
    yield from (documents[name] for name in sorted(documents))


def _document(module: str, entry: _Entry) -> Document:
    name = f"{module}.{entry.name}" if entry.name else module
    return Document(
        id=name,
        text=inspect.cleandoc(entry.docstring or ""),
        metadata={"module": module, "kind": entry.kind},
        title=name,
        source=f"Python {sys.version_info.major}.{sys.version_info.minor} {module}",
    )


def _public_modules() -> Iterator[ModuleSpec]:
    pending = sorted(sys.stdlib_module_names)
    while pending:
        name = pending.pop()
        if _is_private(name) or not (spec := _find(name)):  # none: it belongs to another platform
            continue
        yield spec
        pending += [f"{name}.{module.name}" for module in pkgutil.iter_modules(spec.submodule_search_locations or [])]


def _is_private(module: str) -> bool:
    return any(part.startswith("_") or part in _LEFT_OUT for part in module.split(".")) or module in _IMPLEMENTATIONS


def _find(module: str) -> ModuleSpec | None:
    """Find a module of the standard library as an import would, but import nothing, its packages included."""
    if spec := BuiltinImporter.find_spec(module):
        return spec
    package, _, _ = module.rpartition(".")
    if not package:
        stdlib = sysconfig.get_path("stdlib")
        return PathFinder.find_spec(module, [stdlib, f"{stdlib}/lib-dynload"])
    parent = _find(package)
    return parent and PathFinder.find_spec(module, parent.submodule_search_locations or [])


def _entries(spec: ModuleSpec) -> Iterator[_Entry]:
    tree = _parse(spec)
    if not tree:
        yield from _compiled_entries(spec)
        return
    exported = _exported(tree)
    for entry in _source_entries(tree):
        if not entry.name or exported is None or entry.name.partition(".")[0] in exported:
            yield entry
    for statement in _statements(tree):
        if isinstance(statement, ast.ImportFrom) and (lender := _find_lender(spec, statement)):
            yield from _borrowed_entries(lender, statement)


def _exported(tree: ast.Module) -> set[str] | None:
    """The names in a module's `__all__`; `None` if it has none, or puts it together when it runs."""
    names: set[str] = set()
    for statement in _statements(tree):
        match statement:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                pass
            case ast.AugAssign(target=ast.Name(id="__all__"), value=value):
                pass
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="__all__")), args=[value])):
                pass
            case _:
                continue
        try:
            added = ast.literal_eval(value)
        except ValueError:
            return None
        names |= {added} if isinstance(added, str) else set(added)
    return names or None


def _parse(spec: ModuleSpec) -> ast.Module | None:
    """Read a module's source; `None` if it is written in C."""
    return ast.parse(Path(spec.origin).read_bytes()) if spec.origin and spec.origin.endswith(".py") else None


def _source_entries(tree: ast.Module) -> Iterator[_Entry]:
    yield _Entry("", "module", ast.get_docstring(tree))
    yield from _definitions(tree, "", "function")


def _definitions(owner: ast.AST, prefix: str, kind: str) -> Iterator[_Entry]:
    for statement in _statements(owner):
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        name = f"{prefix}{statement.name}"
        if statement.name.startswith("_"):
            continue
        if isinstance(statement, ast.ClassDef):
            yield _Entry(name, "class", ast.get_docstring(statement))
            yield from _definitions(statement, f"{name}.", "method")
        else:
            yield _Entry(name, kind, ast.get_docstring(statement))


def _statements(owner: ast.AST) -> Iterator[ast.stmt]:
    """Yield what a module or a class consists of, that under conditions included."""
    for node in ast.iter_child_nodes(owner):
        if isinstance(node, ast.If | ast.Try | ast.ExceptHandler | ast.With | ast.For | ast.While):
            yield from _statements(node)
        elif isinstance(node, ast.stmt):
            yield node


def _find_lender(borrower: ModuleSpec, statement: ast.ImportFrom) -> ModuleSpec | None:
    """Find the private module that a public one imports names from."""
    package = borrower.name if borrower.submodule_search_locations is not None else borrower.parent
    module = importlib.util.resolve_name("." * statement.level + (statement.module or ""), package)
    return _find(module) if _is_private(module) else None


def _borrowed_entries(lender: ModuleSpec, statement: ast.ImportFrom) -> Iterator[_Entry]:
    names = {alias.name: alias.asname or alias.name for alias in statement.names}
    tree = _parse(lender)
    for entry in _source_entries(tree) if tree else _compiled_entries(lender):
        outer, dot, inner = entry.name.partition(".")
        name = names.get(outer, outer if "*" in names else "")
        if name and not name.startswith("_"):
            yield entry._replace(name=f"{name}{dot}{inner}")


def _compiled_entries(spec: ModuleSpec) -> Iterator[_Entry]:
    try:
        module = sys.modules.get(spec.name) or _load(spec)
    except ImportError:  # it needs a system library that is not installed, so that nobody here can use it either
        return
    yield _Entry("", "module", module.__doc__)
    for name, value in vars(module).items():
        if name.startswith("_") or getattr(value, "__name__", None) != name:  # an alias, such as IOError
            continue
        if inspect.isclass(value):
            yield _Entry(name, "class", value.__doc__)
            methods = [key for key, method in vars(value).items() if inspect.isroutine(method) and key[0] != "_"]
            yield from (_Entry(f"{name}.{key}", "method", getattr(value, key).__doc__) for key in methods)
        elif inspect.isbuiltin(value):
            yield _Entry(name, "function", value.__doc__)


def _load(spec: ModuleSpec) -> ModuleType:
    """Import a module from where it was found, whatever else on the path has its name."""
    module = importlib.util.module_from_spec(spec)
    if spec.loader:
        spec.loader.exec_module(module)
    return module
