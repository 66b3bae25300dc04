"""Commands that ask: search, context, get, list, info."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from semsearch.cli.output import (
    context_text,
    document_text,
    documents_text,
    info_text,
    print_json,
    print_note,
    print_text,
    result_text,
)
from semsearch.cli.parameters import (
    AsJson,
    Collapse,
    CollectionName,
    Cursor,
    Diversity,
    Exact,
    ExpandText,
    Explain,
    Facets,
    FilterText,
    Fusion,
    GroupBy,
    MinScore,
    Mode,
    Rerank,
    Sort,
    TargetRecall,
    VectorText,
    parsed,
    parsed_filter,
)
from semsearch.cli.shelf import Shelf
from semsearch.errors import InvalidRequestError

Expression = Annotated[
    str | None,
    typer.Option("--expression", metavar="TEXT", help='What to combine to a vector: \'"king" - "man" + doc:queen\'.'),
]
Relevant = Annotated[
    list[str] | None,
    typer.Option("--relevant", metavar="ID", help="A document to move the query towards; may be repeated."),
]
Irrelevant = Annotated[
    list[str] | None,
    typer.Option("--irrelevant", metavar="ID", help="A document to move the query away from; may be repeated."),
]


def search(
    context: typer.Context,
    collection: CollectionName,
    query: Annotated[str | None, typer.Argument(metavar="QUERY", help="What to find, in words.")] = None,
    *,
    k: Annotated[int, typer.Option("-k", help="Hits asked for.")] = 10,
    mode: Mode = None,
    filter_text: FilterText = None,
    target_recall: TargetRecall = None,
    exact: Exact = False,
    vector: VectorText = None,
    expression: Expression = None,
    relevant: Relevant = None,
    irrelevant: Irrelevant = None,
    fusion: Fusion = "convex",
    explain: Explain = False,
    group_by: GroupBy = None,
    diversity: Diversity = 0.0,
    collapse: Collapse = None,
    min_score: MinScore = None,
    rerank: Rerank = 0,
    expand: ExpandText = None,
    facets: Facets = None,
    sort: Sort = None,
    cursor: Cursor = None,
    as_json: AsJson = False,
) -> None:
    """Find the chunks that answer a query best, by its meaning and its words."""
    numbers: Any = parsed("--vector", vector)
    condition = parsed_filter(filter_text)
    shaping: Any = {"group_by": group_by, "diversity": diversity, "collapse": collapse, "min_score": min_score}
    shaping |= {"rerank": rerank, "facets": facets or (), "sort": sort, "cursor": cursor}
    shaping["expand"] = int(expand) if expand is not None and expand.isdecimal() else expand
    with Shelf.of(context).open(collection) as opened:
        result = opened.search(
            query,
            vector=numbers,
            expression=expression,
            relevant=relevant or (),
            irrelevant=irrelevant or (),
            k=k,
            mode=mode,
            filter=condition,
            target_recall=target_recall,
            exact=exact,
            fusion=fusion,
            explain=explain,
            **shaping,
        )
    if as_json:
        print_json(asdict(result))
        return
    print_text(result_text(result, explain=explain))
    if result.nearest is not None:
        print_note(f"of all chunks, the one nearest to what was combined has the cosine {result.nearest:.3f}")


def context(
    context: typer.Context,
    collection: CollectionName,
    query: Annotated[str, typer.Argument(metavar="QUERY", help="The question, in words.")],
    *,
    token_budget: Annotated[int, typer.Option("--token-budget", help="Tokens that the text may have.")] = 1_000,
    k: Annotated[int, typer.Option("-k", help="Hits to choose from.")] = 20,
    mode: Mode = None,
    filter_text: FilterText = None,
    as_json: AsJson = False,
) -> None:
    """Make a text for a language model, with citations."""
    condition = parsed_filter(filter_text)
    with Shelf.of(context).open(collection) as opened:
        answer = opened.context(query, token_budget=token_budget, k=k, mode=mode, filter=condition)
    if as_json:
        print_json(asdict(answer))
        return
    print_text(context_text(answer))


def get(
    context: typer.Context,
    collection: CollectionName,
    document_id: Annotated[str, typer.Argument(metavar="ID", help="The document's id.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Print one document."""
    with Shelf.of(context).open(collection) as opened:
        document = opened.get(document_id)
    if as_json:
        fields = ("id", "title", "source", "metadata", "text")
        print_json({field: getattr(document, field) for field in fields})
        return
    print_text(document_text(document))


def list_documents(
    context: typer.Context,
    collection: Annotated[
        str | None,
        typer.Argument(metavar="COLLECTION", help="Whose documents; without it, the collections are listed."),
    ] = None,
    *,
    filter_text: FilterText = None,
    page_size: Annotated[int, typer.Option("--page-size", help="Documents a page.")] = 100,
    cursor: Cursor = None,
    as_json: AsJson = False,
) -> None:
    """List the documents of a collection, or the collections."""
    if collection is None:
        if filter_text is not None or cursor is not None:
            raise InvalidRequestError("--filter and --cursor are about documents: say of which COLLECTION")
        _list_collections(Shelf.of(context), as_json=as_json)
        return
    condition = parsed_filter(filter_text)
    with Shelf.of(context).open(collection) as opened:
        page = opened.list(filter=condition, cursor=cursor, page_size=page_size)
    if as_json:
        print_json(asdict(page))
        return
    print_text(documents_text(page.documents))
    if page.cursor is not None:
        print_note(f"there are more: --cursor {page.cursor}")


def info(context: typer.Context, collection: CollectionName, *, as_json: AsJson = False) -> None:
    """Tell what a collection holds and what serves its searches."""
    with Shelf.of(context).open(collection) as opened:
        facts = opened.info()
    if as_json:
        print_json(asdict(facts))
        return
    print_text(info_text(facts))


def _list_collections(shelf: Shelf, *, as_json: bool) -> None:
    from semsearch.store.documents import list_collections

    indexes = shelf.settings().indexes
    names = list_collections(indexes)
    if as_json:
        print_json({"collections": names})
    elif names:
        print_text("\n".join(names))
    else:
        what = "there are no collections in" if indexes.is_dir() else "there is no folder"
        print_note(f"{what} {indexes.absolute()}")
