"""Does arithmetic with words work: `king - man + woman` and 44 more, as expressions, over a few thousand nouns.

The collection holds the most frequent nouns of WordNet and the words of the analogies, each as a document of its own.
An analogy is found if its answer is among the first five hits, with its three words passed over, as in the tests of
Google's word2vec (Mikolov et al., 2013). "without" is the control: the answers that are among the five nouns nearest to
the first word alone, so that the arithmetic has no part in them (Linzen, 2016).

And how near the nearest stored vector is, over glosses of nouns, for expressions that mean something and for others.
"""

import argparse
import contextlib
import random
import statistics
import string
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from data import SEED, noun_glosses, nouns
from report import write

from semsearch import Collection, Document
from semsearch.types import Expression

TOP = 5
ASKED = 200  # expressions of each kind
# to the left of the first colon the example, then pairs that are to be completed
FAMILIES = {
    "female": """man:woman king:queen boy:girl brother:sister father:mother son:daughter husband:wife uncle:aunt
        nephew:niece prince:princess grandfather:grandmother grandson:granddaughter grandpa:grandma dad:mom groom:bride
        policeman:policewoman stepfather:stepmother stepson:stepdaughter stepbrother:stepsister actor:actress
        duke:duchess emperor:empress waiter:waitress lord:lady hero:heroine god:goddess""",
    "young": """cat:kitten dog:puppy cow:calf sheep:lamb horse:foal goat:kid bear:cub duck:duckling goose:gosling
        swan:cygnet pig:piglet""",
    "country": """paris:france athens:greece berlin:germany cairo:egypt london:england madrid:spain moscow:russia
        rome:italy tokyo:japan beijing:china ottawa:canada""",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nouns", type=int, default=5_000, help="of WordNet, to find the answers among")
    parser.add_argument("--glosses", type=int, default=5_000, help="of WordNet, to be near or far from")
    chosen = parser.parse_args()
    common = nouns(chosen.nouns)
    words = list(dict.fromkeys([*common, *(word for family in FAMILIES for pair in pairs_of(family) for word in pair)]))
    with holding({word: word for word in words}) as collection:
        answers = [answer for family in FAMILIES for answer in answers_of(family, collection)]
    shares = [summary(name, answers) for name in [*FAMILIES, ""]]
    stored, others = np.split(np.array(noun_glosses()[: chosen.glosses + ASKED], dtype=object), [chosen.glosses])
    with holding({str(number): gloss for number, gloss in enumerate(stored)}) as collection:
        nearest = [
            distances(kind, asked, collection) for kind, asked in expressions(common, others, len(stored)).items()
        ]
    sizes = {"nouns": len(words), "of WordNet": len(common), "glosses": len(stored)}
    write("analogies", {**sizes, "top": TOP}, {"answers": answers, "found": shares, "nearest": nearest})


@contextlib.contextmanager
def holding(texts: Mapping[str, str]) -> Iterator[Collection]:
    """A collection of these documents."""
    with tempfile.TemporaryDirectory() as folder, Collection.create(Path(folder) / "c") as collection:
        collection.add(Document(id, text) for id, text in texts.items())
        yield collection


def pairs_of(family: str) -> list[tuple[str, str]]:
    """The pairs of a family, of which the first is the example."""
    return [tuple(pair.split(":")) for pair in FAMILIES[family].split()]  # type: ignore[misc]


def answers_of(family: str, collection: Collection) -> Iterator[dict[str, str | int | float | None]]:
    """A row for each analogy: which place its answer has, with and without the arithmetic, and what was found."""
    (start, end), *pairs = pairs_of(family)
    for word, answer in pairs:
        expression = f"{word} - {start} + {end}"
        found, nearest = first(collection, expression, {word, start, end})
        alone, _ = first(collection, word, {word, start, end})
        yield {
            "family": family,
            "expression": expression,
            "answer": answer,
            "place": found.index(answer) + 1 if answer in found else None,
            "without": alone.index(answer) + 1 if answer in alone else None,
            "nearest": round(nearest, 3),
            "found": " ".join(found),
        }


def first(collection: Collection, expression: str, words: set[str]) -> tuple[list[str], float]:
    """The first nouns that an expression finds, without its own words; and the cosine of the nearest stored vector."""
    result = collection.search(expression=expression, k=TOP + len(words), exact=True)
    nearest = -1.0 if result.nearest is None else result.nearest
    return [hit.document_id for hit in result.hits if hit.document_id not in words][:TOP], nearest


def summary(family: str, answers: list[dict[str, str | int | float | None]]) -> dict[str, str | int | float]:
    """The shares of a family, or of all."""
    rows = [answer for answer in answers if family in ("", answer["family"])]
    return {
        "family": family or "all",
        "analogies": len(rows),
        "found": sum(row["place"] is not None for row in rows),
        "share": round(statistics.mean(row["place"] is not None for row in rows), 2),
        "first": sum(row["place"] == 1 for row in rows),
        "without": sum(row["without"] is not None for row in rows),
        "first without": sum(row["without"] == 1 for row in rows),
    }


def expressions(words: Sequence[str], glosses: Sequence[str], stored: int) -> dict[str, list[Expression]]:
    """Some of each kind: from those that have an answer to those that have none."""
    rng = random.Random(SEED)
    drawn = [rng.sample(words, 3) for _ in range(ASKED)]
    ids = [rng.sample(range(stored), 2) for _ in range(ASKED)]
    normal = np.random.default_rng(SEED).standard_normal((ASKED, 384))
    return {
        "a stored gloss": [f"doc:{a}" for a, _ in ids],
        "another gloss": [[{"text": gloss}] for gloss in glosses],
        "a noun": [a for a, _, _ in drawn],
        "noun + noun": [f"{a} + {b}" for a, b, _ in drawn],
        "noun - noun + noun": [f"{a} - {b} + {c}" for a, b, c in drawn],
        "noun - noun": [f"{a} - {b}" for a, b, _ in drawn],
        "nine letters": ["".join(rng.choices(string.ascii_lowercase, k=9)) for _ in drawn],
        "a vector drawn at random": [[{"vector": row}] for row in normal],
        "- noun": [f"-{a}" for a, _, _ in drawn],
        "stored gloss - stored gloss": [f"doc:{a} - doc:{b}" for a, b in ids],
    }


def distances(kind: str, asked: Sequence[Expression], collection: Collection) -> dict[str, str | float]:
    """How near the nearest stored vector is, and how near the first hit."""
    results = [collection.search(expression=each, k=1, exact=True) for each in asked]
    nearest = np.quantile([result.nearest or 0.0 for result in results], [0.05, 0.5, 0.95]).round(2).tolist()
    median = round(float(np.median([result.hits[0].score for result in results])), 2)
    return {
        "expression": kind,
        "5 %": nearest[0],
        "median": nearest[1],
        "95 %": nearest[2],
        "median of first hit": median,
    }


if __name__ == "__main__":
    main()
