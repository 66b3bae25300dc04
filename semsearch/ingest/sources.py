"""Reads the documents that a recipe names; how each source is read is in the modules beside this one."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from semsearch.config import ChunkingTable, FilesSource, PythonDocsSource, Recipe
from semsearch.errors import ConfigError
from semsearch.ingest import reading
from semsearch.ingest.items import Item
from semsearch.ingest.python_docs import read_python_docs
from semsearch.ingest.sync import Sync
from semsearch.types import Failure


def load_recipe(path: Path) -> Recipe:
    """Read a recipe; raises ConfigError that names the file, the key, its value and what is allowed."""
    try:
        return Recipe.read(path)
    except OSError as error:
        raise ConfigError(f"the recipe {path} cannot be read: {error.strerror}; check its path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the recipe {path} is not TOML: {error}; correct it") from error
    except ValidationError as error:
        raise ConfigError(f"the recipe {path} cannot be used: {'; '.join(map(_explained, error.errors()))}") from error


def source_items(recipe: Recipe, sync: Sync) -> Iterator[Item]:
    """Yield the documents of all sources in their order, and those of files only where a file has changed."""
    for source in recipe.sources:
        if isinstance(source, FilesSource):
            yield from sync.items(source.paths)
        else:
            yield from read_python_docs()


def count_sources(recipe: Recipe, *, base: Path, images: bool = False) -> int | None:
    """Count the documents to come, for a progress bar; `None` if a source cannot tell without reading everything."""
    paths = _paths(recipe)
    return None if paths is None else reading.count_documents(paths, base=base, images=images)


def failures_only(recipe: Recipe, *, base: Path, images: bool = False) -> list[Failure] | None:
    """Why there is nothing to be read from the sources; `None` if there is something."""
    paths = _paths(recipe)
    return None if paths is None else reading.failures_only(paths, base=base, images=images)


def _paths(recipe: Recipe) -> list[str] | None:
    """Of all sources; `None` if one is no files."""
    files = [source for source in recipe.sources if isinstance(source, FilesSource)]
    return [path for source in files for path in source.paths] if len(files) == len(recipe.sources) else None


def _explained(error: ErrorDetails) -> str:
    place, value = ".".join(map(str, error["loc"])), error["input"]
    if error["type"] == "missing":
        return f"{place} is missing"
    if error["type"] == "extra_forbidden":
        model = _MODELS.get(error["loc"][-2], Recipe) if len(error["loc"]) > 1 else Recipe
        return f"{place} = {value!r} is not understood; the keys here are: {', '.join(model.model_fields)}"
    return f"{place} = {value!r} is wrong: {error['msg']}"


_MODELS: dict[int | str, type[BaseModel]] = {
    "files": FilesSource,
    "python-docs": PythonDocsSource,
    "chunking": ChunkingTable,
}
