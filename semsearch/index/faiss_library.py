"""The one import of FAISS, made when it is first needed, and the threads that it uses."""

import os
import sys
from types import ModuleType

from semsearch.errors import MissingDependencyError


def load_faiss() -> ModuleType:
    """The faiss module; raises MissingDependencyError, which names the extra to install."""
    # idle threads of OpenMP otherwise spin, on cores that other queries and programs need; read when FAISS is loaded
    if "faiss" not in sys.modules:
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        import faiss
    except ImportError as error:
        raise MissingDependencyError(
            "FAISS is not installed, and a collection of this size needs it: pip install 'semsearch[cpu]', "
            "or 'semsearch[gpu]' (CUDA) instead of it, never both"
        ) from error
    module: ModuleType = faiss
    return module


def use_threads(count: int) -> None:
    """Have this thread's calls of FAISS use so many cores.

    FAISS would take all of them for every call: for one query, starting and awaiting threads costs more than it saves,
    and takes cores from other queries.
    """
    load_faiss().omp_set_num_threads(count)
