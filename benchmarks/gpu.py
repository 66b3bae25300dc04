"""What a GPU gives: exact search and the building of an index, beside the card's own limits, FAISS and the CPU.

Rows are synthetic and made on the device from a fixed seed: each is one of 4,096 standard normal centres plus 0.6 times
standard normal noise, normalised, and rounded to float16; queries are more of them, not rounded. They are sealed into
segments in a temporary folder (2 bytes a number: 7.7 GB for the default), and loaded from there as a collection does.

- The scan of one query is given as bytes of rows a second, and as a share of the card's memory bandwidth, which is
  measured by copying 1 GB on the device (read and written, so that it counts twice).
- Batches are timed beside FAISS's flat index in float16 on the same card, if this FAISS has GPU support.
- Training and assignment are timed on the device and on the CPU, where FAISS has GPU support.
- Hits of the first 100,000 rows are compared with the CPU's exact search: ids and scores have to be the same.

`--device cpu --rows 20000` runs all of it without a GPU, to see that it runs; its figures say nothing.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from data import SEED
from report import write
from tqdm import tqdm

from semsearch import files
from semsearch.errors import ConfigError
from semsearch.index import lists
from semsearch.index.device import Device, choose_device
from semsearch.index.device_scan import DeviceRows, DeviceScan
from semsearch.index.faiss_gpu import has_gpu, nearest_centroids
from semsearch.index.faiss_library import load_faiss
from semsearch.index.ids import IdSet, write_ids
from semsearch.index.segment import Segment, write_rows
from semsearch.index.sizing import SEGMENT_ROWS, Codec
from semsearch.types import StoredVectors, Vectors

K, REPEATS, CENTRES, NOISE = 10, 20, 4_096, 0.6
BATCHES = (1, 32, 256, 2_048)
SHARES = (0.5, 0.1, 0.01, 0.001)
COMPARED = 100_000
POINTS = 64  # training rows a centroid, as the engine takes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--lists", type=int, default=4_096, help="centroids to train")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    arguments = parser.parse_args()
    try:
        device = choose_device(arguments.device) or Device("cpu")
    except ConfigError as error:
        raise SystemExit(str(error)) from error
    made = Made(device, arguments.dim)
    queries = made.rows(max(BATCHES)).cpu().numpy()
    with tempfile.TemporaryDirectory() as folder:
        segments = dict(sealed(made, arguments.rows, Path(folder)))
        figures = compared(device, segments, queries, arguments.dim)
        start = perf_counter()
        scan = DeviceRows(device, arguments.dim).hold(segments)
        figures["load, GB/s"] = gigabytes(segments, arguments.dim) / (perf_counter() - start)
        figures |= scanned(device, scan, queries, gigabytes(segments, arguments.dim))
        figures |= filtered(scan, queries)
        figures["batches"] = list(batches(scan, queries, flat_index(device, segments)))
        del scan
        figures |= building(device, made, min(arguments.lists, arguments.rows // POINTS))
    card = torch.cuda.get_device_name() if device.name == "cuda" else "none: the figures say nothing"
    parameters = {**vars(arguments), "k": K, "seed": SEED, "centres": CENTRES, "noise": NOISE, "card": card}
    write("gpu" if device.name == "cuda" else "gpu-smoke", parameters, rounded(figures))
    if figures["queries whose hits differ from the CPU's"]:
        sys.exit("the device found something else than the CPU")


class Made:
    """The recipe; every call continues the same sequence."""

    def __init__(self, device: Device, dim: int) -> None:
        self._draw = torch.Generator(device.name).manual_seed(SEED)
        self._device, self._dim = device.name, dim
        self._centres = torch.randn((CENTRES, dim), generator=self._draw, device=self._device)

    def rows(self, count: int) -> torch.Tensor:
        """Rows (count, dim) in float32, normalised."""
        chosen = torch.randint(CENTRES, (count,), generator=self._draw, device=self._device)
        noise = torch.randn((count, self._dim), generator=self._draw, device=self._device)
        return torch.nn.functional.normalize(self._centres[chosen] + NOISE * noise)

    def stored(self, count: int) -> StoredVectors:
        """As `rows`, rounded as stored vectors are."""
        rows: StoredVectors = self.rows(count).half().cpu().numpy()
        return rows


def sealed(made: Made, rows: int, folder: Path) -> Iterator[tuple[str, Segment]]:
    """Segments of the usual size, by name."""
    for first in tqdm(range(0, rows, SEGMENT_ROWS), desc="make", unit="segment", disable=None):
        stored = made.stored(min(SEGMENT_ROWS, rows - first))
        ids = np.arange(first, first + len(stored), dtype=np.int64)
        files.publish(folder, f"{first}.f16", lambda sink, stored=stored: write_rows(sink, stored))
        files.publish(folder, f"{first}.ids.npy", lambda sink, ids=ids: write_ids(sink, ids))
        yield str(first), Segment.read(folder / f"{first}.f16", folder / f"{first}.ids.npy")


def compared(device: Device, segments: dict[str, Segment], queries: Vectors, dim: int) -> dict[str, Any]:
    """How many queries get other ids or scores than from the CPU, of which there may be none."""
    name, segment = next(iter(segments.items()))
    segment = segment.without(segment.ids[COMPARED:])
    scan, some, wrong = DeviceRows(device, dim).hold({name: segment}), queries[:500], 0
    for allowed in (None, IdSet(segment.ids[::3]), IdSet(segment.ids[::1_000])):
        for k in (1, K, 100):
            found = scan.search(some, k, allowed_ids=allowed)
            expected = segment.search(some, k, allowed_ids=allowed)
            same = (found.ids == expected.ids).all(axis=1) & (found.scores == expected.scores).all(axis=1)
            wrong += int((~same).sum())
    return {"queries whose hits differ from the CPU's": wrong}


def scanned(device: Device, scan: DeviceScan, queries: Vectors, size: float) -> dict[str, Any]:
    """One query alone, beside what the memory can do."""
    bandwidth = copied(device)
    alone = median(lambda: scan.search(queries[:1], K))
    return {
        "memory bandwidth, GB/s": bandwidth,
        "one query, ms": 1_000 * alone,
        "scan, GB/s": size / alone,
        "scan, share of the bandwidth": size / alone / bandwidth,
    }


def copied(device: Device) -> float:
    """GB/s of memory, read and written, when 1 GB is copied."""
    here = torch.empty(500_000_000 if device.name == "cuda" else 5_000_000, dtype=torch.float16, device=device.name)
    there = torch.empty_like(here)
    return 2 * here.nbytes / 1e9 / median(lambda: finished(device, there.copy_(here)))


def filtered(scan: DeviceScan, queries: Vectors) -> dict[str, Any]:
    """One query alone under filters that were seen before, as a collection keeps them."""
    rows = np.arange(len(scan), dtype=np.int64)
    figures = {}
    for share in SHARES:
        allowed = IdSet(rows[np.random.default_rng(SEED).random(len(rows)) < share])
        spent = median(lambda allowed=allowed: scan.search(queries[:1], K, allowed_ids=allowed))
        figures[f"one query, {100 * share:g} % allowed, ms"] = 1_000 * spent
    return figures


def batches(scan: DeviceScan, queries: Vectors, flat: Callable[[Vectors], object] | None) -> Iterator[dict[str, Any]]:
    for size in BATCHES:
        batch = queries[:size]
        ours = size / median(lambda batch=batch: scan.search(batch, K), 5)
        theirs = None if flat is None else size / median(lambda batch=batch: flat(batch), 5)
        yield {"batch": size, "queries/s": round(ours, 1), "FAISS flat, queries/s": theirs and round(theirs, 1)}


def flat_index(device: Device, segments: dict[str, Segment]) -> Callable[[Vectors], object] | None:
    """Search by FAISS's flat index in float16 on the card, `None` if there is none."""
    if not has_gpu(device):
        return None
    faiss = load_faiss()
    dim = next(iter(segments.values())).stored(np.array([0])).shape[1]
    free = device.free_bytes()
    if 2 * dim * sum(map(len, segments.values())) > free // 2:
        return None  # not both at once
    config = faiss.GpuIndexFlatConfig()
    config.useFloat16 = True

    def make() -> Any:  # noqa: ANN401 - FAISS comes without types
        index = faiss.GpuIndexFlatIP(faiss.StandardGpuResources(), dim, config)
        for segment in segments.values():
            for _, stored in segment.blocks():
                index.add(stored.astype(np.float32))
        return index

    index = device.build(make)
    return lambda batch: device.build(lambda: index.search(batch, K))


