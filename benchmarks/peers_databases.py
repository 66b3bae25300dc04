"""The databases that are compared, one class each behind `Database`; each is used as its own documentation says.

Texts and metadata are stored and come back with every hit. How they are measured is in peers_measures.py. A class
imports its library when it is made, so that a missing one hinders no other, and no other's memory.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol, TypeAlias

from peers_data import Ids, K, Passages, Peer, Vectors, Where

_BATCH = 5_000
Settings: TypeAlias = dict[str, dict[str, Any]]


class Found(NamedTuple):
    """A hit: the row's number, and what was stored with it."""

    number: int
    text: str
    percent: int


class Database(Protocol):
    """What a peer has to do; `settings` are keyword arguments of `search` by what a reader would call them."""

    settings: ClassVar[Settings]

    def build(self, folder: Path, passages: Passages) -> None:
        """Store and index all passages, durably, and close."""

    def open(self, folder: Path) -> None:
        """Make ready to search and to remove."""

    def search(self, query: Vectors, where: Where | None, **setting: Any) -> list[Found]:  # noqa: ANN401
        """The K nearest to one query (dim,)."""

    def remove(self, numbers: Ids) -> None:
        """Delete rows by id, durably."""


class Semsearch:
    settings: ClassVar[Settings] = {"target 0.95": {"target_recall": 0.95}, "target 0.99": {"target_recall": 0.99}}

    def __init__(self) -> None:
        import semsearch

        self._library = semsearch

    def build(self, folder: Path, passages: Passages) -> None:
        dim = passages.vectors.shape[1]
        with self._library.Collection.create(folder / "passages", dim=dim) as collection:
            collection.add(
                self._library.Document(str(number), text, passages.metadata(number), vector=passages.vectors[number])
                for number, text in enumerate(passages.texts)
            )

    def open(self, folder: Path) -> None:
        self._collection = self._library.Collection.open(folder / "passages")

    def search(self, query: Vectors, where: Where | None, *, target_recall: float) -> list[Found]:
        only = {where.field: where.value} if where else None
        result = self._collection.search(vector=query, k=K, filter=only, target_recall=target_recall)
        return [Found(int(hit.document_id), hit.text, hit.metadata["percent"]) for hit in result.hits]

    def remove(self, numbers: Ids) -> None:
        self._collection.remove(map(str, numbers.tolist()))


class Chroma:
    settings: ClassVar[Settings] = {"default": {}}

    def __init__(self) -> None:
        import chromadb

        self._library, self._quiet = chromadb, chromadb.Settings(anonymized_telemetry=False)

    def _client(self, folder: Path) -> Any:  # noqa: ANN401
        return self._library.PersistentClient(folder, settings=self._quiet)

    def build(self, folder: Path, passages: Passages) -> None:
        client = self._client(folder)
        collection = client.create_collection(
            "passages", embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
        )
        for numbers in passages.batches(min(_BATCH, client.get_max_batch_size())):
            collection.add(
                ids=[str(number) for number in numbers],
                embeddings=passages.vectors[numbers.start : numbers.stop],
                documents=passages.texts[numbers.start : numbers.stop],
                metadatas=[passages.metadata(number) for number in numbers],
            )

    def open(self, folder: Path) -> None:
        self._collection = self._client(folder).get_collection("passages", embedding_function=None)

    def search(self, query: Vectors, where: Where | None) -> list[Found]:
        only = {where.field: where.value} if where else None
        result = self._collection.query(
            query_embeddings=[query], n_results=K, where=only, include=["documents", "metadatas", "distances"]
        )
        columns = zip(result["ids"][0], result["documents"][0], result["metadatas"][0], strict=True)
        return [Found(int(id), text, metadata["percent"]) for id, text, metadata in columns]

    def remove(self, numbers: Ids) -> None:
        for start in range(0, len(numbers), _BATCH):
            self._collection.delete(ids=[str(number) for number in numbers[start : start + _BATCH]])


class LanceDB:
    """With the index that its documentation advises for filtered search, and vectors re-ranked by `refine_factor`."""

    settings: ClassVar[Settings] = {"refine_factor 5": {"refine": 5}, "refine_factor 10": {"refine": 10}}

    def __init__(self) -> None:
        import lancedb
        import pyarrow

        self._library, self._arrow = lancedb, pyarrow

    def build(self, folder: Path, passages: Passages) -> None:
        arrow, dim = self._arrow, passages.vectors.shape[1]
        numbers = {name: arrow.int64() for name in ("number", "percent", "tenth")}
        schema = arrow.schema({**numbers, "text": arrow.string(), "vector": arrow.list_(arrow.float32(), dim)})
        table = self._library.connect(folder).create_table("passages", self._batches(passages, schema), schema=schema)
        table.create_index("vector", config=self._library.index.IvfRq(distance_type="cosine"))
        table.create_index("percent", config=self._library.index.Bitmap())
        table.create_index("tenth", config=self._library.index.Bitmap())

    def _batches(self, passages: Passages, schema: Any) -> Iterator[Any]:  # noqa: ANN401
        for numbers in passages.batches(_BATCH):
            part = slice(numbers.start, numbers.stop)
            vectors, percent = passages.vectors[part], passages.percent[part]
            columns = {
                "number": list(numbers),
                "percent": percent,
                "tenth": percent // 10,
                "text": passages.texts[part],
                "vector": self._arrow.FixedSizeListArray.from_arrays(vectors.ravel(), vectors.shape[1]),
            }
            yield self._arrow.RecordBatch.from_pydict(columns, schema=schema)

    def open(self, folder: Path) -> None:
        self._table = self._library.connect(folder).open_table("passages")

    def search(self, query: Vectors, where: Where | None, *, refine: int) -> list[Found]:
        asked = self._table.search(query).distance_type("cosine").refine_factor(refine).limit(K)
        asked = asked.select(["number", "text", "percent", "tenth", "_distance"])
        rows = (asked.where(f"{where.field} = {where.value}") if where else asked).to_list()
        return [Found(row["number"], row["text"], row["percent"]) for row in rows]

    def remove(self, numbers: Ids) -> None:
        for start in range(0, len(numbers), _BATCH):
            self._table.delete(f"number IN ({', '.join(map(str, numbers[start : start + _BATCH]))})")


