"""Exact search on a device, with torch's CPU in the place of a GPU: the same as exact search on the CPU."""

import logging
import multiprocessing
import threading
from collections.abc import Callable

import numpy as np
import pytest
import torch
from synthetic import clustered, oracle, segment

from semsearch.errors import ConfigError, DimensionMismatchError, InvalidRequestError
from semsearch.index import device_scan
from semsearch.index.collection_index import CollectionIndex
from semsearch.index.device import Device, DeviceFailedError, choose_device
from semsearch.index.device_scan import WORKING_BYTES, DeviceRows, DeviceScan, fits
from semsearch.index.exact import ExactIndex
from semsearch.index.ids import IdSet
from semsearch.index.segment import Segment
from semsearch.types import Ids, Vectors

DIM, ROWS = 24, 3_000
IDS: Ids = np.arange(ROWS, dtype=np.int64) * 3 + 7  # with gaps, as after deletions


def scan_of(ids: Ids, vectors: Vectors, parts: int = 3) -> DeviceScan:
    """Rows in so many segments, all on the device."""
    cuts = np.array_split(np.arange(len(ids)), parts)
    segments = {str(number): segment(ids[cut], vectors[cut]) for number, cut in enumerate(cuts)}
    return DeviceRows(Device("cpu:0"), vectors.shape[1]).hold(segments)


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    return clustered(ROWS, DIM)


@pytest.fixture(scope="module")
def queries() -> Vectors:
    return clustered(20, DIM, seed=1)


@pytest.fixture(scope="module")
def scan(vectors: Vectors) -> DeviceScan:
    return scan_of(IDS, vectors)


def test_a_search_equals_the_oracle_and_says_where_it_ran(scan: DeviceScan, vectors: Vectors, queries: Vectors) -> None:
    found = scan.search(queries, 10, target_recall=0.1)
    scores, expected = oracle(queries, 10, IDS, vectors)
    assert found.ids.tolist() == expected
    assert found.scores.tolist() == scores
    assert (found.path, found.scanned, found.nprobe, found.device) == ("exact", 20 * ROWS, None, "cpu:0")


