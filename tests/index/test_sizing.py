import pytest
from hypothesis import given
from hypothesis import strategies as st

from semsearch.errors import InvalidRequestError
from semsearch.index import sizing
from semsearch.index.sizing import Codec, Coverage, Step, check_codec, next_step, nlist_for, plan

GB = 10**9
FEW, MILLION = 20_000, 1_000_000


@pytest.mark.parametrize(
    ("rows", "nlist", "trained"),
    [
        (0, 1, None),
        (1, 1, None),
        (38, 1, None),
        (1_000, 25, None),
        (FEW - 1, 512, None),
        (FEW, 512, 20_000),
        (100_000, 1_024, 65_536),
        (348_000, 2_048, 131_072),
        (MILLION, 4_096, 262_144),
        (10 * MILLION, 16_384, 1_048_576),
        (100 * MILLION, 32_768, 2_097_152),
        (1_000 * MILLION, 65_536, 4_194_304),
    ],
)
def test_lists_and_training_rows_by_number_of_rows(rows: int, nlist: int, trained: int | None) -> None:
    assert nlist_for(rows) == nlist
    made = plan(rows, 384, 8 * GB)
    if trained is None:
        assert made is None
    else:
        assert made is not None
        assert (made.nlist, made.training_rows) == (nlist, trained)


@pytest.mark.parametrize("dim", [2, 3, 24, 384, 768, 1_024, 3_072])
@pytest.mark.parametrize("rows", [FEW, 123_456, MILLION, 9_999_999, 100 * MILLION])
def test_every_list_has_the_39_training_rows_that_faiss_asks_for_at_any_dim(rows: int, dim: int) -> None:
    made = plan(rows, dim, GB)
    assert made is not None
    assert rows >= made.training_rows >= 39 * made.nlist
    assert made.nlist <= 65_536


@pytest.mark.parametrize(
    ("codec", "dim", "expected"),
    [
        (Codec.COMPACT, 2, 2 * (1 + 8)),
        (Codec.COMPACT, 3, 2 * (1 + 8)),
        (Codec.COMPACT, 5, 2 * (2 + 8)),
        (Codec.COMPACT, 384, 2 * (96 + 8)),
        (Codec.COMPACT, 3_072, 2 * (768 + 8)),
        (Codec.SQ8, 3, 3 + 8),
        (Codec.SQ8, 384, 384 + 8),
        (Codec.FLOAT16, 3, 6 + 8),
        (Codec.FLOAT16, 384, 768 + 8),
    ],
)
def test_bytes_of_a_row_by_codec_and_dim(codec: Codec, dim: int, expected: int) -> None:
    assert codec.row_bytes(dim) == expected


@pytest.mark.parametrize(
    ("rows", "dim", "memory", "expected"),
    [
        (MILLION, 384, 208_000_000, Codec.COMPACT),
        (MILLION, 384, 207_999_999, Codec.SQ8),
        (MILLION, 384, 0, Codec.SQ8),
        (FEW, 2, GB, Codec.COMPACT),
        (10 * MILLION, 384, 4 * GB, Codec.COMPACT),
        (100 * MILLION, 384, 16 * GB, Codec.SQ8),
        (100 * MILLION, 384, 32 * GB, Codec.COMPACT),
        (10 * MILLION, 3_072, 15 * GB, Codec.SQ8),
        (10 * MILLION, 3_072, 16 * GB, Codec.COMPACT),
    ],
)
def test_the_codec_is_compact_where_memory_holds_it(rows: int, dim: int, memory: int, expected: Codec) -> None:
    made = plan(rows, dim, memory)
    assert made is not None
    assert made.codec is expected


@pytest.mark.parametrize("codec", list(Codec))
def test_a_codec_that_was_chosen_is_kept_whatever_the_memory(codec: Codec) -> None:
    for memory in (0, 100 * GB):
        made = plan(MILLION, 384, memory, codec)
        assert made is not None
        assert made.codec is codec


def test_a_codec_is_known_by_its_name_and_another_name_is_an_error() -> None:
    assert [check_codec(name) for name in ("compact", "sq8", "float16", None)] == [*Codec, None]
    with pytest.raises(InvalidRequestError, match="codec is 'pq'.*compact, sq8, float16"):
        check_codec("pq")


def covers(live: int, base: int = 0, delta: int = 0, dead: int = 0, trained: int | None = None) -> Coverage:
    return Coverage(live, base, delta, dead, base if trained is None else trained)


