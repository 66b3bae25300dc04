"""What a cut in front of a piece is worth to each method, beyond what the text itself says of it."""

from dataclasses import replace

import numpy as np

from semsearch.ingest.chunking.pieces import PARAGRAPH, SECTION, SENTENCE, Numbers, Pieces, Worths
from semsearch.ingest.chunking.sections import Section
from semsearch.ingest.chunking.syntax import outline

_WHOLE = 2.0  # the end of a sentence anywhere in a chunk is worth more than that of a word at the chunk's end
_TOP, _LEVEL, _LEAST, _BLANK_LINE = 4.0, 0.4, 0.2, 0.2  # of code; a chunk may stay empty to 0.4 for an outer level


def weighed(section: Section, pieces: Pieces, method: str) -> Pieces:
    """The pieces of a section, a cut in front of each now worth what it is to the method."""
    worths = pieces.worths.copy()
    language = section.document.metadata.get("code_language")
    if method == "code" and isinstance(language, str):
        starts, depths = outline(section.text, language)
        _raise(worths, pieces, starts + section.start, np.maximum(_TOP - _LEVEL * depths, _LEAST))
        worths[pieces.worths == PARAGRAPH] += _BLANK_LINE
    headings = np.array(section.new_headings(), np.int64)
    _raise(worths, pieces, headings, np.full(len(headings), SECTION))
    if method == "sentences":
        worths[worths >= SENTENCE] = _WHOLE
    return replace(pieces, worths=worths)


def _raise(worths: Worths, pieces: Pieces, places: Numbers, least: Worths) -> None:
    """Let a cut at some places be worth that at least; places within a word do not count."""
    following = np.searchsorted(pieces.words, places)
    following[following == len(worths)] = 0
    between = pieces.starts[following] <= places
    np.maximum.at(worths, following[between], least[between])
