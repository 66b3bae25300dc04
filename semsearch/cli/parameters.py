"""Arguments and options that several commands share, and the reading of JSON in them; what they mean is not here."""

import json
from typing import Annotated

import typer

from semsearch.errors import InvalidRequestError

CollectionName = Annotated[
    str,
    typer.Argument(
        metavar="COLLECTION", help="A name in the folder of collections, or, with a / in it, the path of a collection."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, errors included.")]
Verbose = Annotated[
    bool, typer.Option("-v", "--verbose", help="Log each commit on stderr, in place of the progress bar.")
]
FilterText = Annotated[
    str | None,
    typer.Option("--filter", metavar="JSON", help='A condition on metadata: {"year": {"$gte": 2020}}.'),
]
Mode = Annotated[
    str | None,
    typer.Option(
        "--mode",
        help="How the query is matched: semantic (by meaning), keyword (by words) or hybrid; as it allows if not said.",
    ),
]


def parsed(option: str, text: str | None) -> object:
    """The value of an option that is JSON, `None` if it is not given.

    Raises:
        InvalidRequestError: it is not JSON.
    """
    if text is None:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError(f"{option} is {text!r:.80}, which is not JSON: {error}") from error


def parsed_filter(text: str | None, option: str = "--filter") -> dict[str, object] | None:
    """The value of an option that is a filter; what the keys and operators in it mean is checked where it is used.

    Raises:
        InvalidRequestError: it is not a JSON object.
    """
    value = parsed(option, text)
    if value is None and text is None:
        return None
    if not isinstance(value, dict):
        raise InvalidRequestError(f'{option} is {text!r:.80}; it has to be a JSON object, like {{"year": 2024}}')
    return value
