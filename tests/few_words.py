"""Documents of up to a dozen short chunks, made of few words, so that many chunks are nearly the same."""

import random
from collections.abc import Iterator

from semsearch import Document

WORDS = ["red", "green", "blue", "cat", "dog", "bird", "sun", "moon", "sea"]


def documents_of_few_words(number: int = 60) -> Iterator[Document]:
    generator = random.Random(7)
    for document in range(number):
        paragraphs = [" ".join(generator.choices(WORDS, k=generator.randint(2, 6))) for _ in range(document % 12 + 1)]
        yield Document(f"d{document}", "\n\n".join(paragraphs), {"third": document % 3})
