import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select
from sqlalchemy.exc import TimeoutError
from synthetic import clustered

from semsearch import files
from semsearch.errors import (
    CollectionExistsError,
    CollectionLockedError,
    CollectionNotFoundError,
    CorruptStoreError,
    DocumentNotFoundError,
    FormatVersionError,
    StoreError,
    StoreFullError,
)
from semsearch.store import database
from semsearch.store.documents import DATABASE, DocumentStore
from semsearch.store.migrations import FORMAT
from semsearch.store.reader import StoreReader
from semsearch.store.records import CollectionSpec, Entry
from semsearch.store.schema import documents
from semsearch.types import Chunking, Document, ManifestFile, Place, Span

DIM = 8


def entry(document_id: str, text: str = "some text", *, chunks: int = 1, seed: int = 0, **details: object) -> Entry:
    step = max(1, len(text) // chunks)
    spans = tuple(Span(at * step, (at + 1) * step) for at in range(chunks))
    document = Document(document_id, text, **details)
    return Entry(document, text.encode()[:16], b"details", spans, clustered(chunks, DIM, seed=seed).astype(np.float16))


@pytest.fixture
def store(tmp_path: Path) -> DocumentStore:
    return DocumentStore.create(tmp_path / "c", CollectionSpec(DIM, "model", "fingerprint", "float32", 256))


def put(store: DocumentStore, *entries: Entry) -> None:
    with store.write() as writer:
        writer.put(entries)


# --- creating and opening


def test_how_documents_are_cut_is_kept(tmp_path: Path) -> None:
    spec = CollectionSpec(DIM, "model", "fingerprint", "float32", 256, chunking=Chunking("headings", 100, 20))
    DocumentStore.create(tmp_path / "cut", spec).close()
    assert DocumentStore.open(tmp_path / "cut").spec.chunking == Chunking("headings", 100, 20)


def test_a_document_comes_back_with_its_places(store: DocumentStore) -> None:
    places = (Place(0, "Top", 1), Place(5, "Top > Under", 2), Place(6))
    put(store, entry("a", places=places))
    with store.read() as reader:
        assert reader.document("a").places == places


def test_what_was_created_is_what_is_opened(store: DocumentStore) -> None:
    spec = DocumentStore.open(store.root).spec
    assert (spec.dim, spec.model, spec.fingerprint, spec.max_tokens) == (DIM, "model", "fingerprint", 256)
    assert spec.created.startswith("20")


def test_opening_never_creates(tmp_path: Path) -> None:
    with pytest.raises(CollectionNotFoundError, match="nowhere"):
        DocumentStore.open(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CollectionNotFoundError):
        DocumentStore.open(tmp_path / "empty")
    assert list((tmp_path / "empty").iterdir()) == []
    assert not (tmp_path / "nowhere").exists()


def test_creating_where_something_is_is_refused(store: DocumentStore, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"x")
    (tmp_path / "file").write_bytes(b"x")
    for root in (store.root, tmp_path / "photos", tmp_path / "file"):
        with pytest.raises(CollectionExistsError, match=root.name):
            DocumentStore.create(root, CollectionSpec(DIM))


def test_an_interrupted_creation_can_be_made_up_for(tmp_path: Path) -> None:
    (tmp_path / "c" / "tmp").mkdir(parents=True)
    (tmp_path / "c" / "tmp" / DATABASE).write_bytes(b"half of it")
    (tmp_path / "c" / "write.lock").touch()
    with pytest.raises(CollectionNotFoundError):
        DocumentStore.open(tmp_path / "c")
    assert DocumentStore.create(tmp_path / "c", CollectionSpec(DIM)).spec.dim == DIM


def test_the_database_has_the_settings_that_durability_needs(store: DocumentStore) -> None:
    with store.write() as writer:
        settings = {
            name: writer._connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "page_size", "foreign_keys", "trusted_schema", "user_version")
        }
    expected = {"journal_mode": "wal", "synchronous": 2, "page_size": 8192, "foreign_keys": 1, "trusted_schema": 0}
    assert settings == {**expected, "user_version": FORMAT}


