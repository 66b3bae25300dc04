"""The command that measures answers: evaluate; measures, statistics and pictures are semsearch.evaluation's."""

import contextlib
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from semsearch.cli.errors import FAILED
from semsearch.cli.output import print_json, print_note, print_text
from semsearch.cli.parameters import AsJson, CollectionName
from semsearch.cli.progress import progress_bar
from semsearch.cli.scores import as_json_object, result_text
from semsearch.cli.shelf import Shelf
from semsearch.errors import InvalidRequestError

if TYPE_CHECKING:
    from semsearch.collection import Collection
    from semsearch.evaluation import Evaluation

_Judged: TypeAlias = tuple[dict[str, str], dict[str, dict[str, int]]]  # queries, qrels
_Folder = Annotated[
    Path | None, typer.Argument(metavar="BEIR_DIR", help="Folder with queries.jsonl and qrels/; or say one of:")
]
_Judgments = Annotated[bool, typer.Option("--judgments", help="Go by what was said with judge.")]
_KnownItem = Annotated[
    str | None,
    typer.Option("--known-item", metavar="sentence|title", help="Find documents by one of their sentences, or titles."),
]
_Sample = Annotated[int | None, typer.Option("--sample", metavar="N", help="Known items to find, 500 if not said.")]
_Seed = Annotated[int | None, typer.Option("--seed", metavar="N", help="Of the draw of known items, 0 if not said.")]
_Split = Annotated[str | None, typer.Option("--split", metavar="NAME", help="Of BEIR_DIR: test if not said.")]
_Mode = Annotated[str | None, typer.Option("--mode", metavar="NAME", help="How queries are matched, as in search.")]
_Rerank = Annotated[
    int, typer.Option("--rerank", metavar="N", help="Have the cross-encoder reorder the first N, as in search.")
]
_Depth = Annotated[int, typer.Option("--depth", metavar="N", help="Documents a ranking.")]
_Measures = Annotated[
    list[str] | None, typer.Option("--measure", metavar="NAME", help="What to measure, like ndcg@10; may be repeated.")
]
_Compare = Annotated[
    list[str] | None,
    typer.Option("--compare", metavar="OPTION=VALUE", help="With the same, but for this option of search."),
]
_Other = Annotated[
    str | None, typer.Option("--compare-collection", metavar="OTHER", help="With the same, but in this collection.")
]
_Identical = Annotated[
    bool, typer.Option("--ignore-identical-ids", help="Leave out of a ranking the document with the query's id.")
]
_Thresholds = Annotated[
    list[str] | None, typer.Option("--fail-under", metavar="MEASURE=VALUE", help="Exit with 1 if it is less.")
]
_Plot = Annotated[Path | None, typer.Option("--plot", metavar="FILE.png", help="Draw the measures.")]


def evaluate(
    context: typer.Context,
    collection: CollectionName,
    folder: _Folder = None,
    *,
    judgments: _Judgments = False,
    known_item: _KnownItem = None,
    sample: _Sample = None,
    seed: _Seed = None,
    split: _Split = None,
    mode: _Mode = None,
    rerank: _Rerank = 0,
    depth: _Depth = 100,
    measures: _Measures = None,
    compare: _Compare = None,
    compare_collection: _Other = None,
    ignore_identical_ids: _Identical = False,
    fail_under: _Thresholds = None,
    plot: _Plot = None,
    as_json: AsJson = False,
) -> None:
    """Measure how good the answers of a collection are, and compare two ways to search."""
    from semsearch.drawing import check_picture
    from semsearch.evaluation.rankings import check_options

    questions = _Questions(folder, split, known_item, sample, seed, judgments=judgments)
    questions.check()
    names = measures or questions.measures()
    thresholds = _parsed_thresholds(fail_under or (), names)
    changes = _parsed_changes(compare or ())
    if plot is not None:
        check_picture(plot)
    told = {"depth": depth, "measures": names, "ignore_identical_ids": ignore_identical_ids}
    told |= ({} if mode is None else {"mode": mode}) | ({"rerank": rerank} if rerank else {})
    shelf = Shelf.of(context)
    with shelf.open(collection) as opened:
        check_options(opened, changes)
        judged = questions.read(opened)
        second = None
        if changes or compare_collection is not None:  # it comes first: almost all that can be wrong is wrong with it
            with contextlib.ExitStack() as stack:
                other = opened if compare_collection is None else stack.enter_context(shelf.open(compare_collection))
                second = _evaluated(other, judged, {**told, **changes})
        first = _evaluated(opened, judged, told)
    _report(first, second, questions.note(), plot, as_json=as_json)
    _check_thresholds(first, thresholds)