def building(device: Device, made: Made, nlist: int) -> dict[str, Any]:
    """Seconds to train centroids, and rows a second that are put into lists, on the device and on the CPU."""
    sample, rows = made.rows(nlist * POINTS).cpu().numpy(), made.rows(65_536).cpu().numpy()
    figures: dict[str, Any] = {"centroids": nlist, "training rows": len(sample)}
    for where, on in (("CPU", None), *((("device", device),) if has_gpu(device) else ())):
        start = perf_counter()
        made_lists = lists.train(Codec.SQ8, nlist, sample, device=on)
        figures[f"train on the {where}, s"] = perf_counter() - start
        with nearest_centroids(on, made_lists.quantizer) as nearest:
            figures[f"assign on the {where}, rows/s"] = len(rows) / median(lambda nearest=nearest: nearest(rows, 12), 3)
    return figures | {"trouble while building on the device": device.trouble}


def gigabytes(segments: dict[str, Segment], dim: int) -> float:
    return 2 * dim * sum(len(segment.ids) for segment in segments.values()) / 1e9


def finished(device: Device, work: object) -> object:
    """Wait until the device has done what it was asked."""
    if device.name == "cuda":
        torch.cuda.synchronize()
    return work


def median(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Seconds, after one run that does not count."""
    work()
    spent = []
    for _ in range(repeats):
        start = perf_counter()
        work()
        spent.append(perf_counter() - start)
    return float(np.median(spent))


def rounded(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in figures.items()}


if __name__ == "__main__":
    main()
