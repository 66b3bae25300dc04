"""The one import of FAISS, made when it is first needed."""

from types import ModuleType

from semsearch.errors import MissingDependencyError


def load_faiss() -> ModuleType:
    """The faiss module; raises MissingDependencyError, which names the extra to install."""
    try:
        import faiss
    except ImportError as error:
        raise MissingDependencyError(
            "FAISS is not installed, and a collection of this size needs it: pip install 'semsearch[cpu]', "
            "or 'semsearch[gpu]' (CUDA) instead of it, never both"
        ) from error
    module: ModuleType = faiss
    return module
