"""semsearch: find documents by meaning."""

from typing import TYPE_CHECKING

from semsearch import errors
from semsearch.errors import SemsearchError
from semsearch.types import AddReport, Context, Document, Hit, SearchResult

if TYPE_CHECKING:
    from semsearch.collection import Collection

__version__ = "0.1.0"
__all__ = ["AddReport", "Collection", "Context", "Document", "Hit", "SearchResult", "SemsearchError", "errors"]


def __getattr__(name: str) -> object:
    """Import the engine when it is first asked for: `import semsearch` loads neither SQLAlchemy nor any model code."""
    if name == "Collection":
        from semsearch.collection import Collection

        return Collection
    raise AttributeError(f"module 'semsearch' has no attribute {name!r}")
