"""What an operator can set: the environment (`SEMSEARCH_*`) and recipes (TOML); read when called, never at import.

Values are checked here; turning pydantic's ValidationError into a message is the caller's.
"""

import os
import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"  # of a collection
DEFAULT_MODEL = "all-MiniLM-L6-v2"


class Settings(BaseSettings):
    """The environment of the command line and of the service."""

    model_config = SettingsConfigDict(env_prefix="SEMSEARCH_", frozen=True)

    indexes: Path = Field(Path("indexes"), description="the folder that holds the collections")
    device: Literal["auto", "cpu", "cuda", "mps"] | Annotated[str, Field(pattern=r"^cuda:\d+$")] = Field(
        "auto",
        description="where models run; cuda takes all GPUs, cuda:1 that one; auto takes cuda, then mps, then cpu",
    )
    search_device: Literal["cpu", "cuda", "auto"] = Field(
        "cpu", description="where vectors are searched and indexes built; auto takes cuda, then cpu"
    )
    reranker: str | None = Field(
        None, description="what searches with rerank go by: the name or the folder of a cross-encoder"
    )
    max_document_bytes: int = Field(10_000_000, ge=1, description="larger documents are refused when they are read")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _is_a_path(text: str) -> str:
    if text == "-":
        raise ValueError("a recipe cannot read standard input")
    return text


class FilesSource(_Strict):
    """Files and folders; relative paths start at the recipe's folder."""

    type: Literal["files"]
    paths: Annotated[list[Annotated[str, AfterValidator(_is_a_path)]], Field(min_length=1)]


class PythonDocsSource(_Strict):
    """The docstrings of the standard library of the Python that runs this."""

    type: Literal["python-docs"]


Source = Annotated[FilesSource | PythonDocsSource, Field(discriminator="type")]


class ChunkingTable(_Strict):
    """How the documents of the collection are cut; which sizes are allowed depends on its model."""

    method: Literal["tokens", "sentences", "headings", "pages", "code"] = "tokens"
    tokens: int | None = None
    overlap: int = 0


class Recipe(_Strict):
    """What `semsearch build` makes a collection from."""

    name: Annotated[str, Field(pattern=f"^{NAME_PATTERN}$")]
    model: str = DEFAULT_MODEL
    precision: Literal["auto", "float32", "bfloat16", "float16", "int8"] = "auto"
    chunking: ChunkingTable = ChunkingTable()
    sources: Annotated[list[Source], Field(min_length=1)]

    @classmethod
    def read(cls, path: Path) -> "Recipe":
        """Read a recipe; raises OSError, tomllib.TOMLDecodeError or pydantic.ValidationError."""
        with path.open("rb") as file:
            values = tomllib.load(file)
        return cls.model_validate({"name": path.stem, **values})


def cache_folder() -> Path:
    """Where what can be made again is kept: SEMSEARCH_CACHE, or else `semsearch` in the user's cache (XDG)."""
    said = os.environ.get("SEMSEARCH_CACHE")
    if said:
        return Path(said)
    user = os.environ.get("XDG_CACHE_HOME")
    return (Path(user) if user else Path.home() / ".cache") / "semsearch"
