"""The layers of the design, proved by reading the imports."""

import ast
from pathlib import Path

import pytest

import semsearch

PACKAGE = Path(semsearch.__file__).parent
LAYERS = [
    {"types", "errors", "config", "files"},
    {"reports", "machine"},
    {"drawing"},
    {"embedders", "index", "store", "images", "client"},
    {"ingest", "search"},
    {"collection"},
    {"evaluation"},
    {"web", "integrations", "cluster"},
    {"api"},
    {"cli"},
]
HOMES = {
    "faiss": {"index"},
    "sentence_transformers": {"embedders"},
    "transformers": {"embedders"},
    "torch": {"embedders", "index", "images", "machine"},
    "onnxruntime": {"embedders"},
    "onnx": {"embedders"},
    "diffusers": {"images"},
    "sqlalchemy": {"store"},
    "sqlite3": {"store"},
    "fastapi": {"api", "web"},
    "starlette": {"api", "web"},
    "typer": {"cli"},
    "tqdm": {"cli"},
    "ir_measures": {"evaluation"},
    "matplotlib": {"cli", "drawing", "evaluation"},
    "ray": {"cluster"},
}
WRITERS = {
    "write_text",
    "write_bytes",
    "unlink",
    "rename",
    "replace_file",
    "mkdir",
    "rmdir",
    "rmtree",
    "fsync",
    "touch",
}


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    """`store` for store/reader.py, `types` for types.py."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(tree: ast.AST) -> list[str]:
    """Dotted names of all that is imported, wherever in the file."""
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the layer"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def violations(here: str, names: list[str]) -> list[str]:
    layer = {name: number for number, names in enumerate(LAYERS) for name in names}
    found = []
    for name in names:
        top, *rest = name.split(".")
        if top in HOMES and here not in HOMES[top]:
            found.append(f"{here} imports {top}, which belongs to {sorted(HOMES[top])}")
        target = rest[0] if rest else ""
        if top == "semsearch" and target in layer and target != here and layer[target] >= layer[here]:
            found.append(f"{here} imports {target}, which is not below it")
    return found


@pytest.mark.parametrize("path", [path for path in sources() if path.parent != PACKAGE or path.stem[0] != "_"], ids=str)
def test_imports_go_down_and_libraries_stay_in_their_rooms(path: Path) -> None:
    assert violations(room(path), imports(ast.parse(path.read_text()))) == []


@pytest.mark.parametrize(
    ("here", "name"),
    [
        ("types", "semsearch.errors.SemsearchError"),
        ("store", "semsearch.index.exact"),
        ("index", "semsearch.collection"),
        ("search", "semsearch.ingest.pipeline"),
        ("collection", "faiss"),
        ("api", "sqlalchemy.select"),
        ("cli", "torch"),
    ],
)
def test_an_import_that_goes_up_or_sideways_is_noticed(here: str, name: str) -> None:
    assert len(violations(here, [name])) == 1


def test_every_module_has_a_layer() -> None:
    known = set.union(*LAYERS) | {"__init__", "__main__"}
    assert {room(path) for path in sources()} <= known


def test_only_files_py_writes_and_removes_files() -> None:
    found = []
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITERS:
                found.append(f"{room(path)}:{node.lineno}: {node.func.attr}")
    assert [place for place in found if not place.startswith("files:")] == []
    assert len([place for place in found if place.startswith("files:")]) >= 8


def test_nothing_that_runs_code_from_data_is_imported() -> None:
    banned = {"pickle", "marshal", "shelve", "dill", "joblib"}
    for path in sources():
        assert not {name.split(".")[0] for name in imports(ast.parse(path.read_text()))} & banned
