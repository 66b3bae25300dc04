"""The command that keeps what people say of results: judge; what is made of it is `evaluate`."""

from dataclasses import asdict
from typing import Annotated

import typer

from semsearch.cli.output import judgments_text, print_json, print_text
from semsearch.cli.parameters import AsJson, CollectionName
from semsearch.cli.shelf import Shelf
from semsearch.errors import InvalidRequestError


def judge(
    context: typer.Context,
    collection: CollectionName,
    query: Annotated[str | None, typer.Argument(metavar="QUERY", help="What was searched for.")] = None,
    document_id: Annotated[str | None, typer.Argument(metavar="ID", help="The document that is judged.")] = None,
    grade: Annotated[
        int | None, typer.Argument(metavar="GRADE", help="0 (not relevant) to 3 (as good as can be).")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Keep how relevant a document is to a query, for evaluate --judgments.

    Without QUERY, ID and GRADE, list what was said so far.
    """
    if query is None:
        _list_judgments(context, collection, as_json=as_json)
        return
    if document_id is None or grade is None:
        raise InvalidRequestError("a judgment is QUERY ID GRADE: say all three of them, or none to list what there is")
    with Shelf.of(context).open(collection) as opened:
        judgment = opened.judge(query, document_id, grade)
    if as_json:
        print_json(asdict(judgment))
    else:
        print_text(f"{collection}: {document_id} has grade {grade} for {judgment.query!r}")


def _list_judgments(context: typer.Context, collection: str, *, as_json: bool) -> None:
    with Shelf.of(context).open(collection) as opened:
        judgments = opened.judgments()
    if as_json:
        print_json({"judgments": [asdict(judgment) for judgment in judgments]})
    else:
        print_text(judgments_text(judgments))
