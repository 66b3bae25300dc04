"""What every document passes before it is stored: checked, cleaned of what cannot be stored, and hashed."""

import hashlib
import json
import math
from collections.abc import Iterable
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np

from semsearch.errors import InvalidDocumentError, InvalidRequestError
from semsearch.store.records import Kind
from semsearch.store.texts import is_storable, storable
from semsearch.types import Document, Place

MAX_ID_CHARACTERS = 1_024
MAX_DEPTH = 32  # of metadata


def checked(document: Document, kind: Kind) -> tuple[Document, int]:
    """The document as it can be stored, and the number of characters replaced by U+FFFD in its text and title.

    Replacement is one for one, so that offsets stay what they were.

    Raises:
        InvalidDocumentError: the id, the text or the metadata is not right, or what a collection of this kind needs
            (a text, an image, a vector) is missing, or there is another of them.
    """
    _check_id(document.id)
    _check_texts(document)
    _check_places(document.places, len(document.text))
    _check_metadata(document.metadata)
    if kind is not Kind.VECTORS and document.vector is not None:
        raise InvalidDocumentError("it brings a vector, and this collection's vectors are made by its model")
    if kind is not Kind.IMAGES and document.image is not None:
        raise InvalidDocumentError(
            "it brings an image, and this is no collection of images: create one with images=..."
        )
    match kind:
        case Kind.VECTORS:
            if document.vector is None:
                raise InvalidDocumentError("it has no vector, and this collection has no model to make one")
        case Kind.TEXTS:
            if not document.text.strip() and not (document.title or "").strip():
                raise InvalidDocumentError("it is empty: there is no text and no title to find it by")
        case Kind.IMAGES:
            _check_image(document)
    text, in_text = storable(document.text)
    title, in_title = storable(document.title or "")
    return replace(document, text=text, title=title or None), in_text + in_title


def distinct_ids(ids: Iterable[str]) -> list[str]:
    """Ids of documents to look for, each once; one str is one id.

    Raises:
        InvalidRequestError: an id is no str; nothing that is stored has it.
    """
    wanted = [ids] if isinstance(ids, str) else list(ids)
    for document_id in wanted:
        if not isinstance(document_id, str):
            raise InvalidRequestError(f"{document_id!r:.80} is no id; ids are str")
    return list(dict.fromkeys(wanted))


def content_hash(document: Document, brought: bytes) -> bytes:
    """Of what chunks and vectors are made from.

    That is title, text, places, the language of source code, and what the document brings besides: its own vector as
    it is stored, or a hash of its image.
    """
    digest = hashlib.blake2b(digest_size=16)
    cutting = json.dumps([[astuple(place) for place in document.places], document.metadata.get("code_language")])
    for part in ((document.title or "").encode(), document.text.encode(), brought, cutting.encode()):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.digest()


def details_hash(document: Document, source_file: str | None = None) -> bytes:
    """Of what is updated in place: metadata, source, and the file that it was read from."""
    text = json.dumps([document.metadata, document.source, source_file], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _check_id(document_id: object) -> None:
    if not isinstance(document_id, str) or not 0 < len(document_id) <= MAX_ID_CHARACTERS:
        raise InvalidDocumentError(f"its id is {document_id!r:.80}; it has to be 1 to {MAX_ID_CHARACTERS} characters")
    if not is_storable(document_id):
        raise InvalidDocumentError(f"its id {document_id!r:.80} holds NUL or a lone surrogate")


def _check_texts(document: Document) -> None:
    if not isinstance(document.text, str):
        raise InvalidDocumentError(f"its text is {type(document.text).__name__}; it has to be str")
    for name, value in (("title", document.title), ("source", document.source)):
        if value is not None and not isinstance(value, str):
            raise InvalidDocumentError(f"its {name} is {type(value).__name__}; it has to be str or None")
    if document.source is not None and not is_storable(document.source):
        raise InvalidDocumentError(f"its source {document.source!r:.80} holds NUL or a lone surrogate")


def _check_image(document: Document) -> None:
    image = document.image
    if image is None:
        raise InvalidDocumentError("it has no image, and this is a collection of images: put texts into another one")
    if not isinstance(image, Path | bytes | np.ndarray):
        raise InvalidDocumentError(f"its image is {type(image).__name__}; it has to be a Path, bytes, or pixels")
    if isinstance(image, np.ndarray) and not (
        image.dtype == np.uint8 and image.shape[:1] == (3,) and image.ndim == 3 and image.size
    ):
        raise InvalidDocumentError(
            f"its image is {image.dtype} of the shape {image.shape}; pixels have to be uint8, (3, height, width), RGB"
        )
    if document.places:
        raise InvalidDocumentError("it has places, and an image is one chunk with neither headings nor pages")


def _check_places(places: object, characters: int) -> None:
    before = -1
    for place in places if isinstance(places, tuple) else (places,):
        if not isinstance(place, Place) or not _is_number(place.start) or not before < place.start < characters:
            raise InvalidDocumentError(
                f"its places have {place!r:.80}; they have to be semsearch.Place in a tuple, in the order of their "
                f"starts, each inside the text's {characters} characters"
            )
        if not (place.page is None or (_is_number(place.page) and 0 < place.page < 2**31)):
            raise InvalidDocumentError(f"its places have the page {place.page!r:.80}; pages are counted from 1")
        if not (place.heading is None or (isinstance(place.heading, str) and is_storable(place.heading))):
            raise InvalidDocumentError(f"its places have the heading {place.heading!r:.80}; it has to be text or None")
        before = place.start


def _is_number(value: object) -> bool:
    return type(value) is int


def _check_metadata(metadata: object) -> None:
    if not isinstance(metadata, dict):
        raise InvalidDocumentError(f"its metadata is {type(metadata).__name__}; it has to be a JSON object")
    _check_json(metadata, "metadata", MAX_DEPTH)


def _check_json(value: object, path: str, depth: int) -> None:
    if depth < 0:
        raise InvalidDocumentError(f"its metadata is nested deeper than {MAX_DEPTH} levels")
    match value:
        case dict():
            for key, item in value.items():
                _check_key(key, path)
                _check_json(item, f"{path}.{key}", depth - 1)
        case list() | tuple():
            for number, item in enumerate(value):
                _check_json(item, f"{path}[{number}]", depth - 1)
        case _:
            problem = _scalar_problem(value)
            if problem is not None:
                raise InvalidDocumentError(f"{path} {problem}")


def _scalar_problem(value: object) -> str | None:
    match value:
        case None | bool():
            return None
        case str():
            return "holds NUL or a lone surrogate" if not is_storable(value) else None
        case int():
            return None if -(2**63) <= value < 2**63 else "is an integer that does not fit 64 bits"
        case float():
            return None if math.isfinite(value) else f"is {value}; JSON has no such number"
        case _:
            return f"is of type {type(value).__name__}, which JSON does not have"


def _check_key(key: object, path: str) -> None:
    if not isinstance(key, str) or not is_storable(key):
        raise InvalidDocumentError(f"{path} has the key {key!r:.80}; keys have to be str without NUL")
    if "." in key:
        raise InvalidDocumentError(
            f"{path} has the key {key!r:.80}; a dot in a filter descends into nested objects, so that no filter "
            "could reach this key: rename it"
        )
