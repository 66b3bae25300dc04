"""How good the answers of a collection are, by judgments; what an index finds of the exact neighbours is `tune`'s."""

from semsearch.evaluation.beir import load_beir
from semsearch.evaluation.evaluating import compare, evaluate
from semsearch.evaluation.judged import judged_queries
from semsearch.evaluation.known_items import known_items
from semsearch.evaluation.picture import draw
from semsearch.evaluation.results import Comparison, Difference, Estimate, Evaluation

__all__ = [
    "Comparison",
    "Difference",
    "Estimate",
    "Evaluation",
    "compare",
    "draw",
    "evaluate",
    "judged_queries",
    "known_items",
    "load_beir",
]