class Txtai:
    """Takes vectors by its `external` method, which calls a function for them; filters what it found before."""

    # what a filter is applied to: ten times the hits asked for, or so many
    settings: ClassVar[Settings] = {"default": {"candidates": ""}, "2,000 candidates": {"candidates": ", 2000"}}

    def __init__(self) -> None:
        from txtai import Embeddings

        self._library = Embeddings

    def build(self, folder: Path, passages: Passages) -> None:
        numbers = {text: number for number, text in enumerate(passages.texts)}

        def vectors(texts: list[str]) -> Vectors:
            return passages.vectors[[numbers[text] for text in texts]]

        embeddings = self._library({"method": "external", "transform": vectors, "content": True})
        embeddings.index(
            (str(number), {"text": text, **passages.metadata(number)}) for number, text in enumerate(passages.texts)
        )
        embeddings.save(str(folder / "passages"))

    def open(self, folder: Path) -> None:
        self._folder, self._embeddings = folder, self._library()
        self._embeddings.load(str(folder / "passages"), config={"transform": None})  # queries bring their vectors

    def search(self, query: Vectors, where: Where | None, *, candidates: str) -> list[Found]:
        only = f"similar(:query{candidates}) and {where.field} = {where.value}" if where else "similar(:query)"
        sql = f"select id, text, percent, tenth, score from txtai where {only}"
        rows = self._embeddings.search(sql, K, parameters={"query": query})
        return [Found(int(row["id"]), row["text"], row["percent"]) for row in rows]

    def remove(self, numbers: Ids) -> None:
        self._embeddings.delete(list(map(str, numbers.tolist())))
        self._embeddings.save(str(self._folder / "passages"))


class SqliteVec:
    """Exact; through apsw, since Python's own sqlite3 is often built without loadable extensions."""

    settings: ClassVar[Settings] = {"exact": {}}

    def __init__(self) -> None:
        import apsw
        import sqlite_vec

        self._library, self._extension = apsw, sqlite_vec.loadable_path()

    def build(self, folder: Path, passages: Passages) -> None:
        self.open(folder)
        self._connection.execute(
            f"CREATE VIRTUAL TABLE passages USING vec0(number INTEGER PRIMARY KEY, percent INTEGER, tenth INTEGER,"
            f" +text TEXT, vector FLOAT[{passages.vectors.shape[1]}] distance_metric=cosine)"
        )
        rows = (
            (number, percent, percent // 10, text, vector.tobytes())
            for number, (percent, text, vector) in enumerate(
                zip(passages.percent.tolist(), passages.texts, passages.vectors, strict=True)
            )
        )
        with self._connection:
            self._connection.executemany(
                "INSERT INTO passages(number, percent, tenth, text, vector) VALUES (?, ?, ?, ?, ?)", rows
            )
        self._connection.close()

    def open(self, folder: Path) -> None:
        self._connection = self._library.Connection(str(folder / "passages.db"))
        self._connection.enable_load_extension(True)
        self._connection.load_extension(self._extension)

    def search(self, query: Vectors, where: Where | None) -> list[Found]:
        only = f" AND {where.field} = {where.value}" if where else ""
        sql = f"SELECT number, text, percent, tenth, distance FROM passages WHERE vector MATCH ? AND k = {K}{only}"
        return [Found(*row[:3]) for row in self._connection.execute(sql, (query.tobytes(),))]

    def remove(self, numbers: Ids) -> None:
        with self._connection:
            self._connection.executemany(
                "DELETE FROM passages WHERE number = ?", ((number,) for number in numbers.tolist())
            )


DATABASES: dict[str, Peer[Database]] = {
    "semsearch": Peer(("semsearch",), Semsearch),
    "Chroma": Peer(("chromadb",), Chroma),
    "LanceDB": Peer(("lancedb",), LanceDB),
    "txtai": Peer(("txtai",), Txtai),
    "sqlite-vec": Peer(("sqlite-vec", "apsw"), SqliteVec),
}