@dataclass(frozen=True, slots=True)
class _Questions:
    """Where queries and judgments come from: of three places, one."""

    folder: Path | None
    split: str | None
    known_item: str | None
    sample: int | None
    seed: int | None
    judgments: bool

    def check(self) -> None:
        """Raise InvalidRequestError unless one place is named, and nothing said that is about another one."""
        if (self.folder is not None) + (self.known_item is not None) + self.judgments != 1:
            raise InvalidRequestError("say by what to evaluate: a BEIR_DIR, --judgments, or --known-item")
        if self.split is not None and self.folder is None:
            raise InvalidRequestError("--split is about a BEIR_DIR, and none is given")
        if (self.sample is not None or self.seed is not None) and self.known_item is None:
            raise InvalidRequestError("--sample and --seed are about --known-item, and that is not asked for")

    def measures(self) -> Sequence[str]:
        """What to measure if nothing is said."""
        from semsearch.evaluation.measures import KNOWN_ITEM_MEASURES, MEASURES

        return MEASURES if self.known_item is None else KNOWN_ITEM_MEASURES

    def read(self, collection: "Collection") -> _Judged:
        """Queries and judgments; raises InvalidRequestError."""
        from semsearch.evaluation import judged_queries, known_items, load_beir
        from semsearch.evaluation.known_items import SAMPLE

        if self.folder is not None:
            return load_beir(self.folder, self.split or "test")
        if self.known_item is None:
            return judged_queries(collection)
        sample = SAMPLE if self.sample is None else self.sample
        return known_items(collection, self.known_item, sample=sample, seed=self.seed or 0)

    def note(self) -> str | None:
        """What the reader of the figures has to know of the queries."""
        easier = {
            "sentence": "is part of what is searched, word for word",
            "title": "is embedded in front of each of its chunks",
        }
        if self.known_item is None:
            return None
        return (
            f"known items: each query is a {self.known_item} of the document that it has to find, and "
            f"{easier[self.known_item]}: easier than what people ask"
        )


def _evaluated(collection: "Collection", judged: _Judged, told: dict[str, Any]) -> "Evaluation":
    from semsearch.evaluation import evaluate as measured

    queries, qrels = judged
    with progress_bar(len(queries), "queries", shown=sys.stderr.isatty()) as bar:
        return measured(collection, queries, qrels, progress=lambda done: bar.update(done - bar.n), **told)


def _report(
    first: "Evaluation", second: "Evaluation | None", note: str | None, plot: Path | None, *, as_json: bool
) -> None:
    """Draw and print one evaluation, or the comparison of two."""
    from semsearch.evaluation import compare, draw

    result = first if second is None else compare(first, second)
    if plot is not None:
        draw(result, plot)
        print_note(f"drawn: {plot}")
    if as_json:
        print_json(as_json_object(result))
    else:
        print_text(result_text(result) if note is None else f"{result_text(result)}\n{note}")


def _parsed_changes(texts: Iterable[str]) -> dict[str, object]:
    """Options of a search as OPTION=VALUE, whose values are JSON, or else strings."""
    changes: dict[str, object] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise InvalidRequestError(f"--compare is {text!r:.80}; it has to be OPTION=VALUE, like mode=keyword")
        changes[name] = value
        with contextlib.suppress(ValueError):
            changes[name] = json.loads(value)
    return changes


def _parsed_thresholds(texts: Iterable[str], measures: Sequence[str]) -> dict[str, float]:
    """MEASURE=VALUE, as numbers by measure.

    Raises:
        InvalidRequestError: it is not of this form, or is about what is not measured.
    """
    thresholds: dict[str, float] = {}
    for text in texts:
        name, _, value = text.partition("=")
        if name not in measures:
            known = ", ".join(measures)
            raise InvalidRequestError(f"--fail-under {text!r:.80} is about {name!r:.80}; measured are: {known}")
        with contextlib.suppress(ValueError):
            thresholds[name] = float(value)
        if not 0 <= thresholds.get(name, -1) <= 1:
            raise InvalidRequestError(f"--fail-under is {text!r:.80}; it has to be like {name}=0.6, from 0 to 1")
    return thresholds


def _check_thresholds(evaluation: "Evaluation", thresholds: Mapping[str, float]) -> None:
    """Tell which measures are under their thresholds, and exit with 1 if one is."""
    under = [name for name, threshold in thresholds.items() if evaluation.measures[name].mean < threshold]
    for name in under:
        print_note(f"{name} is {evaluation.measures[name].mean:.6g}, under the {thresholds[name]:.6g} of --fail-under")
    if under:
        raise typer.Exit(FAILED)
