"""The two ways to write an expression, as text and as JSON; both become the same parts, which are checked here.

    +"king" -"man" +"woman"         [{"text": "king"}, {"text": "man", "weight": -1}, {"text": "woman"}]
    0.5*"budget" - doc:2019         [{"text": "budget", "weight": 0.5}, {"doc": "2019", "weight": -1}]

In a collection of images, image:"a.jpg" is a file, and {"image": "..."} one in base64; in Python it may also be a Path,
bytes or pixels, and {"latent": ...} is a latent.

Nothing is looked up: whether there is such a document, or file, is found out in `combining`.
"""

import base64
import binascii
import contextlib
import itertools
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np

from semsearch.errors import InvalidExpressionError
from semsearch.index.vectors import as_vector
from semsearch.search.expressions.parts import (
    CentroidPart,
    ChunkPart,
    DocumentPart,
    Expression,
    ImagePart,
    Part,
    Source,
    TextPart,
    VectorPart,
)
from semsearch.store.filters import parse_filter, shown
from semsearch.store.texts import storable

MAX_PARTS = 100
_KINDS = ("text", "vector", "doc", "chunk", "filter", "image", "latent")
_LAST_ID = 2**63 - 1
_SHOWN = 24  # characters of what cannot be read

_SPACE = re.compile(r"\s*")
_SIGN = re.compile(r"([+-])\s*")
_WEIGHT = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*\*\s*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\])')
_WORD = re.compile(r'([^\s":*+-][^\s":*]*+)(?![:*])')
_NAMED = re.compile(r"(doc|chunk|image):")
_JSON = re.compile(r"(vector|filter):\s*")
_NAME = re.compile(r'([^\s"]+)')
_NUMBER = re.compile(r"[0-9]{1,19}")
_PART = (
    'expected a word, a "text", doc:ID, chunk:NUMBER, image:PATH, vector:[...] or filter:{...}; '
    "anything else goes in quotes"
)
_EXPECTED = {"doc": "the id of a document", "chunk": "the id of a chunk", "image": "the path of an image file"}
_ANOTHER = "expected + or - between two parts; a text of several words goes in quotes"


class Allowed(NamedTuple):
    """What the parts of an expression may be: vectors of `dim` numbers, and files of this machine where so said."""

    dim: int
    files: bool = False


def read_expression(given: object, allowed: Allowed) -> Expression:
    """The parts of an expression, which is a text, or a list of parts as JSON has them.

    Raises:
        InvalidExpressionError: it cannot be read, or has no part, or more than MAX_PARTS.
        InvalidVectorError, InvalidFilterError
    """
    match given:
        case str():
            return as_expression(_parts_of_text(given, allowed))
        case list() | tuple():
            return as_expression(_part_of_json(each, f"[{at}]", allowed) for at, each in enumerate(given))
    raise InvalidExpressionError(f"an expression is a text or a list of parts, and this is a {type(given).__name__}")


def as_expression(parts: Iterable[Part]) -> Expression:
    """The parts as an expression; raises InvalidExpressionError if there is none, or more than MAX_PARTS."""
    found = tuple(itertools.islice(parts, MAX_PARTS + 1))
    if not found:
        raise InvalidExpressionError('the expression is empty: write one like "king" - "man" + "woman"')
    if len(found) > MAX_PARTS:
        raise InvalidExpressionError(f"the expression has more than {MAX_PARTS} parts: combine fewer")
    return found


def is_chunk_id(value: int) -> bool:
    """Whether a chunk could have this id."""
    return not isinstance(value, bool) and 0 < value <= _LAST_ID


# Text


def _parts_of_text(text: str, allowed: Allowed) -> Iterator[Part]:
    scanner = _Scanner(text)
    is_first = True
    while not scanner.is_at_end():
        sign = scanner.take(_SIGN)
        if sign is None and not is_first:
            raise scanner.error(_ANOTHER)
        where = f"character {scanner.at + 1}"
        weight = _weight(float(scanner.take(_WEIGHT) or 1), where)
        source = _source(*scanner.kind_and_value(), where, allowed)
        yield Part(source, -weight if sign == "-" else weight)
        is_first = False


