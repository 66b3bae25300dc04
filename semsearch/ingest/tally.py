"""What became of documents and files in one call, counted as they are committed."""

from dataclasses import dataclass, field, fields
from typing import Literal

from semsearch.reports import AddReport, FileOutcome, FileReport
from semsearch.store.records import SourceFile
from semsearch.types import Failure


@dataclass(kw_only=True)
class _Counted:
    """What became of documents, how many each."""

    added: int = 0
    updated: int = 0
    skipped: int = 0
    vanished: int = 0
    removed: int = 0


@dataclass
class FileTally(_Counted):
    """One file, from its beginning to its end."""

    path: str
    known: SourceFile | None
    failures: list[Failure] = field(default_factory=list)

    def report(self) -> FileReport:
        counts = {each.name: getattr(self, each.name) for each in fields(_Counted)}
        return FileReport(self.path, self._outcome(), **counts, failed=len(self.failures), reason=self.reason())

    def reason(self) -> str | None:
        return self.failures[0].reason if self.failures else None

    def _outcome(self) -> FileOutcome:
        if self.failures and not self.added + self.updated + self.skipped:
            return FileOutcome.FAILED
        if not self.added + self.updated + self.removed:
            return FileOutcome.SKIPPED
        return FileOutcome.UPDATED if self.known is not None and self.known.documents else FileOutcome.ADDED


def skipped_report(file: SourceFile) -> FileReport:
    """Of a file that has not changed; in quarantine, it fails again for the reason that is known."""
    outcome = FileOutcome.FAILED if file.failures and not file.documents else FileOutcome.SKIPPED
    reason = file.failures[0].reason if file.failures else None
    return FileReport(file.path, outcome, skipped=file.documents, failed=len(file.failures), reason=reason)


@dataclass
class Tally(_Counted):
    """All of a call."""

    chunks: int = 0
    reused: int = 0
    tokens: int = 0
    truncated: int = 0
    replaced: int = 0
    failed: list[Failure] = field(default_factory=list)
    files: list[FileReport] = field(default_factory=list)

    def fail(self, failure: Failure, file: FileTally | None) -> None:
        self.failed.append(failure)
        if file is not None:
            file.failures.append(failure)

    def count(self, what: Literal["added", "updated", "skipped"], file: FileTally | None) -> None:
        """Count one document, also for its file."""
        for each in (self, file):
            if each is not None:
                setattr(each, what, getattr(each, what) + 1)

    def report(self) -> AddReport:
        counts = {name: value for name, value in vars(self).items() if name not in {"failed", "files"}}
        return AddReport(**counts, failed=tuple(self.failed), files=tuple(self.files))
