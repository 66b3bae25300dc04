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

TargetRecall = Annotated[
    float | None,
    typer.Option("--target-recall", help="Share of the exact nearest chunks to find, if not the collection's own."),
]
Exact = Annotated[bool, typer.Option("--exact", help="Compare with every vector.")]
VectorText = Annotated[
    str | None,
    typer.Option("--vector", metavar="JSON", help="Numbers to search with, instead of a query or of its meaning."),
]
Fusion = Annotated[
    str,
    typer.Option("--fusion", help="How hybrid mode joins its two rankings: convex (by scores), rrf (by ranks)."),
]
Explain = Annotated[
    bool, typer.Option("--explain", help="Tell what each hit was found by: ranks, scores, and its best sentence.")
]
GroupBy = Annotated[
    str | None, typer.Option("--group-by", metavar="document", help="Only the best chunk of each document.")
]
Diversity = Annotated[
    float,
    typer.Option("--diversity", metavar="0..1", help="How much it counts that a hit is unlike those before it."),
]
Collapse = Annotated[
    float | None,
    typer.Option("--collapse", metavar="COSINE", help="Pass over chunks that are so near to a better one."),
]
MinScore = Annotated[
    float | None, typer.Option("--min-score", metavar="COSINE", help="Only hits that are so near to the query.")
]
Rerank = Annotated[
    int, typer.Option("--rerank", metavar="N", help="Have the cross-encoder (--reranker) reorder the first N.")
]
ExpandText = Annotated[
    str | None,
    typer.Option(
        "--expand",
        metavar="N|section|document",
        help="Show the text around each hit: N chunks on either side, its section, or its document.",
    ),
]
Facets = Annotated[
    list[str] | None, typer.Option("--facet", metavar="KEY", help="Count values in the metadata; may be repeated.")
]
Sort = Annotated[
    str | None,
    typer.Option("--sort", metavar="KEY|-KEY", help="Sort the hits by their metadata, with a - the largest first."),
]
Cursor = Annotated[str | None, typer.Option("--cursor", help="Where the page before ended.")]


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
