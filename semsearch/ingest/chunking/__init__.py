"""How documents are cut into the chunks that are embedded, from `chunker` on; models and storage are elsewhere."""
