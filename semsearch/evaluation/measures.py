"""Names of measures, and their values by the `ir-measures` package; means over queries are not made here."""

import re
from collections.abc import Iterable

from semsearch.errors import InvalidRequestError, MissingDependencyError
from semsearch.evaluation.results import Qrels, Run

MEASURES = ("ndcg@10", "recall@100", "mrr@10", "map")
KNOWN_ITEM_MEASURES = ("mrr@10", "success@1", "success@10")
# what ir-measures calls them
_NAMES = {"ndcg": "nDCG", "recall": "R", "mrr": "RR", "precision": "P", "success": "Success", "map": "AP"}
_PATTERN = re.compile(rf"(?P<name>{'|'.join(_NAMES)})@(?P<cutoff>[1-9][0-9]*)|(?P<whole>map)")


def check_measures(measures: Iterable[str], depth: int) -> tuple[str, ...]:
    """The names of measures, each once.

    Raises:
        InvalidRequestError: one is unknown, or looks further down than `depth`; or there is none.
        MissingDependencyError: ir-measures is not installed.
    """
    names = tuple(dict.fromkeys([measures] if isinstance(measures, str) else measures))
    if not names:
        raise InvalidRequestError("say at least one measure, like ndcg@10")
    for name in names:
        found = _PATTERN.fullmatch(str(name))
        if found is None:
            raise InvalidRequestError(
                f"{name!r:.80} is no measure; measures are {', '.join(f'{n}@K' for n in _NAMES)}, map"
            )
        if int(found["cutoff"] or 0) > depth:
            raise InvalidRequestError(f"{name} looks at {found['cutoff']} documents, and depth is {depth}: raise it")
    try:
        import ir_measures  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError("evaluation needs ir-measures: pip install 'semsearch[eval]'") from error
    return names


def values_of(measures: Iterable[str], qrels: Qrels, run: Run) -> dict[str, dict[str, float]]:
    """Of each measure, its value for each query of the qrels.

    Rankings are taken in their own order: equal scores are not put in another one, as trec_eval would.
    """
    import ir_measures

    by_place = {query: {each: -float(place) for place, each in enumerate(ranking)} for query, ranking in run.items()}
    names = {ir_measures.parse_measure(_translated(name)): name for name in measures}
    values: dict[str, dict[str, float]] = {name: {} for name in names.values()}
    for each in ir_measures.iter_calc(names, {query: dict(judged) for query, judged in qrels.items()}, by_place):
        values[names[each.measure]][each.query_id] = float(each.value)
    return values


def _translated(name: str) -> str:
    kind, _, cutoff = name.partition("@")
    return f"{_NAMES[kind]}@{cutoff}" if cutoff else _NAMES[kind]
