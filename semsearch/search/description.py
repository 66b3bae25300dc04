"""What a collection holds and what serves its searches, gathered from where it is known."""

from semsearch import files
from semsearch.index.sealed import PAYLOAD_KINDS, curve_of
from semsearch.reports import CollectionInfo, IndexInfo
from semsearch.search.snapshot import SnapshotCache
from semsearch.store.documents import DocumentStore
from semsearch.store.migrations import FORMAT
from semsearch.types import ManifestFile


def describe(store: DocumentStore, snapshots: SnapshotCache, device: str | None) -> CollectionInfo:
    """The present state; `device` is where the model runs."""
    spec, root = store.spec, store.root
    with store.read() as reader:
        counts, manifest, indexed = reader.counts(), reader.manifest(), tuple(reader.indexed_keys())
        source_files, quarantined = reader.source_files.count(), reader.source_files.quarantined()
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
        image_size=spec.image_size,
        device=device,
        precision=spec.precision,
        target_recall=spec.target_recall,
        chunking=spec.chunking,
        index=_index_info(manifest),
        degraded=status.degraded,
        search_device=status.device,
        search_device_degraded=status.off_device,
        indexed_keys=indexed,
        suggested_keys=snapshots.filter_costs.suggestions(root.name, indexed),
        files=source_files,
        quarantined=tuple(failure for file in quarantined for failure in file.failures),
        bytes=files.size_on_disk(root),
        format=FORMAT,
        created=spec.created,
    )


def _index_info(manifest: list[ManifestFile]) -> IndexInfo | None:
    base = next((file for file in manifest if file.kind == "base"), None)
    if base is None:
        return None
    delta = sum(file.details["rows"] for file in manifest if file.kind == "delta")
    return IndexInfo(
        rows=base.details["rows"] + delta,
        delta=delta,
        trained=base.details["trained"],
        nlist=base.details["nlist"],
        codec=base.details["codec"],
        curve=curve_of(base),
        exact_milliseconds=base.details["exact_milliseconds"],
        measured=base.details["measured"],
        queries=sum(file.details["rows"] for file in manifest if file.kind == "queries"),
        bytes=sum(file.bytes for file in manifest if file.kind in PAYLOAD_KINDS),
    )
