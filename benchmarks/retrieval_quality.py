"""How good are the answers: nDCG@10 by mode on BEIR collections, default model, exact search, best chunk a document.

0.6451 is published for all-MiniLM-L6-v2 on SciFact with one vector a document, cut at 256 tokens. The set
`identifiers` is made here: passages that alone hold an identifier or a number, to be found by it.
"""

import argparse
import random
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import ir_measures
from data import SEED, RememberingEmbedder, corpus, data_folder, passages, queries
from ir_measures import Qrel, ScoredDoc, nDCG
from report import write
from tqdm import tqdm

from semsearch import Collection, Document
from semsearch.config import DEFAULT_MODEL
from semsearch.store.terms import Kind, terms_of

SETS = ("scifact", "cranfield", "medline", "xquad/en", "limit-small", "arxiv-title2abs-20k", "identifiers")
MODES: Mapping[str, Mapping[str, str]] = {
    "semantic": {"mode": "semantic"},
    "keyword": {"mode": "keyword"},
    "hybrid": {"mode": "hybrid"},
    "hybrid, rrf": {"mode": "hybrid", "fusion": "rrf"},
}
CHUNKS = 100  # hits, among which there are ten documents
PASSAGES, IDENTIFIERS = 10_000, 400
ASKED = ("{}", "how do I use {}?")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", default=SETS, help=f"folders of the data's beir/ (default: {SETS})")
    parser.add_argument("--precision", nargs="+", default=["auto"], help="of the documents' embeddings, one or several")
    arguments = parser.parse_args()
    figures = {f"nDCG@10, documents in {each}": table(arguments.sets, each) for each in arguments.precision}
    write("retrieval_quality", {**vars(arguments), "search": "exact", "model": DEFAULT_MODEL}, figures)
    if any(row.get("truncated") for rows in figures.values() for row in rows):
        sys.exit("chunks were truncated")


def table(sets: Sequence[str], precision: str) -> list[dict[str, str | int | float]]:
    """A row for each set, and one for their mean."""
    embedder = RememberingEmbedder(precision)
    rows = []
    for name in sets:
        rows.append(measured(name, embedder))
        embedder.save()
    if len(rows) > 1:
        rows.append({"set": "mean", **{mode: round(statistics.mean(row[mode] for row in rows), 4) for mode in MODES}})
    return rows


def measured(name: str, embedder: RememberingEmbedder) -> dict[str, str | int | float]:
    """A row of the table."""
    documents, asked, qrels = identifiers() if name == "identifiers" else beir(name)
    with tempfile.TemporaryDirectory() as folder, Collection.create(Path(folder) / "c", model=embedder) as collection:
        report = collection.add(tqdm(documents, desc=name, unit="doc", disable=None))
        quality = {mode: round(ndcg(collection, asked, qrels, options), 4) for mode, options in MODES.items()}
    refused = len(report.failed)
    return {"set": name, **quality, "chunks": report.chunks, "refused": refused, "truncated": report.truncated}


def ndcg(collection: Collection, asked: Mapping[str, str], qrels: Iterable[Qrel], options: Mapping[str, str]) -> float:
    run = [
        ScoredDoc(query_id, document_id, score)
        for query_id, text in tqdm(asked.items(), desc=options["mode"], disable=None)
        for document_id, score in best_chunks(collection, text, options).items()
    ]
    return float(ir_measures.calc_aggregate([nDCG @ 10], list(qrels), run)[nDCG @ 10])


def best_chunks(collection: Collection, text: str, options: Mapping[str, str]) -> dict[str, float]:
    """For each document a number that is the larger, the better its best chunk is ranked."""
    scores: dict[str, float] = {}
    for hit in collection.search(text, k=CHUNKS, exact=True, **options).hits:
        scores.setdefault(hit.document_id, 1 / hit.rank)
    return scores


def beir(name: str) -> tuple[list[Document], dict[str, str], list[Qrel]]:
    """Documents, judged queries and qrels."""
    lines = (data_folder() / "beir" / name / "qrels" / "test.tsv").read_text().splitlines()[1:]
    qrels = [Qrel(query, document, int(grade)) for query, document, grade in (line.split("\t") for line in lines)]
    judged = {qrel.query_id for qrel in qrels}
    return list(corpus(name)), {id: text for id, text in queries(name).items() if id in judged}, qrels


def identifiers() -> tuple[list[Document], dict[str, str], list[Qrel]]:
    """Passages, and questions for what only one of them holds: compounds with symbols, and words with digits."""
    texts = passages(PASSAGES)
    places = defaultdict(set)
    spelled = {}
    for number, text in enumerate(texts):
        for term in terms_of(text):
            places[term.text].add(number)
            spelling = text[term.start : term.end]
            if term.kind is Kind.EXACT or (term.kind is Kind.WORD and any(each.isdigit() for each in spelling)):
                spelled[term.text] = spelling
    rare = sorted(term for term in spelled if len(places[term]) == 1 and 4 <= len(term) < 40)
    chosen = random.Random(SEED).sample(rare, IDENTIFIERS)
    asked = {f"{term} {way}": way.format(spelled[term]) for term in chosen for way in ASKED}
    qrels = [Qrel(f"{term} {way}", str(*places[term]), 1) for term in chosen for way in ASKED]
    return [Document(str(number), text) for number, text in enumerate(texts)], asked, qrels


if __name__ == "__main__":
    main()