@pytest.mark.parametrize(
    ("now", "expected", "all_of_it"),
    [
        # small: no index, or one that is given up once a fifth of it is dead
        (covers(0), Step.NOTHING, Step.NOTHING),
        (covers(FEW - 1), Step.NOTHING, Step.NOTHING),
        (covers(FEW - 1, FEW, dead=1), Step.NOTHING, Step.GIVE_UP),
        (covers(16_000, FEW, dead=4_000), Step.NOTHING, Step.GIVE_UP),
        (covers(15_999, FEW, dead=4_001), Step.GIVE_UP, Step.GIVE_UP),
        (covers(0, FEW, 500, dead=20_500), Step.GIVE_UP, Step.GIVE_UP),
        # large for the first time
        (covers(FEW), Step.TRAIN, Step.TRAIN),
        (covers(100 * MILLION), Step.TRAIN, Step.TRAIN),
        # all of it in the base
        (covers(FEW, FEW), Step.NOTHING, Step.NOTHING),
        (covers(100 * MILLION, 100 * MILLION), Step.NOTHING, Step.NOTHING),
        # rows outside, up to what a scan has time for
        (covers(FEW + 1, FEW), Step.NOTHING, Step.MERGE),
        (covers(39_999, FEW), Step.NOTHING, Step.MERGE),
        (covers(40_000, FEW), Step.MERGE, Step.MERGE),  # a fourth of a small base is less than a tail
        (covers(119_999, 100_000), Step.NOTHING, Step.MERGE),
        (covers(120_000, 100_000), Step.EXTEND, Step.MERGE),
        (covers(125_000, 100_000), Step.EXTEND, Step.MERGE),
        (covers(125_001, 100_000), Step.MERGE, Step.MERGE),
        (covers(10_100_000, 10 * MILLION), Step.NOTHING, Step.MERGE),
        (covers(10_100_001, 10 * MILLION), Step.EXTEND, Step.MERGE),
        # a delta beside the base
        (covers(140_000, 120_000, 20_000), Step.NOTHING, Step.MERGE),
        (covers(160_000, 120_000, 20_000), Step.MERGE, Step.MERGE),
        (covers(1_120_000, MILLION, 100_000), Step.EXTEND, Step.MERGE),
        (covers(1_250_000, MILLION, 200_000), Step.EXTEND, Step.MERGE),
        (covers(1_250_001, MILLION, 200_000), Step.MERGE, Step.MERGE),
        # deleted rows
        (covers(999_999, MILLION, dead=1), Step.NOTHING, Step.TRAIN),
        (covers(800_000, MILLION, dead=200_000), Step.NOTHING, Step.TRAIN),
        (covers(799_999, MILLION, dead=200_001), Step.TRAIN, Step.TRAIN),
        (covers(880_000, MILLION, 100_000, dead=220_000), Step.NOTHING, Step.TRAIN),
        (covers(879_999, MILLION, 100_000, dead=220_001), Step.TRAIN, Step.TRAIN),
        # growth since the training
        (covers(400_000, 400_000, trained=100_000), Step.NOTHING, Step.NOTHING),
        (covers(400_001, 400_000, trained=100_000), Step.TRAIN, Step.TRAIN),
    ],
)
def test_the_step_by_what_is_covered(now: Coverage, expected: Step, all_of_it: Step) -> None:
    assert next_step(now) is expected
    assert next_step(now, everything=True) is all_of_it


def after(step: Step, now: Coverage) -> Coverage:
    """What is covered when the step was taken."""
    match step:
        case Step.TRAIN:
            return Coverage(now.live, now.live, 0, 0, now.live)
        case Step.MERGE:
            return now._replace(base=now.covered + now.outside, delta=0)
        case Step.EXTEND:
            return now._replace(delta=now.delta + now.outside)
        case Step.GIVE_UP:
            return Coverage(now.live)
        case Step.NOTHING:
            return now


counts = st.integers(0, 5 * 10**6) | st.integers(0, 100_000)


shares = st.floats(0, 1)


@given(live=counts, base=counts, delta=counts, dead=shares, trained=shares, everything=st.booleans())
def test_after_the_step_nothing_is_left_to_do(
    live: int, base: int, delta: int, dead: float, trained: float, everything: bool
) -> None:
    delta = min(delta, base)
    gone = int(dead * (base + delta))
    now = Coverage(live + base + delta - gone, base, delta, gone, max(1, int(trained * base)))
    step = next_step(now, everything=everything)
    done = after(step, now)
    assert next_step(done, everything=everything) is Step.NOTHING
    if everything and now.live >= sizing.INDEX_FROM:
        assert (done.base, done.delta, done.outside) == (done.live, 0, 0)


def test_all_steps_of_a_growing_collection_together_encode_a_row_a_few_times() -> None:
    now, encoded, trainings, rows = Coverage(0), 0, 0, 3 * MILLION
    for live in range(0, rows, 5_000):
        now = now._replace(live=live)
        step = next_step(now)
        trainings += step is Step.TRAIN
        done = after(step, now)
        encoded += {Step.TRAIN: live, Step.MERGE: now.delta + now.outside, Step.EXTEND: now.outside}.get(step, 0)
        now = done
    assert trainings <= 4
    assert encoded <= 3 * rows  # observed 2.3
    assert now.outside <= max(20_000, now.covered / 100)
