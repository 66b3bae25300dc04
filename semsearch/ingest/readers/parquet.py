"""The reader of Parquet, by pyarrow: a document a row, with the rules of columns of CSV.

Columns of bytes and of lists of floating-point numbers (embeddings) are left out.
"""

import datetime
import decimal
import math
from collections.abc import Iterator
from typing import Any

from semsearch.ingest.readers.columns import Columns, columns_of
from semsearch.ingest.readers.content import explained, load
from semsearch.ingest.readers.contract import FoundFile, Reader
from semsearch.types import Document, Failure, Limits

_ROWS = 256  # that are held at a time


def _read(file: FoundFile, limits: Limits) -> Iterator[Document | Failure]:
    with file.path.open("rb") as opened:
        try:
            parquet = load("pyarrow.parquet", "parquet").ParquetFile(opened)
            names = [field.name for field in parquet.schema_arrow if not _is_left_out(field.type)]
            columns = columns_of(names, str(file.path))
            number = 0
            for batch in parquet.iter_batches(_ROWS, columns=names, use_threads=False):
                for row in zip(*(batch.column(name).to_pylist() for name in names), strict=True):
                    number += 1
                    yield _document([_plain(value) for value in row], columns, file, number, limits)
        except Exception as error:  # a damaged file is a failure, whatever pyarrow makes of it
            yield Failure(str(file.path), explained(error, "parquet"), file.document_id)
            return
    if not number:
        yield Failure(str(file.path), "has no rows in it; fill it or leave it out", file.document_id)


PARQUET = Reader("parquet", (".parquet",), _read, prose=False)


def _document(row: list[Any], columns: Columns, file: FoundFile, number: int, limits: Limits) -> Document | Failure:
    document = columns.document(row, row, f"{file.document_id}#{number}", str(file.path))
    where = f"{file.path}:{number}"
    if len(document.text) > limits.document_bytes:
        reason = f"is longer than max_document_bytes ({limits.document_bytes:,}); split it or raise the setting"
        return Failure(where, reason, document.id)
    if not document.text.strip() and not document.title:
        return Failure(where, "has no text in it; fill it or leave it out", document.id)
    return document


def _is_left_out(kind: Any) -> bool:  # noqa: ANN401 - a type of pyarrow
    types = load("pyarrow.types", "parquet")
    if types.is_dictionary(kind):
        return _is_left_out(kind.value_type)
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return bool(types.is_floating(kind.value_type)) or _is_left_out(kind.value_type)
    return bool(types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind))


def _plain(value: Any) -> Any:  # noqa: ANN401 - of whichever type the column has
    """A value as JSON has it; dates are ISO 8601."""
    match value:
        case None | str() | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case datetime.datetime() if value.tzinfo is not None:
            return f"{value.astimezone(datetime.UTC):%Y-%m-%dT%H:%M:%SZ}"
        case datetime.date() | datetime.time():
            return value.isoformat()
        case decimal.Decimal():
            return float(value) if value.is_finite() else None
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case bytes():
            return None
        case _:
            return str(value)
