"""Tells in which language a text is, offline, from its beginning; nothing is said of what is short or uncertain."""

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from semsearch.types import Document, Failure

_BEGINNING = 600  # characters that are looked at
_SHORTEST = 25  # letters that can be told by
_SURE = 0.8  # probability


def with_language(items: Iterable[Document | Failure]) -> Iterator[Document | Failure]:
    """Put the language of each document's text into its metadata as `language`, where it can be told."""
    for item in items:
        language = None
        if isinstance(item, Document) and "language" not in item.metadata:
            language = detect_language(item.text)
        if language is None or isinstance(item, Failure):
            yield item
        else:
            yield replace(item, metadata={**item.metadata, "language": language})


def detect_language(text: str) -> str | None:
    """The language of a text by its ISO 639-1 code; `None` if there is too little of it, or none is likely."""
    words = (word for word in text[: 4 * _BEGINNING].split() if any(map(str.isalpha, word)))
    beginning = " ".join(words)[:_BEGINNING]
    if sum(map(str.isalpha, beginning)) < _SHORTEST:
        return None
    language, probability = _classifier()(beginning)
    return language if probability >= _SURE and len(language) == 2 else None


@functools.cache
def _classifier() -> Callable[[str], tuple[str, float]]:
    """The model of py3langid, read at first use: it takes a second, and 100 MB of memory."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    classify: Callable[[str], tuple[str, float]] = LanguageIdentifier.from_model_file(
        MODEL_FILE, norm_probs=True
    ).classify
    return classify
