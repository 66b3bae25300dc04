"""From what was typed to an open collection: global options, settings, names, paths; nothing is printed here."""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from semsearch.errors import CollectionNotFoundError, ConfigError, InvalidRequestError

if TYPE_CHECKING:
    from pydantic import ValidationError

    from semsearch.collection import Collection
    from semsearch.config import Settings
    from semsearch.types import Chunking, Limits


@dataclass(slots=True)
class Shelf:
    """The folder of collections as the options in front of the command describe it; `None` is what the settings say."""

    indexes: Path | None = None
    device: str | None = None
    search_device: str | None = None
    reranker: str | None = None
    debug: bool = False

    @classmethod
    def of(cls, context: typer.Context) -> "Shelf":
        """The shelf that this command line names."""
        return context.ensure_object(cls)

    def settings(self) -> "Settings":
        """The environment, overridden by the options; raises ConfigError."""
        from pydantic import ValidationError

        from semsearch.config import Settings

        names = ("indexes", "device", "search_device", "reranker")
        given: dict[str, Any] = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        try:
            return Settings(**given)
        except ValidationError as error:
            raise ConfigError(_settings_message(error, given)) from error

    def limits(self) -> "Limits":
        """What one file may cost."""
        from semsearch.types import Limits

        return Limits(document_bytes=self.settings().max_document_bytes)

    def path(self, name: str) -> Path:
        """The directory of a collection; a name with a / is one already, whether it exists or not.

        Raises:
            InvalidRequestError: it cannot be a collection's name.
        """
        from semsearch.config import NAME_PATTERN

        if "/" in name:
            return Path(name)
        if not re.fullmatch(NAME_PATTERN, name):
            raise InvalidRequestError(
                f"COLLECTION is {name!r:.80}; a name has up to 64 letters, digits, '_', '.' and '-' and begins with a "
                "letter or a digit; the path of a collection has a / in it"
            )
        return self.settings().indexes / name

    def open(self, name: str, *, model: str | None = None) -> "Collection":
        """Open a collection, with its model from elsewhere if `model` says so; raises what Collection.open does."""
        from semsearch.collection import Collection

        with self.naming_others():
            settings = self.settings()
            return Collection.open(
                self.path(name),
                model=model,
                device=settings.device,
                search_device=settings.search_device,
                reranker=settings.reranker,
            )

    def create(
        self,
        name: str,
        *,
        model: str | None = None,
        dim: int | None = None,
        images: str | None = None,
        image_size: int | None = None,
        target_recall: float,
        chunking: "Chunking | None" = None,
        precision: str,
    ) -> "Collection":
        """Create a collection; raises what Collection.create does."""
        from semsearch.collection import Collection

        settings = self.settings()
        return Collection.create(
            self.path(name),
            model=model,
            dim=dim,
            images=images,
            image_size=image_size,
            target_recall=target_recall,
            chunking=chunking,
            precision=precision,
            device=settings.device,
            search_device=settings.search_device,
        )

    @contextlib.contextmanager
    def naming_others(self) -> Iterator[None]:
        """Have a CollectionNotFoundError tell which collections there are."""
        try:
            yield
        except CollectionNotFoundError as error:
            from semsearch.store.documents import list_collections

            indexes = self.settings().indexes
            names = ", ".join(list_collections(indexes))
            error.add_note(f"collections in {indexes}: {names}" if names else f"there are no collections in {indexes}")
            raise


def _settings_message(error: "ValidationError", given: dict[str, Any]) -> str:
    problem = error.errors()[0]
    name = str(problem["loc"][0])
    source = f"--{name.replace('_', '-')}" if name in given else f"SEMSEARCH_{name.upper()}"
    return f"{source} is {problem['input']!r:.80}: {problem['msg']}"
