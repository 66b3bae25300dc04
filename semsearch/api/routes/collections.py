"""What can be asked of one collection; ranking, storing and every check of values are the engine's."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Request

from semsearch.api.schemas import AddRequest, CollectionName, ContextRequest, JudgeRequest, SearchRequest
from semsearch.collection import Collection
from semsearch.reports import AddReport, CollectionInfo
from semsearch.types import Context, Judgment, SearchResult

if TYPE_CHECKING:
    from semsearch.api.maintenance import MaintenanceThread
    from semsearch.api.registry import OpenCollections

router = APIRouter(prefix="/v1/collections/{collection}")


def _opened(request: Request, collection: CollectionName) -> Collection:
    collections: OpenCollections = request.app.state.collections
    return collections.get(collection)


Opened = Annotated[Collection, Depends(_opened)]


@router.get("")
def info(request: Request, collection: Opened) -> CollectionInfo:
    """Tell what a collection holds, what serves its searches, and which keys its filters want indexed."""
    known, below = collection.info(), request.app.state.collections.below
    return replace(known, path=below(known.path), degraded=None if known.degraded is None else below(known.degraded))


@router.post("/search")
def search(collection: Opened, body: SearchRequest) -> SearchResult:
    """Find the chunks that answer a query best, by its meaning and its words."""
    return collection.search(
        body.query,
        vector=body.vector,
        image=body.image,
        expression=body.expression,
        read_files=False,  # of this machine, for a stranger
        relevant=body.relevant,
        irrelevant=body.irrelevant,
        k=body.k,
        mode=body.mode,
        filter=body.filter,
        target_recall=body.target_recall,
        exact=body.exact,
        fusion=body.fusion,
        explain=body.explain,
        **body.shaping(),
    )


@router.post("/documents")
def add(request: Request, collection: Opened, body: AddRequest) -> AddReport:
    """Insert or replace documents by id; they are durable and can be found when this answers."""
    report = collection.add((each.document() for each in body.documents), maintain=False)
    maintenance: MaintenanceThread = request.app.state.maintenance
    maintenance.soon(collection)
    return report


@router.post("/context")
def context(collection: Opened, body: ContextRequest) -> Context:
    """Put the texts of hits into one text for a language model, each with a citation."""
    return collection.context(
        body.query, vector=body.vector, token_budget=body.token_budget, k=body.k, mode=body.mode, filter=body.filter
    )


@router.post("/judgments")
def judge(collection: Opened, body: JudgeRequest) -> Judgment:
    """Keep how relevant a document is to a query, in place of what was said of the two before; for evaluation."""
    return collection.judge(body.query, body.document_id, body.grade)
