"""Every error that semsearch raises on purpose; nothing here knows HTTP, exit codes or logging.

SemsearchError
  ConfigError(ValueError)
  MissingDependencyError(ImportError)
  InvalidRequestError(ValueError)
    EmptyQueryError
    InvalidFilterError
    InvalidExpressionError
    InvalidDocumentError
    InvalidVectorError
      DimensionMismatchError
  NotFoundError(LookupError)
    CollectionNotFoundError
    DocumentNotFoundError
    ChunkNotFoundError
  ConflictError
    CollectionExistsError
    CollectionLockedError
    DuplicateDocumentError
    EmbedderMismatchError
  ModelError(RuntimeError)
  SandboxError(RuntimeError)
  StoreError(RuntimeError)
    CorruptStoreError
    FormatVersionError
    StoreFullError

A message says what happened, with which value, and what to do next. Each class also derives from the builtin
that fits, so that a caller who knows nothing of semsearch can catch it.
"""

from pathlib import Path


class SemsearchError(Exception):
    """Base of all errors below."""


class ConfigError(SemsearchError, ValueError):
    """A setting or a recipe has a key or a value that is not understood."""


class MissingDependencyError(SemsearchError, ImportError):
    """A package that this call needs is not installed; the message names the extra to install."""


class InvalidRequestError(SemsearchError, ValueError):
    """An argument of a call is wrong."""


class EmptyQueryError(InvalidRequestError):
    """The query has no text in it."""


class InvalidFilterError(InvalidRequestError):
    """A filter has a key, an operator or a value that is not understood."""


class InvalidExpressionError(InvalidRequestError):
    """A query expression cannot be read, or what it adds up to has no direction."""


class InvalidDocumentError(InvalidRequestError):
    """A document cannot be stored as it is."""


class InvalidVectorError(InvalidRequestError):
    """A vector is not a finite, non-zero row of numbers."""


class DimensionMismatchError(InvalidVectorError):
    """A vector is longer or shorter than the collection's."""

    def __init__(self, got: int, expected: int) -> None:
        super().__init__(f"the vector has {got} numbers; this collection holds vectors of {expected}")
        self.got, self.expected = got, expected


class NotFoundError(SemsearchError, LookupError):
    """What was asked for does not exist."""


class CollectionNotFoundError(NotFoundError):
    """There is no collection at a path; opening never creates one."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"there is no collection at {path}; opening never creates one")
        self.path = path


class DocumentNotFoundError(NotFoundError):
    """No document has this id."""

    def __init__(self, document_id: str) -> None:
        super().__init__(f"there is no document with the id {document_id!r} in this collection")
        self.document_id = document_id


class ChunkNotFoundError(NotFoundError):
    """No chunk has this id."""

    def __init__(self, chunk_id: int) -> None:
        super().__init__(
            f"there is no chunk {chunk_id} in this collection; a document that is replaced gets chunks with new ids"
        )
        self.chunk_id = chunk_id


class ConflictError(SemsearchError):
    """The call is right in itself and cannot be carried out in the present state."""


class CollectionExistsError(ConflictError, FileExistsError):
    """A collection is to be created where something already is."""


class CollectionLockedError(ConflictError):
    """Another process writes to the collection; readers are not affected."""

    def __init__(self, path: Path, holder: str) -> None:
        super().__init__(
            f"{path} is being written by {holder}; a collection has one writer at a time: "
            "wait for it, or stop it (searching goes on meanwhile)"
        )
        self.path, self.holder = path, holder


class DuplicateDocumentError(ConflictError):
    """One call brings the same document id twice."""

    def __init__(self, document_id: str) -> None:
        super().__init__(
            f"the id {document_id!r} occurs twice in this call; the first one was kept: give each its own id"
        )
        self.document_id = document_id


class EmbedderMismatchError(ConflictError):
    """The model at hand is not the one that made the collection's vectors."""


class ModelError(SemsearchError, RuntimeError):
    """A model cannot be found, verified or loaded."""


class SandboxError(SemsearchError, RuntimeError):
    """The processes that parse untrusted files cannot be started; no document is at fault."""


class StoreError(SemsearchError, RuntimeError):
    """What is on disk cannot be used."""


class CorruptStoreError(StoreError):
    """A file of the collection is damaged, or is not what its name says."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path} is damaged: {reason}; nothing was changed: restore it from a backup, or drop it and add again"
        )
        self.path, self.reason = path, reason


class FormatVersionError(StoreError):
    """The collection was written by a newer semsearch, or by one before the first release."""

    def __init__(self, path: Path, found: int, known: int) -> None:
        what = "upgrade semsearch" if found > known else "drop it, and add its documents again"
        super().__init__(f"{path} has format {found} and this semsearch knows formats up to {known}: {what}")
        self.path, self.found, self.known = path, found, known


class StoreFullError(StoreError):
    """The disk is full; what was acknowledged before is safe."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"no space is left for {path}; everything acknowledged so far is kept: free some and run the same again"
        )
        self.path = path
