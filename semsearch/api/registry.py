"""The collections that the service has open; it opens them and never creates one."""

import contextlib
import os
import threading
from pathlib import Path

from semsearch.collection import Collection
from semsearch.store.documents import DATABASE


class OpenCollections:
    """Collections by name, each opened at its first request and kept until `close`; threads may share an instance.

    Args:
        folder: where the collections lie.
        device: where their models run.
        search_device: where their vectors are searched.
        reranker: the name of a cross-encoder, which all of them share.
    """

    def __init__(self, folder: Path, device: str, search_device: str = "cpu", reranker: str | None = None) -> None:
        self.folder, self._device, self._search_device = folder, device, search_device
        self._reranker = reranker
        self._lock = threading.Lock()
        self._open: dict[str, tuple[int | None, Collection]] = {}

    def get(self, name: str) -> Collection:
        """The collection that has this name now; one that was dropped and made anew meanwhile is opened anew.

        Raises:
            CollectionNotFoundError, CorruptStoreError, FormatVersionError
        """
        with self._lock:
            inode = _inode(self.folder / name / DATABASE)  # taken before opening: at worst it is opened once more
            known = self._open.get(name)
            if known is not None and known[0] == inode:
                return known[1]
            self._forget(name)
            collection = Collection.open(
                self.folder / name,
                device=self._device,
                search_device=self._search_device,
                reranker=self._reranker,
            )
            self._open[name] = (inode, collection)
            collection.list(page_size=1)  # keeps the file open, so that its inode is not given to another one
            return collection

    def below(self, text: str) -> str:
        """The text without the folder in front of paths below it: where it lies on this machine is not told."""
        return text.replace(f"{self.folder}{os.sep}", "")

    def close(self) -> None:
        """Close all of them, which gives back their write locks."""
        with self._lock:
            for name in tuple(self._open):
                self._forget(name)

    def _forget(self, name: str) -> None:
        if name in self._open:
            self._open.pop(name)[1].close()


def _inode(path: Path) -> int | None:
    with contextlib.suppress(OSError):  # opening says what is wrong
        return path.stat().st_ino
    return None
