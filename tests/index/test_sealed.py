"""The files that a manifest names, read as segments and an index, or refused."""

import os
from pathlib import Path

import numpy as np
import pytest
from synthetic import clustered

from semsearch import files
from semsearch.errors import CorruptStoreError
from semsearch.index import lists as inverted
from semsearch.index.build import encode_delta, train_base
from semsearch.index.collection_index import Measured
from semsearch.index.ids import Write, write_array, write_ids
from semsearch.index.sealed import SealedSegment, curve_of, read_index, read_part, read_queries, read_segments
from semsearch.index.segment import write_rows
from semsearch.index.sizing import Codec, Plan
from semsearch.types import Ids, ManifestFile, OperatingPoint, Vectors

DIM, NLIST = 8, 10
VECTORS = clustered(900, DIM)
IDS = np.arange(900, dtype=np.int64) + 1
CUTS = (slice(0, 300), slice(300, 700), slice(700, 900))
NO_IDS = np.empty(0, dtype=np.int64)
CURVE = [[3, 2, 0.9, 0.8, 0.1, 1.0]]
CODECS = pytest.mark.parametrize("codec", list(Codec))


class Folder:
    """A root with files and the manifest of them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.manifest: list[ManifestFile] = []

    def publish(self, name: str, kind: str, write: Write, **details: object) -> None:
        published = files.publish(self.root, name, write)
        self.manifest.append(ManifestFile(name, kind, published.bytes, published.sha256, details))

    def add_segment(self, name: str, ids: Ids, vectors: Vectors) -> None:
        stored = vectors.astype(np.float16)
        about = {"rows": len(ids), "first": int(ids[0]), "last": int(ids[-1])}
        self.publish(f"vectors/{name}.f16", "segment", lambda write: write_rows(write, stored), **about)
        of = f"vectors/{name}.f16"
        self.publish(f"vectors/{name}.ids.npy", "segment_ids", lambda write: write_ids(write, ids), segment=of)

    def add_index(self, codec: Codec) -> None:
        """A base over the first two segments, and a delta over the third."""
        first, second, third = (each.segment for each in self.segments())
        base, ids = train_base([first, second], Plan(NLIST, codec, 700))
        delta, more = encode_delta(codec, base, len(ids), [third])
        about = {"codec": codec, "dim": DIM, "curve": CURVE, "exact_milliseconds": 5.0}
        self.publish("faiss/1.base", "base", lambda write: inverted.write(base, write), **about)
        self.publish("faiss/1.base.ids.npy", "base_ids", lambda write: write_ids(write, ids))
        self.publish("faiss/2.delta", "delta", lambda write: inverted.write(delta, write))
        self.publish("faiss/2.delta.ids.npy", "delta_ids", lambda write: write_ids(write, more))

    def segments(self, deleted: Ids = NO_IDS) -> list[SealedSegment]:
        return read_segments(self.root, self.manifest, deleted)

    def index(self, deleted: Ids = NO_IDS) -> Measured | None:
        return read_index(self.root, self.manifest, [each.segment for each in self.segments(deleted)], deleted)

    def file(self, kind: str) -> ManifestFile:
        return next(file for file in self.manifest if file.kind == kind)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path)
    for number in (2, 0, 1):  # in whatever order
        made.add_segment(f"{number}-0", IDS[CUTS[number]], VECTORS[CUTS[number]])
    return made


def test_segments_come_in_the_order_of_their_ids_without_deleted_rows(folder: Folder) -> None:
    sealed = folder.segments(np.array([1, 2, 900]))
    assert [(each.last, len(each.segment)) for each in sealed] == [(300, 298), (700, 400), (900, 199)]


@CODECS
def test_base_and_delta_are_read_as_one_payload_with_its_curve(folder: Folder, codec: Codec) -> None:
    assert folder.index() is None
    folder.add_index(codec)
    measured = folder.index(np.array([5, 800]))
    assert measured is not None
    assert measured.curve == curve_of(folder.file("base")) == (OperatingPoint(3, 2, 0.9, 0.8, 0.1, 1.0),)
    assert measured.exact_milliseconds == 5.0
    payload = measured.payload
    assert (payload.codec, len(payload.parts), len(payload)) == (codec, 2, 898)
    assert payload.ids.tolist() == IDS.tolist()
    found = payload.search(VECTORS[::90], 1, nprobe=NLIST, candidates=40).ids
    assert found[:, 0].tolist() == IDS[::90].tolist()


@CODECS
@pytest.mark.parametrize(("kind", "ids"), [("base_ids", IDS[:699]), ("delta_ids", IDS[:900])])
def test_ids_of_another_index_are_refused(folder: Folder, codec: Codec, kind: str, ids: Ids) -> None:
    folder.add_index(codec)
    wrong = folder.file(kind)
    folder.manifest.remove(wrong)
    folder.publish("faiss/9.wrong.ids.npy", kind, lambda write: write_ids(write, ids))
    with pytest.raises(ValueError, match="do not belong together"):
        folder.index()


@pytest.mark.parametrize("kind", ["base", "base_ids", "delta", "delta_ids"])
def test_a_file_of_another_size_is_refused(folder: Folder, kind: str) -> None:
    folder.add_index(Codec.SQ8)
    path = folder.root / folder.file(kind).name
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(ValueError, match="were published"):
        folder.index()


@pytest.mark.parametrize("kind", ["base", "base_ids", "delta", "delta_ids"])
def test_a_file_that_a_writer_has_removed_meanwhile_is_told_from_a_damaged_one(
    folder: Folder, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.add_index(Codec.COMPACT)
    segments = [each.segment for each in folder.segments()]
    monkeypatch.setattr("semsearch.index.sealed.check_size", lambda root, file: None)  # as if it vanished right after
    (folder.root / folder.file(kind).name).unlink()
    with pytest.raises(FileNotFoundError):
        read_index(folder.root, folder.manifest, segments, NO_IDS)


def test_a_segment_that_is_mapped_needs_its_file_no_more(folder: Folder) -> None:
    folder.add_index(Codec.COMPACT)
    segments = [each.segment for each in folder.segments()]
    (folder.root / folder.file("segment").name).unlink()
    index = read_index(folder.root, folder.manifest, segments, NO_IDS)
    assert index is not None
    found = index.payload.search(VECTORS[:1], 3, nprobe=index.payload.nlist, candidates=8)
    assert found.ids[0, 0] == IDS[0]


def test_a_part_is_read_as_what_it_was_published_as(folder: Folder) -> None:
    folder.add_index(Codec.COMPACT)
    lists, ids = read_part(folder.root, Codec.COMPACT, folder.file("delta"), folder.file("delta_ids"), mapped=False)
    assert ids.tolist() == IDS[700:].tolist()
    assert sorted(set(inverted.rows_by_list(lists)[0].tolist())) == list(range(700, 900))
    with pytest.raises(ValueError, match="does not hold inverted lists in the codec sq8"):
        read_part(folder.root, Codec.SQ8, folder.file("base"), folder.file("base_ids"), mapped=True)


def test_queries_are_read_or_named_as_damaged(folder: Folder) -> None:
    assert read_queries(folder.root, folder.manifest) is None
    folder.publish("faiss/3.queries.npy", "queries", lambda write: write_array(write, VECTORS[:20]))
    queries = read_queries(folder.root, folder.manifest)
    assert queries is not None
    assert (queries == VECTORS[:20]).all()
    path = folder.root / "faiss/3.queries.npy"
    path.write_bytes(b"\x5a" * path.stat().st_size)
    with pytest.raises(CorruptStoreError, match=r"3\.queries\.npy"):
        read_queries(folder.root, folder.manifest)
    path.unlink()
    with pytest.raises(CorruptStoreError, match=r"3\.queries\.npy"):
        read_queries(folder.root, folder.manifest)
