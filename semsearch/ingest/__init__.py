"""The write path: files to documents, documents to chunks and vectors, vectors to an index."""
