"""How many documents have which values at a metadata key."""

import json
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, case, column, func, select, true

from semsearch.store.conditions import path_of
from semsearch.store.matching import Matching
from semsearch.store.schema import chunks, documents, indexed_values
from semsearch.types import FacetValue, Filter, Ids

MOST = 100  # values of a key
_SCALARS = ("text", "integer", "real", "true", "false")


def facet(
    connection: Connection, indexed: dict[str, int], key: str, filter: Filter | None, chunk_ids: Ids | None
) -> tuple[FacetValue, ...]:
    """The values at a key, those of the most documents first; of an array each element is one.

    Args:
        connection: in its transaction.
        indexed: the number of each indexed key.
        key: a filter's.
        filter: which documents count; `None`: all.
        chunk_ids: only those with one of these chunks; `None`: all. Only one of the two may be given.
    """
    if filter is None and chunk_ids is None and key in indexed:
        rows = indexed_values.c
        if not _has_arrays(connection, indexed[key]):
            values = select(*_counted(rows.type, rows.value, func.count())).where(rows.key == indexed[key])
            return _told(connection, values.where(rows.type.in_(_SCALARS)))
    elements = func.json_each(documents.c.metadata, path_of(key)).table_valued("value", "type")
    counted = _counted(elements.c.type, elements.c.value, func.count(documents.c.seq.distinct()))
    values = select(*counted).select_from(documents.join(elements, true()))
    values = values.where(elements.c.type.in_(_SCALARS), func.json_type(documents.c.metadata, path_of(key)) != "object")
    if filter is not None:
        values = Matching(connection, indexed).filtered(values, filter)
    if chunk_ids is not None:
        found: Select[Any] = select(column("value")).select_from(func.json_each(json.dumps(chunk_ids.tolist())))
        values = values.where(documents.c.seq.in_(select(chunks.c.document).where(chunks.c.id.in_(found))))
    return _told(connection, values)


def _has_arrays(connection: Connection, number: int) -> bool:
    """Whether a document has an array at an indexed key, whose elements the index does not have."""
    rows = indexed_values.c
    statement = select(rows.key).where(rows.key == number, rows.type == "array").limit(1)
    return connection.execute(statement).first() is not None


def _counted(kind: Any, value: Any, count: Any) -> tuple[Any, Any, Any]:  # noqa: ANN401 - columns of any type
    return case((kind == "real", "integer"), else_=kind).label("kind"), value.label("value"), count.label("documents")


def _told(connection: Connection, values: Select[Any]) -> tuple[FacetValue, ...]:
    order: tuple[ColumnElement[Any], ...] = (column("documents").desc(), column("kind"), column("value"))
    rows = connection.execute(values.group_by(column("kind"), column("value")).order_by(*order).limit(MOST))
    return tuple(FacetValue(kind == "true" if kind in ("true", "false") else value, n) for kind, value, n in rows)
