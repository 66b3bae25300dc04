"""The one import of FAISS, made when it is first needed, and the threads that it uses."""

import contextlib
import os
import sys
from collections.abc import Iterator
from types import ModuleType

from semsearch.errors import MissingDependencyError
from semsearch.machine import openblas_kernels

_CORETYPE = "OPENBLAS_CORETYPE"  # read when OpenBLAS is loaded


def load_faiss() -> ModuleType:
    """The faiss module; raises MissingDependencyError, which names the extra to install."""
    try:
        if "faiss" in sys.modules:
            import faiss
        else:
            # idle threads of OpenMP otherwise spin, on cores that others need; read when FAISS is loaded
            os.environ.setdefault("OMP_WAIT_POLICY", "passive")
            with _fast_kernels():
                import faiss
    except ImportError as error:
        raise MissingDependencyError(
            "FAISS is not installed, and a collection of this size needs it: pip install 'semsearch[cpu]', "
            "or 'semsearch[gpu]' (CUDA) instead of it, never both"
        ) from error
    module: ModuleType = faiss
    return module


@contextlib.contextmanager
def _fast_kernels() -> Iterator[None]:
    """Have the OpenBLAS that is loaded meanwhile use what the processor has.

    That of FAISS's wheels (0.3.15) is older than many processors. On one that it does not know it takes kernels of
    2004, with which k-means takes five times as long.
    """
    kernels = None if _CORETYPE in os.environ else openblas_kernels()
    if kernels is None:
        yield
        return
    os.environ[_CORETYPE] = kernels
    try:
        yield
    finally:
        del os.environ[_CORETYPE]


def use_threads(count: int) -> None:
    """Have this thread's calls of FAISS use so many cores.

    FAISS would take all of them for every call: for one query, starting and awaiting threads costs more than it saves,
    and takes cores from other queries.
    """
    load_faiss().omp_set_num_threads(count)