def test_a_log_that_grew_while_it_was_read_is_cut_afterwards(
    store: DocumentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_LOG_BYTES", 100_000)
    writing, log = DocumentStore.open(store.root), store.path.with_name(f"{DATABASE}-wal")
    with store.read() as reader:
        reader.state()
        put(writing, *(entry(f"d{number}", "word " * 20_000) for number in range(100)))
    assert log.stat().st_size > 9_000_000
    put(writing, entry("a"))  # moves the log into the file, which is done from 1,000 pages on
    put(writing, entry("b"))  # begins the log anew
    assert log.stat().st_size <= 100_000


@pytest.mark.parametrize("damage", [b"garbage" * 3_000, b"SQLite format 3\x00" + b"\xff" * 20_000, b""])
def test_a_damaged_database_is_named(store: DocumentStore, damage: bytes) -> None:
    store.close()
    store.path.write_bytes(damage)
    with pytest.raises(CorruptStoreError, match=r"collection\.db"):
        DocumentStore.open(store.root)
    assert store.path.read_bytes() == damage


def test_a_page_that_is_damaged_later_on_is_named_when_it_is_read(store: DocumentStore) -> None:
    put(store, *(entry(f"d{n}", "word " * 500) for n in range(200)))
    store.close()
    data = bytearray(store.path.read_bytes())
    data[3 * 8192 :] = b"\xa5" * (len(data) - 3 * 8192)
    store.path.write_bytes(data)
    with pytest.raises(CorruptStoreError), DocumentStore.open(store.root).read() as reader:
        list(reader.tail())


@pytest.mark.parametrize("damage", ["{", "[1]", "null"])
def test_a_json_object_that_is_none_is_named_as_damage(store: DocumentStore, damage: str) -> None:
    put(store, entry("a"))
    with store.write() as writer:
        writer.change_files([], [ManifestFile("faiss/1.ivf", "ivf", 1, "00", {})])
        writer._connection.exec_driver_sql("UPDATE documents SET metadata = ?", (damage,))
        writer._connection.exec_driver_sql("UPDATE files SET details = ?", (damage,))
    for read in (
        lambda reader: reader.document("a"),
        lambda reader: reader.summaries(None, 0, 10),
        lambda reader: reader.chunks([1]),
        lambda reader: reader.manifest(),
    ):
        with pytest.raises(CorruptStoreError, match="where a JSON object has to be"), store.read() as reader:
            read(reader)


def test_a_missing_row_of_the_collection_is_named_as_damage(store: DocumentStore) -> None:
    with store.write() as writer:
        writer._connection.exec_driver_sql("DELETE FROM collection")
    for read in (StoreReader.spec, StoreReader.state):
        with pytest.raises(CorruptStoreError, match="a row that every collection has"), store.read() as reader:
            read(reader)
    with pytest.raises(CorruptStoreError):
        DocumentStore.open(store.root)


def test_a_database_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    sqlite3.connect(tmp_path / "c" / DATABASE).execute("CREATE TABLE t (x)").connection.close()
    with pytest.raises(CorruptStoreError, match="not one of semsearch's"):
        DocumentStore.open(tmp_path / "c")


def test_a_newer_format_is_refused_and_left_alone(store: DocumentStore) -> None:
    store.close()
    connection = sqlite3.connect(store.path)
    connection.execute(f"PRAGMA user_version = {FORMAT + 1}")
    connection.close()
    with pytest.raises(FormatVersionError, match=f"format {FORMAT + 1}.*upgrade"):
        DocumentStore.open(store.root)


# --- reading and writing


def test_a_document_comes_back_as_it_went_in(store: DocumentStore) -> None:
    metadata = {"a": [1, 2.5, None, True, "ü"], "b": {"c": "d"}}
    put(store, entry("x", "Grüße 😀 中文\r\n\tend", title="T", source="s", metadata=metadata))
    with store.read() as reader:
        assert reader.document("x") == Document("x", "Grüße 😀 中文\r\n\tend", metadata, "T", "s")
        with pytest.raises(DocumentNotFoundError, match="'y'"):
            reader.document("y")


def test_the_text_of_a_chunk_is_its_span_of_the_document(store: DocumentStore) -> None:
    text = "a😀b中c\r\nd́e" * 20
    put(store, entry("x", text, chunks=7))
    with store.read() as reader:
        found = reader.chunks(range(1, 100))
    assert len(found) == 7
    assert all(text[record.chunk.start : record.chunk.end] == record.chunk.text for record in found.values())
    assert "".join(found[id].chunk.text for id in sorted(found)) == text[: 7 * (len(text) // 7)]


def test_a_replaced_document_keeps_its_place_and_gets_new_chunk_ids(store: DocumentStore) -> None:
    put(store, entry("a", chunks=2), entry("b", chunks=2), entry("c"))
    put(store, entry("b", "another text", chunks=3))
    with store.read() as reader:
        assert [summary.id for _, summary in reader.summaries(None, 0, 10)] == ["a", "b", "c"]
        assert sorted(reader.chunks(range(1, 100))) == [1, 2, 5, 6, 7, 8]
        assert reader.deleted_chunks()[0].tolist() == [3, 4]


def test_ids_are_not_used_again_after_everything_was_removed(store: DocumentStore) -> None:
    put(store, entry("a", chunks=3))
    with store.write() as writer:
        assert writer.remove(["a", "b"]) == {"a"}
    put(store, entry("a", chunks=1))
    with store.read() as reader:
        assert sorted(reader.chunks(range(1, 100))) == [4]
        assert reader.counts().tail == 1


def test_vectors_come_back_in_blocks_in_the_order_of_their_ids(store: DocumentStore) -> None:
    put(store, *(entry(f"d{n}", "text " * 9, chunks=3, seed=n) for n in range(10)))
    with store.read() as reader:
        [(ids, vectors)] = reader.tail(after=5)
    assert ids.tolist() == list(range(6, 31))
    assert (vectors[1:4] == clustered(3, DIM, seed=2).astype(np.float16)).all()


def test_a_vector_of_another_length_is_named_as_damage(store: DocumentStore) -> None:
    put(store, entry("a"))
    with store.write() as writer:
        writer._connection.exec_driver_sql("UPDATE tail_vectors SET vector = x'0000'")
    with pytest.raises(CorruptStoreError, match="between chunk 1 and chunk 1"), store.read() as reader:
        list(reader.tail())


def test_a_filter_gives_the_chunk_ids_of_its_documents(store: DocumentStore) -> None:
    put(store, *(entry(f"d{n}", "text " * 9, chunks=3, metadata={"n": n}) for n in range(6)))
    with store.read() as reader:
        assert reader.chunk_ids({"n": {"$in": [1, 4]}}).tolist() == [4, 5, 6, 13, 14, 15]
        assert reader.chunk_ids({"n": 99}).tolist() == []


# --- transactions, snapshots, processes


def test_nothing_of_a_transaction_that_raises_is_kept(store: DocumentStore) -> None:
    put(store, entry("a"))
    with pytest.raises(RuntimeError, match="midway"), store.write() as writer:
        writer.put([entry("b"), entry("a", "changed")])
        writer.remove(["a"])
        raise RuntimeError("midway")
    with store.read() as reader:
        assert reader.document("a").text == "some text"
        assert reader.counts().documents == 1
        assert reader.state().version == 1


def test_a_snapshot_does_not_see_later_commits(store: DocumentStore) -> None:
    put(store, entry("a"))
    with store.read() as reader:
        assert reader.counts().documents == 1
        put(store, entry("b"))
        assert reader.counts().documents == 1
    with store.read() as reader:
        assert reader.counts().documents == 2


def test_a_second_writer_is_refused_with_the_first_ones_name_and_readers_go_on(store: DocumentStore) -> None:
    put(store, entry("a"))
    other = DocumentStore.open(store.root)
    with pytest.raises(CollectionLockedError, match=r"process \d+.*one writer"), other.write():
        pass
    with other.read() as reader:
        assert reader.document("a").text == "some text"
    store.close()
    put(other, entry("b"))
    with other.read() as reader:
        assert reader.counts().documents == 2


def test_the_lock_ends_with_a_killed_process(store: DocumentStore) -> None:
    code = (
        "import sys; from pathlib import Path; from semsearch.store.documents import DocumentStore\n"
        "store = DocumentStore.open(Path(sys.argv[1])); store.lock(); print('locked', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(store.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        with pytest.raises(CollectionLockedError, match=f"process {process.pid}"):
            store.lock()
        process.kill()
    store.lock()


def test_threads_take_turns_in_writing(store: DocumentStore) -> None:
    errors: list[BaseException] = []

    def write(number: int) -> None:
        try:
            for turn in range(5):
                put(store, entry(f"{number}-{turn}"))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with store.read() as reader:
        assert reader.counts().documents == 20
        assert reader.state().version == 20


def test_a_full_disk_is_named_and_loses_nothing(store: DocumentStore) -> None:
    put(store, entry("a"))
    with pytest.raises(StoreFullError, match="no space"), store.write() as writer:
        pages = writer._connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        writer._connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        writer.put([entry(f"b{number}", "word " * 5_000) for number in range(50)])
    with store.write() as writer:
        writer._connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
        writer.put([entry("c")])
    with store.read() as reader:
        assert {summary.id for _, summary in reader.summaries(None, 0, 99)} == {"a", "c"}


def test_a_statement_that_sqlite_refuses_is_a_store_error(store: DocumentStore) -> None:
    with pytest.raises(StoreError, match="no such table"), store.read() as reader:
        reader._connection.exec_driver_sql("SELECT * FROM absent")


def test_sqlalchemys_own_errors_are_store_errors(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no connection was free"), database.translated(tmp_path / DATABASE):
        raise TimeoutError("no connection was free")


def test_naming_the_chunks_of_a_filter_takes_at_most_four_times_the_reading_of_their_rows(store: DocumentStore) -> None:
    put(store, *(entry(f"d{number}") for number in range(20_000)))

    def seconds(work: Callable[[], object]) -> float:
        began = time.process_time()
        work()
        return time.process_time() - began

    with store.read() as reader:
        rows = select(documents.c.first_chunk, documents.c.last_chunk)
        reading = min(seconds(lambda: reader._connection.execute(rows).all()) for _ in range(3))
        naming = min(seconds(lambda: reader.chunk_ids({})) for _ in range(3))
        assert reader.chunk_ids({}).tolist() == list(range(1, 20_001))
    assert naming < 4 * reading  # about as much is seen, and ten times it when numpy looks at each row


# --- what readers need to keep up


def test_a_change_of_files_changes_manifest_tail_and_tombstones_in_one_commit(store: DocumentStore) -> None:
    put(store, entry("a"), entry("b"), entry("c"), entry("d"))
    with store.write() as writer:
        writer.remove(["a", "b"])
    with store.read() as reader:
        before = reader.state()
    old = ManifestFile("faiss/1.ivf", "ivf", 10, "00", {"rows": 2})
    new = ManifestFile("faiss/2.ivf", "ivf", 11, "01", {"rows": 3, "curve": [[1, 0.5]]})
    with store.write() as writer:
        writer.change_files([], [old])
    with store.write() as writer:
        writer.change_files([old.name], [new])
        writer.take_from_tail(3)
        writer.forget_tombstones([1])
    with store.read() as reader:
        assert reader.manifest() == [new]
        assert reader.deleted_chunks()[0].tolist() == [2]
        assert [ids.tolist() for ids, _ in reader.tail()] == [[4]]
        assert (reader.tail_rows(), reader.counts().chunks) == (1, 2)
        assert reader.state().layout == before.layout + 2


def test_failpoints_fire_around_the_commit(store: DocumentStore) -> None:
    def stop() -> None:
        raise InterruptedError

    with files.armed("store.precommit", stop), pytest.raises(InterruptedError):
        put(store, entry("a"))
    with store.read() as reader:
        assert reader.counts().documents == 0
    with files.armed("store.postcommit", stop), pytest.raises(InterruptedError):
        put(store, entry("a"))
    with store.read() as reader:
        assert reader.counts().documents == 1
