"""What chooses the inverted lists that a query visits and a row goes into, by their centroids.

Few centroids are compared one by one. Of many, 4-bit codes that lie in the processor's cache propose some, and only
these are compared exactly: reading all centroids would take longer than the search of the lists. Either way the
products that FAISS gets for the lists are exact.
"""

from typing import Any

from semsearch.index.faiss_library import load_faiss
from semsearch.types import Vectors

CODED_FROM = 1_024  # centroids
_PROPOSED = 4  # for each one that is asked for

Quantizer = Any  # a FAISS index; FAISS comes without types


def quantizer_over(centroids: Vectors) -> Quantizer:
    """A FAISS index over centroids (nlist, dim)."""
    faiss, (nlist, dim) = load_faiss(), centroids.shape
    if nlist < CODED_FROM or dim % 2:
        flat = faiss.IndexFlatIP(dim)
        flat.add(centroids)
        return flat
    coded = faiss.IndexPQFastScan(dim, dim // 2, 4, faiss.METRIC_INNER_PRODUCT)
    coded.train(centroids)
    coded.add(centroids)
    quantizer = faiss.IndexRefineFlat(coded, faiss.swig_ptr(centroids))
    quantizer.k_factor = _PROPOSED
    return quantizer


def flat_of(quantizer: Quantizer) -> Quantizer:
    """The index in it that compares with all centroids."""
    faiss = load_faiss()
    quantizer = faiss.downcast_index(quantizer)
    return faiss.downcast_index(quantizer.refine_index) if isinstance(quantizer, faiss.IndexRefine) else quantizer
