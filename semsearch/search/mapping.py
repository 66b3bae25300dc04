"""A map of a collection: its vectors projected to two axes; how a map is drawn is `semsearch.drawing`'s.

An axis is a direction of largest variance, or leads from what one filter, text or expression stands for to what another
one does.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from semsearch.errors import EmptyQueryError, InvalidRequestError
from semsearch.reports import MapAxis, MapReport
from semsearch.search.expressions.combining import combine, with_vectors
from semsearch.search.expressions.notation import Allowed, read_expression
from semsearch.search.expressions.parts import ImagePart, TextPart
from semsearch.search.image_vectors import ImageVectors
from semsearch.search.principal_axes import Numbers, principal_axes
from semsearch.search.query_vectors import QueryVectors
from semsearch.search.snapshot import Snapshot, SnapshotCache
from semsearch.store.filters import check_key, parse_filter
from semsearch.store.reader import StoreReader
from semsearch.store.texts import storable
from semsearch.types import AxisEnd, AxisEnds, Filter, Ids, Parts, Vectors

_BLOCK = 8_192  # rows
_NO_DIRECTION = 1e-4  # length, where vectors have 1, below which only rounding says where an axis leads


@dataclass(frozen=True, slots=True)
class _Axis:
    """A unit direction, (dim,); a coordinate is (what is along it - origin) x scale."""

    direction: Numbers
    origin: float
    scale: float = 1.0
    low: str | None = None
    high: str | None = None


def map_vectors(
    snapshots: SnapshotCache,
    dim: int,
    queries: QueryVectors | None,
    images: ImageVectors | None = None,
    *,
    label: str | None = None,
    x: AxisEnds | None = None,
    y: AxisEnds | None = None,
    filter: Filter | None = None,
) -> MapReport:
    """Project the vectors of the newest snapshot.

    Args:
        snapshots: of the collection.
        dim: of its vectors.
        queries: the vectors of texts, `None` if the collection has no model for them.
        images: the same of images.
        label: a metadata key whose value each point has.
        x: the two ends of the first axis, filters, texts or parts of an expression; without them it is a direction of
            largest variance.
        y: those of the second axis, of which only what is orthogonal to the first one counts.
        filter: only chunks of documents that it matches become points, and count for the variance.

    Raises:
        InvalidRequestError: a key, filter, text or expression of these cannot be, or two ends of an axis are the same.
        InvalidDocumentError: an image cannot be read as one.
        DocumentNotFoundError, ChunkNotFoundError
    """
    _check(label, x, y, filter)
    with snapshots.current() as snapshot:
        rows, ends = _Rows(snapshot, filter), _Ends(snapshot, dim, queries, images)
        mean, variance = rows.moments(dim)
        axes = _axes(x, y, ends, rows, mean)
        ids, along = rows.projected(np.stack([axis.direction for axis in axes]))
        documents, labels = _described(snapshot.reader, ids, label)
    shares = along.var(axis=0) / variance if variance > 0 else np.zeros(2)
    points = (along - [axis.origin for axis in axes]) * [axis.scale for axis in axes]  # (n, 2)
    told = [MapAxis(axis.low, axis.high, float(share)) for axis, share in zip(axes, shares, strict=True)]
    return MapReport(points.astype(np.float32), ids, documents, label, labels, (told[0], told[1]))


def _check(label: str | None, x: AxisEnds | None, y: AxisEnds | None, filter: Filter | None) -> None:
    if label is not None:
        check_key(label)
    for name, ends in {"x": x, "y": y}.items():
        if ends is not None and (isinstance(ends, str) or len(ends) != 2):
            raise InvalidRequestError(f"{name} is {ends!r:.80}; an axis has two ends, each a text, a filter or parts")
    for end in (*(x or ()), *(y or ())):
        if not isinstance(end, str | list | tuple):
            parse_filter(end)
    if filter is not None:
        parse_filter(filter)


class _Rows:
    """The vectors that become points, a block at a time, as often as they are asked for."""

    def __init__(self, snapshot: Snapshot, filter: Filter | None) -> None:
        self._index = snapshot.index
        self._allowed = None if filter is None else snapshot.chunk_ids(filter).ids

    def blocks(self) -> Iterator[tuple[Ids, Vectors]]:
        for ids, rows in self._index.blocks(_BLOCK):
            kept = slice(None) if self._allowed is None else np.isin(ids, self._allowed)
            yield ids[kept], rows[kept]

    def vectors(self) -> Iterator[Vectors]:
        return (rows for _, rows in self.blocks())

    def moments(self, dim: int) -> tuple[Numbers, float]:
        """The mean, (dim,), and the variance along all directions together; 0 where there are no rows."""
        count, total, squares = 0, np.zeros(dim), 0.0
        for rows in self.vectors():
            count += len(rows)
            total += rows.sum(axis=0, dtype=np.float64)
            squares += float(np.square(rows, dtype=np.float64).sum())
        mean = total / max(count, 1)
        return mean, max(squares / max(count, 1) - float(mean @ mean), 0.0)

    def projected(self, directions: Numbers) -> tuple[Ids, Numbers]:
        """The ids of the rows, (n,), and what of them is along m directions, (n, m)."""
        ids, along = [np.zeros(0, np.int64)], [np.zeros((0, len(directions)))]
        for some, rows in self.blocks():
            ids.append(some)
            along.append(rows @ directions.T)
        return np.concatenate(ids), np.concatenate(along)


class _Ends:
    """Axes between what two ends stand for: the mean of what a filter matches, the vector of a text or of parts."""

    def __init__(self, snapshot: Snapshot, dim: int, queries: QueryVectors | None, images: ImageVectors | None) -> None:
        self._snapshot, self._dim, self._queries, self._images = snapshot, dim, queries, images

    def axis(self, name: str, ends: AxisEnds, orthogonal_to: Numbers) -> _Axis:
        """The axis on which one end is at -1 and the other at 1.

        Args:
            name: of the axis, for messages.
            ends: the low and the high one.
            orthogonal_to: unit directions, (m, dim), that are taken out of it.
        """
        low, high = map(self._vector, ends)
        way = high - low
        way = way - (way @ orthogonal_to.T) @ orthogonal_to
        length = float(np.linalg.norm(way))
        named = [_named(end) for end in ends]
        if length < _NO_DIRECTION:
            beside = " but for what the x axis has of it" if len(orthogonal_to) else ""
            raise InvalidRequestError(f"the ends of {name}, {named[0]} and {named[1]}, are at one place{beside}")
        direction = way / length
        return _Axis(direction, float((low + high) @ direction) / 2, 2 / length, *named)

    def _vector(self, end: AxisEnd) -> Numbers:
        if isinstance(end, str):
            return self._of_text(end)
        return self._of_filter(end) if isinstance(end, Mapping) else self._of_parts(end)

    def _of_text(self, text: str) -> Numbers:
        if self._queries is None:
            raise InvalidRequestError(
                f"this collection has no model that could say where {text!r:.80} lies: "
                'let the axis end at filters, like {"year": 2024}, or at documents, like [{"doc": "a"}]'
            )
        if not text.strip():
            raise EmptyQueryError("an end of an axis is an empty text: say in words what lies there")
        vector: Numbers = self._queries.of(storable(text)[0])[0].astype(np.float64)
        return vector

    def _of_parts(self, parts: Parts) -> Numbers:
        expression = read_expression(parts, Allowed(self._dim, files=True))
        for part in expression:
            if isinstance(part.source, TextPart) and self._queries is None:
                self._of_text(part.source.text)
            if isinstance(part.source, ImagePart) and self._images is None:
                raise InvalidRequestError("an axis ends at an image, and this is no collection of images")
        vectors, _ = combine(with_vectors(expression, self._queries, self._images), self._snapshot)
        vector: Numbers = vectors[0].astype(np.float64)
        return vector

    def _of_filter(self, filter: Filter) -> Numbers:
        total, count = np.zeros(self._dim), 0
        for rows in _Rows(self._snapshot, filter).vectors():
            total += rows.sum(axis=0, dtype=np.float64)
            count += len(rows)
        if not count:
            raise InvalidRequestError(f"no document matches {_named(filter)}, so that an axis cannot end there")
        return total / count


def _axes(x: AxisEnds | None, y: AxisEnds | None, ends: _Ends, rows: _Rows, mean: Numbers) -> tuple[_Axis, _Axis]:
    """Both axes: those that have ends, and directions of largest variance, orthogonal to them, for the others."""
    none = np.zeros((0, len(mean)))
    first = None if x is None else ends.axis("x", x, none)
    second = None if y is None else ends.axis("y", y, none if first is None else first.direction[None])
    known = [axis.direction for axis in (first, second) if axis is not None]
    if first is not None and second is not None:
        return first, second
    found = principal_axes(rows.vectors, mean, 2 - len(known), np.stack(known) if known else none)
    free = [_Axis(direction, float(mean @ direction)) for direction in found]
    return first or free.pop(0), second or free.pop(0)


def _described(reader: StoreReader, ids: Ids, label: str | None) -> tuple[tuple[str, ...], tuple[str | None, ...]]:
    """For each chunk the id of its document, and its document's value at the key `label`."""
    documents = reader.overview.owners(label)
    firsts = np.array([document.first_chunk for document in documents], np.int64)
    owners = [documents[at] for at in np.searchsorted(firsts, ids, side="right") - 1]
    return tuple(owner.id for owner in owners), tuple(owner.label for owner in owners)


def _named(end: AxisEnd) -> str:
    """A text as it is, of a filter that asks for one value only that value, and of parts what they are made of."""
    if isinstance(end, str):
        return end
    if not isinstance(end, Mapping):
        return " ".join(_named_part(part) for part in end).removeprefix("+ ")
    values = list(end.values())
    return str(values[0]) if len(values) == 1 and isinstance(values[0], str) else json.dumps(end)


def _named_part(part: Mapping[str, object]) -> str:
    """A part with its sign: `+ cat.jpg`, `- 0.5 x dog.jpg`."""
    weight = float(part.get("weight", 1))  # type: ignore[arg-type]
    kind, value = next((key, value) for key, value in part.items() if key != "weight")
    name = str(value) if kind in ("text", "doc", "chunk") or isinstance(value, Path) else _long(kind, value)
    factor = "" if abs(weight) == 1 else f"{abs(weight):g} x "
    return f"{'-' if weight < 0 else '+'} {factor}{name}"


def _long(kind: str, value: object) -> str:
    return json.dumps(value) if kind == "filter" else f"{'an' if kind == 'image' else 'a'} {kind}"
