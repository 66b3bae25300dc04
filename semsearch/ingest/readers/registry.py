"""The readers, by the suffix of the files that they read."""

from semsearch.ingest.readers import plain
from semsearch.ingest.readers.contract import Reader

_READERS = (plain.TEXT, plain.MARKDOWN, plain.RST, plain.HTML, plain.JSONL)
READERS: dict[str, Reader] = {suffix: reader for reader in _READERS for suffix in reader.suffixes}
