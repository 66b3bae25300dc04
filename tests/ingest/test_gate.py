"""What the gate in front of the store refuses, what it replaces, and what it leaves as it is."""

import re
from typing import Any

import pytest

from semsearch.errors import InvalidDocumentError, InvalidRequestError
from semsearch.ingest.gate import checked, content_hash, details_hash, distinct_ids
from semsearch.store.records import Kind
from semsearch.store.texts import is_storable
from semsearch.types import Document, Place


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"in": value}
    return value


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"id": ""}, "its id is ''; it has to be 1 to 1024 characters"),
        ({"id": "x" * 1_025}, "1 to 1024 characters"),
        ({"id": 5}, "its id is 5"),
        ({"id": ["a"]}, "its id is ['a']"),
        ({"id": "a\x00"}, "NUL or a lone surrogate"),
        ({"id": "a\udc00"}, "NUL or a lone surrogate"),
        ({"text": None}, "its text is NoneType"),
        ({"text": b"bytes"}, "its text is bytes"),
        ({"title": 5}, "its title is int"),
        ({"source": 5}, "its source is int"),
        ({"source": "\ud800"}, "its source '\\ud800' holds NUL or a lone surrogate"),
        ({"metadata": ["a"]}, "its metadata is list"),
        ({"metadata": nested(33)}, "deeper than 32 levels"),
        ({"metadata": {"a": {5: 1}}}, "metadata.a has the key 5"),
        ({"metadata": {"a.b": 1}}, "metadata has the key 'a.b'"),
        ({"metadata": {"a": [0, 2**63]}}, "metadata.a[1] is an integer that does not fit 64 bits"),
        ({"metadata": {"a": float("inf")}}, "metadata.a is inf"),
        ({"metadata": {"a": "\x00"}}, "metadata.a holds NUL"),
        ({"metadata": {"a": {1, 2}}}, "metadata.a is of type set"),
        ({"text": " \n", "title": "\t"}, "it is empty"),
        ({"vector": [1.0]}, "made by its model"),
    ],
)
def test_what_cannot_be_stored_is_refused_by_name(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidDocumentError, match=re.escape(message)):
        checked(Document(**{"id": "a", "text": "text", **fields}), Kind.TEXTS)


def test_the_largest_id_the_deepest_metadata_and_the_longest_integers_pass() -> None:
    document = Document("x" * 1_024, "text", {**nested(31), "low": -(2**63), "high": 2**63 - 1}, "title", "source")
    assert checked(document, Kind.TEXTS) == (document, 0)


def test_nul_and_lone_surrogates_in_text_and_title_are_replaced_one_for_one_and_counted() -> None:
    document, replaced = checked(Document("a", "\x00b\ud800", title="\udfffc"), Kind.TEXTS)
    assert (document.text, document.title, replaced) == ("\ufffdb\ufffd", "\ufffdc", 3)


def test_without_a_model_the_vector_is_needed_and_the_text_may_be_empty() -> None:
    with pytest.raises(InvalidDocumentError, match="no model to make one"):
        checked(Document("a", "text"), Kind.VECTORS)
    assert checked(Document("a", "", vector=[1.0]), Kind.VECTORS)[1] == 0


def test_the_content_hash_tells_title_from_text_and_both_from_the_vector() -> None:
    contents = [("ab", "", b""), ("a", "b", b""), ("", "ab", b""), ("a", "", b"b"), ("", "", b"ab")]
    assert len({content_hash(Document("a", text, title=title), own) for title, text, own in contents}) == 5


def test_the_details_hash_follows_metadata_and_source_and_not_the_order_of_keys() -> None:
    one = details_hash(Document("a", "x", {"k": 1, "l": 2}, source="s"))
    assert details_hash(Document("b", "y", {"l": 2, "k": 1}, source="s")) == one
    assert details_hash(Document("a", "x", {"k": 1, "l": 3}, source="s")) != one
    assert details_hash(Document("a", "x", {"k": 1, "l": 2}, source="t")) != one


def test_ids_to_look_for_come_once_each_in_their_order_and_one_str_is_one_id() -> None:
    assert distinct_ids(iter(["b", "a", "b"])) == ["b", "a"]
    assert distinct_ids("ab") == ["ab"]


@pytest.mark.parametrize("wrong", [5, None, b"a", ["a"]])
def test_an_id_to_look_for_that_is_no_str_is_refused(wrong: object) -> None:
    with pytest.raises(InvalidRequestError, match=re.escape(f"{wrong!r} is no id; ids are str")):
        distinct_ids(["a", wrong])  # type: ignore[list-item]


@pytest.mark.parametrize(("text", "expected"), [("é😀", True), ("", True), ("a\x00", False), ("\udfff", False)])
def test_only_nul_and_lone_surrogates_cannot_be_stored(text: str, *, expected: bool) -> None:
    assert is_storable(text) is expected


BAD_PLACES = [
    ((Place(0), Place(0)), "in the order of their starts"),
    ((Place(4),), "inside the text's 4 characters"),
    ((Place(-1),), "inside the text's 4 characters"),
    ((Place(True),), "inside the text's 4 characters"),
    ([Place(0)], "semsearch.Place in a tuple"),
    (((0, None, None),), "semsearch.Place in a tuple"),
    ((Place(0, page=0),), "pages are counted from 1"),
    ((Place(0, heading="\0"),), "has to be text or None"),
]


@pytest.mark.parametrize(("places", "reason"), BAD_PLACES)
def test_places_out_of_order_outside_the_text_or_of_another_kind_are_refused(places: object, reason: str) -> None:
    with pytest.raises(InvalidDocumentError, match=reason):
        checked(Document("a", "text", places=places), Kind.TEXTS)


def test_the_content_hash_covers_the_language_of_source_code_by_which_it_is_cut() -> None:
    python, go = (Document("a", "x", {"code_language": language}) for language in ("python", "go"))
    assert content_hash(python, b"") != content_hash(go, b"")
    assert content_hash(python, b"") == content_hash(Document("a", "x", {"code_language": "python", "n": 1}), b"")


def test_the_content_hash_covers_the_places() -> None:
    bare, placed = Document("a", "text"), Document("a", "text", places=(Place(0, "Top", 1),))
    assert content_hash(bare, b"") != content_hash(placed, b"")
