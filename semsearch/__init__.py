"""semsearch: find documents by meaning.

Names are imported when they are first asked for, so that `import semsearch` loads neither numpy nor SQLAlchemy, and no
model code.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from semsearch import errors
    from semsearch.collection import Collection
    from semsearch.errors import SemsearchError
    from semsearch.reports import AddReport
    from semsearch.types import Chunking, Context, Document, Hit, Limits, Place, SearchResult

__version__ = "0.1.0"
__all__ = [
    "AddReport",
    "Chunking",
    "Collection",
    "Context",
    "Document",
    "Hit",
    "Limits",
    "Place",
    "SearchResult",
    "SemsearchError",
    "errors",
]

_HOMES = {"AddReport": "semsearch.reports", "Collection": "semsearch.collection", "SemsearchError": "semsearch.errors"}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'semsearch' has no attribute {name!r}")
    if name == "errors":
        return import_module("semsearch.errors")
    return getattr(import_module(_HOMES.get(name, "semsearch.types")), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
