"""What a collection holds and what serves its searches, gathered from where it is known."""

from semsearch import files
from semsearch.index.sealed import curve_of
from semsearch.search.snapshot import SnapshotCache
from semsearch.store.documents import DocumentStore
from semsearch.store.migrations import FORMAT
from semsearch.types import CollectionInfo, IndexInfo, ManifestFile


def describe(store: DocumentStore, snapshots: SnapshotCache, device: str | None) -> CollectionInfo:
    """The present state; `device` is where the model runs."""
    spec, root = store.spec, store.root
    with store.read() as reader:
        counts, manifest = reader.counts(), reader.manifest()
    status = snapshots.status()
    return CollectionInfo(
        name=root.name,
        path=str(root),
        documents=counts.documents,
        chunks=counts.chunks,
        tail=status.tail,
        tombstones=counts.tombstones,
        model=spec.model,
        fingerprint=spec.fingerprint,
        dim=spec.dim,
        max_tokens=spec.max_tokens,
        device=device,
        target_recall=spec.target_recall,
        index=_index_info(manifest),
        degraded=status.degraded,
        bytes=files.size_on_disk(root),
        format=FORMAT,
        created=spec.created,
    )


def _index_info(manifest: list[ManifestFile]) -> IndexInfo | None:
    ivf = next((file for file in manifest if file.kind == "ivf"), None)
    if ivf is None:
        return None
    return IndexInfo(
        rows=ivf.details["rows"],
        nlist=ivf.details["nlist"],
        curve=curve_of(ivf),
        measured=ivf.details["measured"],
        queries=sum(file.details["rows"] for file in manifest if file.kind == "queries"),
        bytes=sum(file.bytes for file in manifest if file.kind in {"ivf", "ivf_ids"}),
    )
