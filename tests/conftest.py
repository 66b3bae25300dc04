"""What all tests share."""

import pytest

from semsearch.embedders.sentence_transformer import SentenceTransformerEmbedder


@pytest.fixture(scope="session")
def embedder() -> SentenceTransformerEmbedder:
    """The real default model, loaded once."""
    return SentenceTransformerEmbedder("all-MiniLM-L6-v2")
