"""The model's share of embedding: forward passes of semsearch's batches on texts that are tokenised already."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import repeat

import numpy as np

from semsearch.embedders.batching import Batches, Rows
from semsearch.embedders.library_model import load_model
from semsearch.embedders.sentence_transformer import SentenceTransformerEmbedder
from semsearch.machine import torch_shared, torch_threads
from semsearch.types import Vectors

TOKENS_A_BATCH, TOKENS_A_GPU = 2_048, 65_536


def forward_passes(
    embedder: SentenceTransformerEmbedder, texts: Sequence[str], precision: str, at_once: int
) -> Callable[[], Vectors]:
    """A function that runs the model over all texts, so many of them at a time: (n, dim)."""
    import torch

    model = load_model(embedder.name, embedder.folder, embedder.device, dtype=precision)
    ids = embedder.tokens.read(texts)
    on_cpu = embedder.device == "cpu"
    batches = Batches(TOKENS_A_BATCH, torch_shared) if on_cpu else Batches(TOKENS_A_GPU)

    def forward(first: int, rows: Rows) -> Vectors:
        arrays = embedder.tokens.padded([ids[first + row] for row in rows])
        with torch.inference_mode():
            features = {name: torch.from_numpy(array).to(model.device) for name, array in arrays.items()}
            vectors = model(features)["sentence_embedding"].float()
            return torch.nn.functional.normalize(vectors, dim=1).cpu().numpy()

    def run() -> Vectors:
        found = []
        for first in range(0, len(ids), at_once):
            lengths = list(map(len, ids[first : first + at_once]))
            copies = list(repeat(partial(forward, first), torch_threads() if on_cpu else 1))
            found.append(batches.embed(lengths, copies, embedder.dim))
        return np.concatenate(found)

    forward(0, np.arange(1))  # torch makes itself ready
    return run