def test_one_wrong_row_on_the_device_is_noticed(vectors: Vectors, queries: Vectors) -> None:
    scan = scan_of(IDS, vectors)
    nearest = scan.search(queries[:1], 1).ids[0, 0]
    row = int(np.flatnonzero(nearest == IDS)[0])
    scan._rows[row // (ROWS // 3)][row % (ROWS // 3)] *= -1
    assert scan.search(queries, 10).ids.tolist() != oracle(queries, 10, IDS, vectors)[1]


@pytest.mark.parametrize("share", [1.0, 0.5, 0.1, 0.01, 0.001])
def test_a_filtered_search_equals_the_oracle_on_what_is_allowed(
    scan: DeviceScan, vectors: Vectors, queries: Vectors, share: float
) -> None:
    allowed = np.random.default_rng(5).choice(IDS, int(ROWS * share), replace=False)
    found = scan.search(queries, 10, allowed_ids=IdSet(allowed))
    assert found.ids.tolist() == oracle(queries, 10, IDS, vectors, set(allowed.tolist()))[1]
    assert found.scanned == 20 * len(allowed)


def test_a_filter_of_few_rows_gathers_them_and_one_of_many_masks_the_others(scan: DeviceScan) -> None:
    few, many = (scan._segments[0].allowed(IdSet(IDS[:count])) for count in (2, 500))
    assert few.rows is not None
    assert few.bits is None
    assert many.rows is None
    assert many.bits is not None


def test_the_best_of_few_rows_that_are_gathered_is_found(vectors: Vectors, queries: Vectors) -> None:
    scan = scan_of(IDS, vectors, parts=1)
    allowed = IDS[[5, 900, 901, 2_000, 2_500]]
    assert scan._segments[0].allowed(IdSet(allowed)).rows is not None
    for query in queries:
        rows = device_scan._blocks(
            scan._rows[0], scan._segments[0].allowed(IdSet(allowed)), device_scan._halves(query[None], Device("cpu"))
        )
        [(products, numbers)] = rows
        assert numbers.tolist() == [5, 900, 901, 2_000, 2_500]
        np.testing.assert_allclose(products[0].numpy(), vectors[numbers.numpy()] @ query, atol=1e-6)


@pytest.mark.parametrize("allowed", [[], [0, 8, 10**12]])
def test_ids_that_no_row_has_match_nothing(scan: DeviceScan, queries: Vectors, allowed: list[int]) -> None:
    assert scan.search(queries, 5, allowed_ids=IdSet(np.array(allowed, dtype=np.int64))).ids.shape == (20, 0)


def test_deleted_rows_are_not_found_with_and_without_a_filter(vectors: Vectors, queries: Vectors) -> None:
    scan = scan_of(IDS, vectors)
    deleted = np.unique(scan.search(queries, 3).ids)
    masked = scan.over([part.without(deleted) for part in scan._segments])
    left = set(IDS.tolist()) - set(deleted.tolist())
    assert len(masked) == len(left) < len(scan) == ROWS
    assert masked.search(queries, 10).ids.tolist() == oracle(queries, 10, IDS, vectors, left)[1]
    half = set(IDS[::2].tolist())
    found = masked.search(queries, 10, allowed_ids=IdSet(IDS[::2]))
    assert found.ids.tolist() == oracle(queries, 10, IDS, vectors, left & half)[1]
    assert scan.search(queries, 3).ids.tolist() == oracle(queries, 3, IDS, vectors)[1]  # the other one did not change


def test_a_scan_without_live_rows_finds_nothing(vectors: Vectors, queries: Vectors) -> None:
    scan = scan_of(IDS, vectors)
    assert scan.over([part.without(IDS) for part in scan._segments]).search(queries, 5).ids.shape == (20, 0)


@pytest.mark.parametrize("k", [1, 20, 300, 2_000])
def test_hundreds_of_ties_at_the_end_of_the_list_come_in_the_order_of_their_ids(k: int) -> None:
    rows = np.repeat(clustered(6, DIM, seed=4, spread=1.0), 400, axis=0)
    rows = rows[np.random.default_rng(2).permutation(len(rows))]
    ids = np.arange(len(rows))
    asked = np.concatenate([rows[:3], clustered(3, DIM, seed=9)])
    found = scan_of(ids, rows).search(asked, k)
    assert found.ids.tolist() == oracle(asked, k, ids, rows)[1]


def test_near_ties_that_float32_cannot_tell_apart_are_ranked_by_rounded_scores() -> None:
    rng = np.random.default_rng(3)
    base = clustered(1, 384, seed=4)
    near = (base + 1e-4 * rng.standard_normal((2_000, 384))).astype(np.float16).astype(np.float32)
    ids = np.arange(len(near))
    found, expected = scan_of(ids, near).search(base, 50), segment(ids, near).search(base, 50)
    assert found.ids.tolist() == expected.ids.tolist()
    assert found.scores.tolist() == expected.scores.tolist()
    assert len(set(expected.scores[0].tolist())) < 50  # there are ties


def test_queries_of_full_float32_precision_are_not_rounded_to_float16(vectors: Vectors) -> None:
    halves = device_scan._halves(vectors[:50] / 3, Device("cpu"))
    found = device_scan._products(halves, torch.from_numpy(vectors.astype(np.float16))).numpy()
    exact = (vectors[:50] / 3).astype(np.float64) @ vectors.astype(np.float64).T
    assert np.abs(found - exact).max() < 1e-6
    rounded = (vectors[:50] / 3).astype(np.float16).astype(np.float64) @ vectors.astype(np.float64).T
    assert np.abs(rounded - exact).max() > 1e-5  # the test can tell


def test_any_size_of_blocks_gives_the_same(vectors: Vectors, queries: Vectors, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = scan_of(IDS, vectors).search(queries, 10)
    for name, value in {"_PRODUCTS": 4_000, "_QUERIES": 3, "_LOADED": 17, "_RESCORED": 5}.items():
        monkeypatch.setattr(device_scan, name, value)
    scan = scan_of(IDS, vectors, parts=5)
    for allowed in (None, IdSet(IDS), IdSet(IDS[::3])):
        found = scan.search(queries, 10, allowed_ids=allowed)
        assert found.ids.shape == (20, 10)
        assert allowed is None or set(found.ids.ravel().tolist()) <= set(allowed.ids.tolist())
    assert scan.search(queries, 10).ids.tolist() == expected.ids.tolist()


def test_products_held_at_once_stay_within_the_budget(scan: DeviceScan, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    really = device_scan._products

    def counted(halves: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        sizes.append(len(halves) * len(rows))
        return really(halves, rows)

    monkeypatch.setattr(device_scan, "_products", counted)
    monkeypatch.setattr(device_scan, "_PRODUCTS", 20_000)
    scan.search(clustered(300, DIM, seed=8), 5)
    assert max(sizes) <= 20_000


def test_so_many_queries_are_searched_at_once_that_their_candidates_stay_within_the_budget(
    scan: DeviceScan, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = []
    really = DeviceScan._scan_here

    def counted(self: DeviceScan, allowed: object, asked: Vectors, depth: int) -> tuple[Vectors, Ids]:
        batches.append((len(asked), depth))
        return really(self, allowed, asked, depth)  # type: ignore[arg-type]

    monkeypatch.setattr(DeviceScan, "_scan_here", counted)
    scan.search(clustered(600, DIM, seed=8), 5)
    assert [count for count, _ in batches if count > 1] == [256, 256, 88]
    batches.clear()
    monkeypatch.setattr(device_scan, "_PRODUCTS", 80_000)
    scan.search(clustered(20, DIM, seed=8), 1_000)
    assert max(count for count, _ in batches) == 80_000 // 8 // 1_008


def test_k_above_the_number_of_rows_gives_all_of_them(queries: Vectors) -> None:
    found = scan_of(np.arange(200), clustered(200, DIM, seed=3)).search(queries, 500)
    assert (np.sort(found.ids, axis=1) == np.arange(200)).all()


def test_a_batch_gives_each_query_what_it_gets_alone(scan: DeviceScan) -> None:
    asked = clustered(300, DIM, seed=6)
    together = scan.search(asked, 7)
    for at in range(0, 300, 37):
        alone = scan.search(asked[at : at + 1], 7)
        assert alone.ids[0].tolist() == together.ids[at].tolist()
        assert alone.scores[0].tolist() == together.scores[at].tolist()


def test_no_queries_have_no_answers(scan: DeviceScan) -> None:
    assert scan.search(np.empty((0, DIM), dtype=np.float32), 5).ids.shape == (0, 5)


def test_a_wrong_request_is_refused_as_by_every_index(scan: DeviceScan, vectors: Vectors) -> None:
    with pytest.raises(InvalidRequestError, match="k is 0"):
        scan.search(vectors[:1], 0)
    with pytest.raises(InvalidRequestError, match="target_recall"):
        scan.search(vectors[:1], 1, target_recall=1.1)
    with pytest.raises(DimensionMismatchError, match=f"has {DIM - 1} numbers"):
        scan.search(vectors[:1, :-1], 1)


def test_only_segments_new_to_the_device_are_loaded_and_others_let_go(
    vectors: Vectors, queries: Vectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []
    really = DeviceRows._loaded
    monkeypatch.setattr(DeviceRows, "_loaded", lambda self, part: loaded.append(int(part.ids[0])) or really(self, part))
    parts = {str(at): segment(IDS[at : at + 1_000], vectors[at : at + 1_000]) for at in (0, 1_000, 2_000)}
    rows = DeviceRows(Device("cpu"), DIM)
    rows.hold({name: parts[name] for name in ("0", "1000")})
    assert loaded == [IDS[0], IDS[1_000]]
    later = rows.hold({"1000": parts["1000"], "2000": parts["2000"]})
    assert loaded == [IDS[0], IDS[1_000], IDS[2_000]]
    assert set(rows._rows) == {"1000", "2000"}
    assert later.search(queries, 5).ids.tolist() == oracle(queries, 5, IDS[1_000:], vectors[1_000:])[1]


@pytest.mark.parametrize(
    ("rows", "dim", "free", "expected"),
    [
        (0, 384, WORKING_BYTES, True),
        (1, 384, WORKING_BYTES, False),
        (10_000_000, 384, 7_680_000_000 + WORKING_BYTES, True),
        (10_000_000, 384, 7_679_999_999 + WORKING_BYTES, False),
    ],
)
def test_rows_fit_if_there_is_memory_for_them_and_for_the_work(rows: int, dim: int, free: int, expected: bool) -> None:
    assert fits(rows, dim, free) is expected


def test_rows_that_do_not_fit_are_refused_with_both_sizes_and_none_is_held(
    vectors: Vectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = DeviceRows(Device("cpu"), DIM)
    rows.hold({"a": segment(IDS, vectors)})
    monkeypatch.setattr(Device, "free_bytes", lambda self: 10**9)
    with pytest.raises(DeviceFailedError, match=r"3000 more vectors of 24 numbers need 2\.1 GB .* 1\.0 GB are free"):
        rows.hold({"a": segment(IDS, vectors), "b": segment(IDS, vectors)})
    assert rows._rows == {}


def test_a_device_whose_products_are_too_coarse_is_not_used(vectors: Vectors, monkeypatch: pytest.MonkeyPatch) -> None:
    def coarse(halves: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:  # as with TF32
        first, _ = halves.chunk(2)
        return (first.bfloat16().float() @ rows.float().T).contiguous()

    monkeypatch.setattr(device_scan, "_products", coarse)
    with pytest.raises(DeviceFailedError, match="differ from exact ones by"):
        scan_of(IDS, vectors)


def test_all_work_of_searches_is_done_by_one_thread_and_that_of_building_by_another() -> None:
    names = set()

    def ask() -> None:
        for device in (Device("cpu"), Device("cpu")):
            names.add(device.run(lambda: threading.current_thread().name))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names) == 1
    assert Device("cpu").build(lambda: threading.current_thread().name) not in names | {threading.current_thread().name}


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("no\nmemory"), torch.AcceleratorError("lost"), MemoryError()])
def test_errors_of_the_device_become_one_with_a_one_line_reason(error: Exception) -> None:
    with pytest.raises(DeviceFailedError, match=f"^cpu: {type(error).__name__}: [^\n]*$"):
        Device("cpu").run(lambda: (_ for _ in ()).throw(error))


def test_mistakes_of_ours_stay_what_they_are() -> None:
    with pytest.raises(ZeroDivisionError):
        Device("cpu").run(lambda: 1 // 0)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_is_told_so_instead_of_waiting_for_ever() -> None:
    device = Device("cpu")
    device.run(lambda: None)
    context = multiprocessing.get_context("fork")
    answers = context.Queue()

    def ask() -> None:
        try:
            device.run(lambda: None)
        except DeviceFailedError as error:
            answers.put(str(error))

    process = context.Process(target=ask)
    process.start()
    assert "forked" in answers.get(timeout=30)
    process.join(30)


def test_cuda_that_is_not_there_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="torch finds no CUDA device"):
        choose_device("cuda")
    assert choose_device("auto") is None
    assert choose_device("cpu") is None


def test_cuda_that_is_there_is_taken_by_cuda_and_auto_and_never_by_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert [device and device.name for device in map(choose_device, ("cuda", "auto", "cpu"))] == ["cuda", "cuda", None]


def test_another_device_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="search_device is 'mps'; it has to be one of: cpu, cuda, auto"):
        choose_device("mps")


def collection_index(vectors: Vectors, scan: DeviceScan, failed: Callable[[str], None]) -> CollectionIndex:
    """Three segments on the device, and a tail that is not."""
    tail_ids = np.arange(10**6, 10**6 + 500)
    tail = ExactIndex(tail_ids, clustered(500, DIM, seed=11))
    segments: list[Segment] = list(scan._segments)
    return CollectionIndex(None, segments, tail, pytest.fail, scan=scan, on_device_failure=failed)


def test_a_collection_on_a_device_is_searched_exactly_with_its_tail(
    scan: DeviceScan, vectors: Vectors, queries: Vectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = collection_index(vectors, scan, pytest.fail)
    monkeypatch.setattr(Segment, "search", lambda *_, **__: pytest.fail("the CPU searched a segment"))
    found = index.search(queries, 10, target_recall=0.5)
    ids = np.concatenate([IDS, np.arange(10**6, 10**6 + 500)])
    every = np.concatenate([vectors, clustered(500, DIM, seed=11)])
    assert found.ids.tolist() == oracle(queries, 10, ids, every)[1]
    assert (found.path, found.scanned) == ("exact", 20 * (ROWS + 500))


def test_a_device_that_fails_is_left_with_its_reason_and_the_search_is_answered(
    vectors: Vectors, queries: Vectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    reasons: list[str] = []
    index = collection_index(vectors, scan_of(IDS, vectors), reasons.append)
    expected = index.search(queries, 10).ids.tolist()
    calls = []

    def lost(self: DeviceScan, *_: object) -> None:
        calls.append(1)
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(DeviceScan, "_scan_here", lost)
    assert index.search(queries, 10).ids.tolist() == expected
    assert index.search(queries, 10).ids.tolist() == expected
    assert len(calls) == 1  # it is not asked again
    assert reasons == ["cpu:0: AcceleratorError: CUDA error: an illegal memory access was encountered"]


def test_a_failing_device_that_nobody_listens_to_is_logged(
    vectors: Vectors, queries: Vectors, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    scan = scan_of(IDS, vectors)
    index = CollectionIndex(None, scan._segments, ExactIndex.empty(DIM), pytest.fail, scan=scan)
    monkeypatch.setattr(DeviceScan, "_scan_here", lambda *_: (_ for _ in ()).throw(RuntimeError("gone")))
    with caplog.at_level(logging.WARNING):
        assert len(index.search(queries, 10).ids) == 20
    assert "cpu:0: RuntimeError: gone" in caplog.text