class _Scanner:
    """The text of an expression, and how far it is read."""

    def __init__(self, text: str) -> None:
        self._text, self.at = text, 0

    def is_at_end(self) -> bool:
        """Whether nothing is left but white space, which is passed over."""
        self.take(_SPACE)
        return self.at == len(self._text)

    def take(self, pattern: re.Pattern[str]) -> str | None:
        """What a pattern has in its group, and go on behind it; `None` if it does not match here."""
        match = pattern.match(self._text, self.at)
        if match is None:
            return None
        self.at = match.end()
        return match[match.re.groups]

    def kind_and_value(self) -> tuple[str, object]:
        """A part, as it is in JSON."""
        if (kind := self.take(_NAMED)) is not None:
            return kind, self._named(kind)
        if (kind := self.take(_JSON)) is not None:
            return kind, self._json()
        return "text", self._quoted_or(_WORD, _PART)

    def error(self, expected: str) -> InvalidExpressionError:
        rest = self._text[self.at :]
        found = f"{rest[:_SHOWN]}…" if len(rest) > _SHOWN else rest
        before = f"in front of {found!r}" if rest else "at the end"
        return _invalid(f"character {self.at + 1}, {before}", expected)

    def _named(self, kind: str) -> str | int | Path:
        name = self._quoted_or(_NAME, f"expected {_EXPECTED[kind]}")
        if kind == "image":
            return Path(name)
        return int(name) if kind == "chunk" and _NUMBER.fullmatch(name) else name

    def _quoted_or(self, pattern: re.Pattern[str], expected: str) -> str:
        quoted = self.take(_QUOTED)
        if quoted is not None:
            return _ESCAPED.sub(r"\1", quoted)
        if self._text.startswith('"', self.at):
            raise self.error("this quote is never closed")
        plain = self.take(pattern)
        if plain is None:
            raise self.error(expected)
        return plain

    def _json(self) -> object:
        try:
            value, self.at = json.JSONDecoder().raw_decode(self._text, self.at)
        except json.JSONDecodeError as error:
            self.at = error.pos
            raise self.error(f"expected JSON ({error.msg})") from error
        except (ValueError, RecursionError) as error:  # an integer of thousands of digits, or thousands of brackets
            raise self.error(f"expected JSON ({error})") from error
        return cast("object", value)


# JSON


def _part_of_json(given: object, where: str, allowed: Allowed) -> Part:
    if not isinstance(given, Mapping):
        raise _invalid(where, f'expected an object such as {{"text": "king"}}, not {shown(given)}')
    kinds = [key for key in given if key != "weight"]
    if len(kinds) != 1 or kinds[0] not in _KINDS:
        raise _invalid(where, f"expected one of {', '.join(_KINDS)}, and a weight if it is not 1, not {shown(kinds)}")
    kind = kinds[0]
    source = _source(kind, given[kind], f"{where}.{kind}", allowed)
    return Part(source, _weight(given.get("weight", 1), f"{where}.weight"))


# Both


def _source(kind: str, value: object, where: str, allowed: Allowed) -> Source:
    match kind, value:
        case "text", str():
            text = storable(value)[0]
            if not text.strip():
                raise _invalid(where, "a text has nothing in it")
            return TextPart(text)
        case "doc", str():
            return DocumentPart(value)
        case "chunk", int() if is_chunk_id(value):
            return ChunkPart(value)
        case "vector", _:
            return VectorPart(tuple(as_vector(value, allowed.dim)[0].tolist()))  # type: ignore[arg-type]
        case "filter", _:
            parse_filter(value)  # type: ignore[arg-type]
            return CentroidPart(value)  # type: ignore[arg-type]
        case "image" | "latent", _:
            return image_part(value, where, is_latent=kind == "latent", files=allowed.files)
    raise _invalid(where, f"expected {'a whole number' if kind == 'chunk' else 'text'}, not {shown(value)}")


def image_part(value: object, where: str, *, is_latent: bool, files: bool) -> ImagePart:
    """An image, or a latent, as a part.

    Raises:
        InvalidExpressionError: it is neither, or it is a file and files are not read.
    """
    if is_latent:
        latent = np.asarray(value)
        if latent.ndim != 3 or not (
            np.issubdtype(latent.dtype, np.floating) or np.issubdtype(latent.dtype, np.integer)
        ):
            raise _invalid(where, f"expected the numbers of a latent, (channels, height, width), not {shown(value)}")
        return ImagePart.of(latent.astype(np.float32))
    match value:
        case Path() if not files:
            raise _invalid(
                where, 'files are not read for whom this comes from: give the image itself, {"image": BASE64}'
            )
        case Path() | bytes():
            return ImagePart.of(value)
        case np.ndarray() if value.dtype == np.uint8 and value.ndim == 3 and value.shape[0] == 3:
            return ImagePart.of(value)
        case str():
            with contextlib.suppress(binascii.Error, ValueError):
                return ImagePart.of(base64.b64decode(value, validate=True))
    raise _invalid(
        where,
        f"expected an image: a Path, bytes, or uint8 pixels (3, height, width); in JSON, base64; not {shown(value)}",
    )


def _weight(value: object, where: str) -> float:
    weight = 0.0
    if isinstance(value, int | float | np.floating) and value is not True:
        with contextlib.suppress(OverflowError):
            weight = float(value)
    if not 0 < abs(weight) < math.inf:
        raise _invalid(where, f"expected a weight, a number above or below 0, not {shown(value)}")
    return weight


def _invalid(where: str, expected: str) -> InvalidExpressionError:
    return InvalidExpressionError(f"the expression is wrong at {where}: {expected}")
