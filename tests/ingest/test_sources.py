"""Recipes: what they name is read, and what is wrong with one is said."""

from pathlib import Path

import pytest

from semsearch.errors import ConfigError
from semsearch.ingest import sources
from semsearch.ingest.reading import Reading
from semsearch.ingest.sources import count_sources, load_recipe, source_items
from semsearch.ingest.sync import Sync
from semsearch.store.documents import DocumentStore
from semsearch.store.records import CollectionSpec
from semsearch.types import Document, Limits

FILES = '[[sources]]\ntype = "files"\npaths = ["texts", "more/*.txt"]\n'
PYTHON_DOCS = '[[sources]]\ntype = "python-docs"\n'


def write(folder: Path, content: str) -> Path:
    path = folder / "handbook.toml"
    path.write_text(content)
    return path


@pytest.fixture
def base(tmp_path: Path) -> Path:
    for name in ("texts/a.txt", "more/b.txt"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("text")
    return tmp_path


def ids_of(text: str, base: Path) -> list[str]:
    """Of the documents that a recipe's sources give to an empty collection."""
    store = DocumentStore.create(base / "empty", CollectionSpec(2))
    with Reading(Limits()) as reading:
        items = list(source_items(load_recipe(write(base, text)), Sync(store, reading, base=base)))
    store.close()
    return [item.id for item in items if isinstance(item, Document)]


def test_relative_paths_start_at_the_recipes_folder(base: Path) -> None:
    assert ids_of(FILES, base) == ["texts/a.txt", "more/b.txt"]
    assert count_sources(load_recipe(write(base, FILES)), base=base) == 2


def test_the_sources_come_in_their_order(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "read_python_docs", lambda: iter([Document(id="json", text="doc")]))
    assert ids_of(PYTHON_DOCS + FILES, base) == ["json", "texts/a.txt", "more/b.txt"]


def test_what_cannot_be_counted_without_reading_has_no_count(base: Path) -> None:
    assert count_sources(load_recipe(write(base, FILES + PYTHON_DOCS)), base=base) is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("sources = ", "is not TOML: "),
        ("", "cannot be used: sources is missing"),
        ("sources = []", "sources = [] is wrong: List should have at least 1 item"),
        ('[[sources]]\ntype = "files"\npaths = ["-"]', "a recipe cannot read standard input"),
        ('[[sources]]\ntype = "web"', "'web' found using 'type' does not match any of the expected tags: 'files', "),
        ("[[sources]]\npaths = ['a']", "sources.0 = {'paths': ['a']} is wrong: Unable to extract tag"),
        (
            'colour = "red"\n' + FILES,
            "colour = 'red' is not understood; the keys here are: name, model, precision, chunking, sources",
        ),
        (FILES + "deep = 1", "sources.0.files.deep = 1 is not understood; the keys here are: type, paths"),
        (PYTHON_DOCS + "paths = []", "sources.0.python-docs.paths = [] is not understood; the keys here are: type"),
        ('name = "a/b"\n' + FILES, "name = 'a/b' is wrong: String should match pattern"),
        ("model = 5\n" + FILES, "model = 5 is wrong: Input should be a valid string"),
        ('chunking = "code"\n' + FILES, "chunking = 'code' is wrong: Input should be a valid dictionary"),
        (
            FILES + '[chunking]\nmethod = "words"',
            "chunking.method = 'words' is wrong: Input should be 'tokens', 'sentences', ",
        ),
        (
            FILES + "[chunking]\nsize = 5",
            "chunking.size = 5 is not understood; the keys here are: method, tokens, overlap",
        ),
    ],
)
def test_a_wrong_recipe_is_refused_with_its_path_key_and_value(tmp_path: Path, content: str, message: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(ConfigError) as caught:
        load_recipe(path)
    assert str(caught.value).startswith(f"the recipe {path} ")
    assert message in str(caught.value)


def test_every_mistake_in_a_recipe_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="model = 5 is wrong.*; sources is missing"):
        load_recipe(write(tmp_path, "model = 5"))


def test_a_missing_recipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file or directory"):
        load_recipe(tmp_path / "none.toml")


def test_a_recipe_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(b'name = "caf\xe9"')
    with pytest.raises(ConfigError, match="is not TOML"):
        load_recipe(tmp_path / "a.toml")
