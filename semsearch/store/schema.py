"""The tables of `collection.db` as SQLAlchemy sees them; the DDL that creates them is in `migrations`.

Core tables rather than mapped classes: rows leave this package as the dataclasses of `semsearch.types`, so that the
mapper would only add to the time that a command takes to start. Chunks hold no text: a chunk is a span of its
document, cut out by SQL, so that a citation cannot disagree with the document.
"""

from sqlalchemy import REAL, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, Text
from sqlalchemy.types import NullType

tables = MetaData()

# One row: what the collection is, and two counters for readers.
collection = Table(
    "collection",
    tables,
    Column("id", Integer, primary_key=True),  # always 1
    Column("created", Text, nullable=False),  # ISO 8601, for people
    Column("model", Text),  # the name it was asked for by; NULL: vectors are brought along
    Column("fingerprint", Text),  # of the model's content
    Column("precision", Text),  # of the model's arithmetic
    Column("max_tokens", Integer),
    Column("dim", Integer, nullable=False),
    Column("image_size", Integer),  # side of the squares that its images are brought to; NULL: documents are texts
    Column("target_recall", REAL, nullable=False),  # of searches that say nothing else
    Column("codec", Text),  # of its index; NULL: by size
    Column("chunking", Text, nullable=False),  # where documents are cut
    Column("chunk_tokens", Integer),  # at most; NULL: as many as the model reads
    Column("chunk_overlap", Integer, nullable=False),  # in tokens
    Column("terms", Text, nullable=False),  # version of the terms in the keyword index
    Column("version", Integer, nullable=False),  # +1 a commit
    Column("layout", Integer, nullable=False),  # +1 when readers have to load everything anew
)

# Files that documents were read from; what could not be read is in quarantine.
source_files = Table(
    "source_files",
    tables,
    Column("seq", Integer, primary_key=True),
    Column("path", Text, nullable=False, unique=True),  # as it was given; documents in it are named after it
    Column("size", Integer, nullable=False),  # in bytes
    Column("modified_ns", Integer, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("reader", Text, nullable=False),  # its name and version
    Column("failures", Text),  # a JSON array of [where, reason, document id]: it is in quarantine; NULL: it is not
    Column("read", Text, nullable=False),  # when, ISO 8601
)

documents = Table(
    "documents",
    tables,
    Column("seq", Integer, primary_key=True),  # never reused; the order of `list`
    Column("id", Text, nullable=False, unique=True),
    Column("first_chunk", Integer, nullable=False),  # the chunks of a document have consecutive ids
    Column("last_chunk", Integer, nullable=False),
    Column("content_hash", LargeBinary, nullable=False),  # title, text, places, own vector: decides re-embedding
    Column("details_hash", LargeBinary, nullable=False),  # metadata, source, source file: updated in place
    Column("source_file", Integer, ForeignKey("source_files.seq"), index=True),  # NULL: it came otherwise
    Column("title", Text),
    Column("source", Text),
    Column("metadata", Text, nullable=False),  # a JSON object
    Column("places", Text),  # a JSON array of [start, heading, page]; NULL: none
    Column("text", Text, nullable=False),  # last, so that filters do not read past it
)

chunks = Table(
    "chunks",
    tables,
    Column("id", Integer, primary_key=True),  # never reused
    Column("document", Integer, ForeignKey("documents.seq"), nullable=False, index=True),
    Column("start", Integer, nullable=False),  # Unicode code points of documents.text
    Column("end", Integer, nullable=False),
    Column("heading", Text),
    Column("page", Integer),
    Column("tokens", Integer),  # of the text that was embedded for it; NULL where vectors are brought along
    Column("text_hash", LargeBinary, index=True),  # of that text
)

tail_vectors = Table(
    "tail_vectors",
    tables,
    Column("chunk_id", Integer, primary_key=True),  # no foreign key: emptying the table would write every page again
    Column("vector", LargeBinary, nullable=False),  # dim little-endian float16, normalised
)

# What the images of an image collection are drawn from, one row a document.
latents = Table(
    "latents",
    tables,
    Column("document", Integer, ForeignKey("documents.seq"), primary_key=True),
    Column("data", LargeBinary, nullable=False),  # as semsearch.images.packing packs it
)

# Deleted chunks, as long as a sealed file or a reader may have them.
tombstones = Table(
    "tombstones",
    tables,
    Column("seq", Integer, primary_key=True),
    Column("chunk_id", Integer, nullable=False, index=True),
)

# The metadata keys that are indexed.
indexed_keys = Table(
    "indexed_keys",
    tables,
    Column("number", Integer, primary_key=True),
    Column("key", Text, nullable=False, unique=True),  # as filters have it
)

# One row a document and indexed key, also where the document has no such key.
indexed_values = Table(
    "indexed_values",
    tables,
    Column("key", Integer, primary_key=True),  # indexed_keys.number
    Column("document", Integer, primary_key=True),  # documents.seq
    Column("type", Text, nullable=False),  # SQLite's json_type, '' where the key is absent
    Column("value", NullType),  # NULL where it is absent, null, an array or an object
    Column("first_chunk", Integer, nullable=False),  # as in documents, so that filters need not look there
    Column("last_chunk", Integer, nullable=False),
    Index("ix_indexed_values", "key", "type", "value", "first_chunk", "last_chunk"),
)

# What people said of documents as answers to queries.
judgments = Table(
    "judgments",
    tables,
    Column("query", Text, primary_key=True),
    Column("document_id", Text, primary_key=True),  # no foreign key: a judgment outlasts its document
    Column("grade", Integer, nullable=False),  # 0 (not relevant) to 3
    Column("judged", Text, nullable=False),  # when, ISO 8601
)

# The manifest: a file that is not in here is not part of the collection.
files = Table(
    "files",
    tables,
    Column("name", Text, primary_key=True),  # relative to the collection
    Column("kind", Text, nullable=False),  # segment | segment_ids | base | base_ids | delta | delta_ids | queries
    Column("bytes", Integer, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("details", Text, nullable=False),  # a JSON object
)
