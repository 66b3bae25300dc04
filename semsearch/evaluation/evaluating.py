"""Evaluation of one configuration, and comparison of two; where queries and judgments come from is not said here."""

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from semsearch.collection import Collection
from semsearch.errors import DocumentNotFoundError, InvalidRequestError
from semsearch.evaluation.measures import MEASURES, check_measures, values_of
from semsearch.evaluation.rankings import DocumentRanker, check_options
from semsearch.evaluation.results import Comparison, Difference, Estimate, Evaluation, Qrels, Queries, Run
from semsearch.evaluation.significance import interval, p_value

DEPTH = 100


def evaluate(
    collection: Collection,
    queries: Queries,
    qrels: Qrels,
    *,
    mode: str | None = None,
    depth: int = DEPTH,
    measures: Iterable[str] = MEASURES,
    ignore_identical_ids: bool = False,
    progress: Callable[[int], None] | None = None,
    **options: object,
) -> Evaluation:
    """Search every judged query, rank documents by their best chunks, and measure the rankings.

    Args:
        collection: what is searched.
        queries: text, or else a vector, by query id; those without judgments are not searched.
        qrels: grades by query id and document id; relevant are documents with a grade of at least 1.
        mode: of the searches; the collection's own if nothing is said.
        depth: documents a ranking.
        measures: `ndcg@K`, `recall@K`, `mrr@K`, `precision@K`, `success@K`, `map@K`, and `map` of the whole ranking.
        ignore_identical_ids: leave the document out whose id is the query's, for queries that are documents of the
            collection themselves (BEIR does so for ArguAna and Quora).
        progress: called with the number of queries that are done.
        options: what else each search is told, as `Collection.search` takes it: `exact=True`.

    Raises:
        InvalidRequestError: depth < 1; an unknown measure or option; a judged query that is not among the queries; no
            query with a relevant document.
        MissingDependencyError: ir-measures is not installed.
        SemsearchError: what `Collection.search` raises.
    """
    if type(depth) is not int or depth < 1:
        raise InvalidRequestError(f"depth is {depth!r}; a ranking has at least 1 document")
    names = check_measures(measures, depth)
    told = options if mode is None else {"mode": mode, **options}
    check_options(collection, told)
    judged = _answerable(queries, qrels)
    ranker = DocumentRanker(collection, depth, told)
    run, used = {}, ""
    for done, query_id in enumerate(judged, 1):
        run[query_id], used = ranker.rank(queries[query_id], without=query_id if ignore_identical_ids else None)
        if progress is not None:
            progress(done)
    values = values_of(names, judged, run)
    documents = {document_id for grades in judged.values() for document_id in grades}
    return Evaluation(
        collection=collection.info().name,
        mode=used,
        options=options,
        depth=depth,
        measures={name: _estimate({query_id: values[name][query_id] for query_id in judged}) for name in names},
        run=run,
        judged_documents=len(documents),
        unknown_documents=_unknown(collection, documents, run),
        left_out=len(qrels) - len(judged),
    )


def compare(a: Evaluation, b: Evaluation) -> Comparison:
    """What `b` gains over `a`, query by query, in the measures that both have.

    Raises:
        InvalidRequestError: they are not about the same queries, or have no measure in common.
    """
    if a.run.keys() != b.run.keys():
        other = next(iter(a.run.keys() ^ b.run.keys()))
        raise InvalidRequestError(
            f"only one of the evaluations has the query {other!r:.80}: compare them on the same ones"
        )
    shared = [name for name in a.measures if name in b.measures]
    if not shared:
        raise InvalidRequestError(f"the evaluations have no measure in common: {[*a.measures]} and {[*b.measures]}")
    return Comparison(a, b, {name: _difference(a.measures[name].values, b.measures[name].values) for name in shared})


def _answerable(queries: Queries, qrels: Qrels) -> Qrels:
    """The judgments of those queries that have a relevant document; raises InvalidRequestError if there are none."""
    for query_id in qrels:
        if query_id not in queries:
            raise InvalidRequestError(f"the query {query_id!r:.80} is judged, and is not among the queries")
    judged = {query_id: grades for query_id, grades in qrels.items() if any(grade >= 1 for grade in grades.values())}
    if not judged:
        raise InvalidRequestError("there is nothing to measure: no query has a document with a grade of at least 1")
    return judged


def _unknown(collection: Collection, documents: Iterable[str], run: Run) -> int:
    """How many of the documents the collection does not have; what was found, it has."""
    found = {document_id for ranking in run.values() for document_id in ranking}
    return sum(not _has(collection, document_id) for document_id in documents if document_id not in found)


def _has(collection: Collection, document_id: str) -> bool:
    try:
        collection.get(document_id)
    except DocumentNotFoundError:
        return False
    return True


def _estimate(values: Mapping[str, float]) -> Estimate:
    numbers = np.array(list(values.values()))
    return Estimate(float(numbers.mean()), *interval(numbers), values)


def _difference(a: Mapping[str, float], b: Mapping[str, float]) -> Difference:
    gains = {query_id: b[query_id] - value for query_id, value in a.items()}
    numbers = np.array(list(gains.values()))
    low, high = interval(numbers)
    better, worse = int((numbers > 0).sum()), int((numbers < 0).sum())
    return Difference(
        mean=float(numbers.mean()),
        low=low,
        high=high,
        p=p_value(numbers),
        better=better,
        worse=worse,
        equal=len(numbers) - better - worse,
        values=gains,
    )
