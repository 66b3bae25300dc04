"""The stored vectors of chunks, wherever they lie."""

import numpy as np
import pytest
from numbered import ROWS, VECTORS, documents

from semsearch import Collection
from semsearch.errors import NotFoundError


def test_vectors_come_in_the_order_of_the_ids_from_segments_and_tail(indexed: Collection) -> None:
    indexed.add(documents(ROWS, ROWS + 3))
    wanted = [ROWS + 2, 1, ROWS, 7, 1]
    with indexed._snapshots.current() as snapshot:
        vectors = snapshot.vectors(wanted)
        none = snapshot.vectors([])
    stored = VECTORS[np.array(wanted) - 1].astype(np.float16).astype(np.float32)
    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors, stored)
    assert none.shape == (0, VECTORS.shape[1])


def test_a_removed_chunk_has_no_vector(indexed: Collection) -> None:
    indexed.remove(["6"])  # documents are numbered from 0 on, chunks from 1
    with indexed._snapshots.current() as snapshot, pytest.raises(NotFoundError, match="chunk 7 has no vector"):
        snapshot.vectors([6, 7])
