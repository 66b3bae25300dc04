"""Reads members of files that are zip archives inside (DOCX, XLSX, ODT, EPUB), without unpacking more than allowed.

What the archive says about the sizes of its members is not believed; an archive in an archive is never opened.
"""

import posixpath
import zipfile
from collections.abc import Iterator
from typing import BinaryIO

from semsearch.errors import InvalidDocumentError
from semsearch.ingest.readers.xml import Event, events

_BLOCK = 1 << 16
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # what Office wraps encrypted files in, and its files were until 2003


class Archive:
    """The members of an opened zip file by their names, which are looked up without regard to case.

    Args:
        opened: the file.
        most: bytes that may be unpacked from it in all; InvalidDocumentError at more.

    Raises:
        InvalidDocumentError: it is no zip file.
    """

    def __init__(self, opened: BinaryIO, most: int) -> None:
        self._most = self._left = most
        beginning = opened.read(len(_OLE))
        if beginning == _OLE:
            raise InvalidDocumentError(
                "is encrypted, or an Office file of before 2007; save it without a password in today's format"
            )
        try:
            self._file = zipfile.ZipFile(opened)
        except zipfile.BadZipFile as error:
            raise InvalidDocumentError(f"is damaged or of another kind: {error}; save it again") from error
        self._members = {_normal(member.filename): member for member in self._file.infolist()}

    def __contains__(self, name: str) -> bool:
        return _normal(name) in self._members

    def read(self, name: str) -> bytes:
        """A whole member; InvalidDocumentError if there is none, or if too much is unpacked."""
        return b"".join(self.blocks(name))

    def events(self, name: str) -> Iterator[Event]:
        """The events of a member that is XML; errors as those of `read` and of `xml.events`."""
        return events(self.blocks(name))

    def blocks(self, name: str) -> Iterator[bytes]:
        """A member, as it is unpacked."""
        member = self._members.get(_normal(name))
        if member is None:
            raise InvalidDocumentError(f"is damaged: it has no {name!r:.100} in it; save it again")
        if member.flag_bits & 1:
            raise InvalidDocumentError("is encrypted; save it without a password")
        if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:  # of others a block has no bound
            raise InvalidDocumentError("is compressed by another method than deflate; save it again")
        with self._file.open(member) as opened:
            while block := opened.read(_BLOCK):
                self._left -= len(block)
                if self._left < 0:
                    raise InvalidDocumentError(f"unpacks to more than {self._most:,} bytes; split it")
                yield block


def _normal(name: str) -> str:
    return posixpath.normpath(name.replace("\\", "/")).lstrip("/").lower()
