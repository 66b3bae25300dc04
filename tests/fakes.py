"""Stand-ins for the models: quick, deterministic and without a download; the real ones are in `semsearch.embedders`."""

import hashlib
from collections.abc import Sequence

import numpy as np

from semsearch.errors import InvalidRequestError
from semsearch.images.protocol import Images, Latents, Pixels
from semsearch.types import Vectors

SPECIALS = 2  # tokens that every text has beside its words


class FakeEmbedder:
    """An Embedder that is a pure function of the text: texts that share words are near.

    A token is a word between white space, whatever its case; words beyond `max_tokens` are not read. The counters say
    how often it was called, and with how many texts.
    """

    def __init__(
        self, dim: int = 32, max_tokens: int = 16, *, name: str = "fake", fingerprint: str = "fake-fingerprint"
    ) -> None:
        self.name = name
        self.fingerprint = fingerprint
        self.dim = dim
        self.max_tokens = max_tokens
        self.document_calls = self.document_texts = 0
        self.query_calls = self.query_texts = 0

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        self.document_calls += 1
        self.document_texts += len(texts)
        return self._embed(texts)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        self.query_calls += 1
        self.query_texts += len(texts)
        return self._embed(texts)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) + SPECIALS for text in texts]

    def _embed(self, texts: Sequence[str]) -> Vectors:
        sums = [self._sum_of_words(text) for text in texts]
        vectors: Vectors = np.array(sums, np.float32).reshape(len(texts), self.dim)  # (n, dim)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors

    def _sum_of_words(self, text: str) -> Vectors:
        words = text.lower().split()[: self.max_tokens - SPECIALS] or [""]
        total: Vectors = np.sum([_word_vector(word, self.dim) for word in words], axis=0)  # (dim,)
        return total


def _word_vector(word: str, dim: int) -> Vectors:
    """Half-odd numbers between -127.5 and 127.5, the same in every process; none is zero."""
    digest = hashlib.shake_256(word.encode("utf-8", "surrogatepass")).digest(dim)
    return np.frombuffer(digest, np.uint8).astype(np.float32) - np.float32(127.5)


class FakeImageEmbedder:
    """An ImageEmbedder whose latent is the image itself, at an eighth of its sides: images that look alike are near.

    A black image has a vector without a direction. `images` counts those that were embedded. It is its own Autoencoder.
    """

    device, precision = "cpu", "float32"
    latent_channels, downscale, scaling_factor, shift_factor = 3, 8, 1.0, 0.0

    def __init__(self, size: int = 32, *, name: str = "fake-vae", fingerprint: str = "fake-images") -> None:
        self.name, self.size, self.fingerprint = name, size, f"{fingerprint}-{size}"
        self.dim = 3 * (size // 8) ** 2
        self.calls = self.images = self.drawn = 0

    def embed_images(self, squares: Pixels) -> tuple[Vectors, Latents]:
        self.calls += 1
        self.images += len(squares)
        latents = self.encode(squares)
        return self.vectors(latents), latents

    @property
    def autoencoder(self) -> "FakeImageEmbedder":
        return self

    def encode(self, images: Pixels) -> Latents:
        side = self.size // 8
        cells = images.astype(np.float32).reshape(len(images), 3, side, 8, side, 8)
        latents: Latents = cells.mean(axis=(3, 5)) / 255  # (n, 3, side, side)
        return latents

    def decode(self, latents: Latents, *, size: tuple[int, int] | None = None) -> Images:
        return self.draw(latents)

    def vectors(self, latents: Latents) -> Vectors:
        side = self.size // 8
        if latents.shape[1:] != (3, side, side):
            raise InvalidRequestError(f"latents of the shape {latents.shape}")
        return latents.reshape(len(latents), self.dim)

    def draw(self, latents: Latents) -> Images:
        self.drawn += len(latents)
        return latents.repeat(8, axis=2).repeat(8, axis=3)
