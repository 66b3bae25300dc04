from pathlib import Path

import numpy as np
import pytest
from synthetic import clustered, segment

from semsearch import files
from semsearch.index import lists as inverted
from semsearch.index.build import encode_delta, train_base
from semsearch.index.sizing import Codec, Plan

CODECS = pytest.mark.parametrize("codec", list(Codec))
VECTORS = clustered(1_200, 9)
IDS = np.arange(1_200, dtype=np.int64) * 2 + 1
BASE = [segment(IDS[:400], VECTORS[:400]), segment(IDS[400:900], VECTORS[400:900])]
DELTA = [segment(IDS[900:1_000], VECTORS[900:1_000]), segment(IDS[1_000:], VECTORS[1_000:])]


@CODECS
def test_base_and_delta_hold_the_live_rows_by_ordinals_that_go_on_from_one_to_the_other(codec: Codec) -> None:
    dead = IDS[::5]
    base, ids = train_base([each.without(dead) for each in BASE], Plan(16, codec, 500))
    assert ids.tolist() == np.setdiff1d(IDS[:900], dead).tolist()
    assert np.unique(inverted.rows_by_list(base)[0]).tolist() == list(range(720))
    delta, more = encode_delta(codec, base, len(ids), [each.without(dead) for each in DELTA])
    assert more.tolist() == np.setdiff1d(IDS[900:], dead).tolist()
    assert np.unique(inverted.rows_by_list(delta)[0]).tolist() == list(range(720, 960))
    assert (inverted.centroids_of(delta) == inverted.centroids_of(base)).all()


@CODECS
def test_the_same_segments_give_the_same_bytes(codec: Codec, tmp_path: Path) -> None:
    sums = []
    for turn in "12":
        base, ids = train_base(BASE, Plan(16, codec, 640))
        delta, _ = encode_delta(codec, base, len(ids), DELTA)
        for name, lists in (("base", base), ("delta", delta)):
            published = files.publish(tmp_path, name + turn, lambda sink, lists=lists: inverted.write(lists, sink))
            sums.append(published.sha256)
    assert sums[:2] == sums[2:]
    assert len(set(sums)) == 2


@CODECS
def test_how_rows_are_spread_over_segments_changes_nothing(codec: Codec) -> None:
    whole = [segment(IDS[:900], VECTORS[:900])]
    spread = []
    for segments in (BASE, whole):
        base, ids = train_base(segments, Plan(16, codec, 640))
        assert ids.tolist() == IDS[:900].tolist()
        ordinals, sizes = inverted.rows_by_list(base)
        spread.append([sorted(part.tolist()) for part in np.split(ordinals, np.cumsum(sizes)[:-1])])
    assert spread[0] == spread[1]


def test_a_sample_larger_than_there_are_rows_is_all_of_them() -> None:
    base, ids = train_base(BASE, Plan(16, Codec.SQ8, 10**6))
    assert base.ntotal == len(ids) == 900
