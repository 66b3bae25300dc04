"""What a text is searched by: its terms, and where each of them stands; the same for documents and for queries.

A text is taken apart here and not by SQLite, which is given terms between spaces. So identifiers stay what they are,
scripts without spaces have terms, and what was found can be shown in the text. `VERSION` is another one with every
change of what terms a text has: an index of another version is made anew from the documents.
"""

import functools
import re
import threading
import unicodedata
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

import Stemmer

# Grows with every change in here; stems are the library's, and which characters are letters is Python's to say.
_HERE = 2
VERSION = f"{_HERE} pystemmer-{Stemmer.version()} unicode-{unicodedata.unidata_version}"
MAX_CHARACTERS = 64  # of a term; longer ones are cut
_CACHED = 2**16  # pieces that are remembered; a text says most of its words again

# Written without spaces, or with endings that hide the word: Thai, Lao, Burmese, Khmer, radicals (which some PDFs have
# in place of Han), kana, Han, Hangul.
_UNSPACED = (
    r"\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff\u2f00-\u2fd5\u3005-\u3007\u3041-\u309a\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff"
    r"\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff66-\uff9f"
    r"\U0001b000-\U0001b16f\U00020000-\U000323af"
)
_INVISIBLE = "\u00ad\u200b-\u200d\u2060"  # soft hyphens and joiners inside words
_IN_WORDS = ("Mn", "Mc", "Me", "Cf")  # marks, and what is invisible
_DIACRITICS = re.compile(f"[\u0300-\u036f{_INVISIBLE}]")
SYMBOLS = "-.@:/\\&+#_$>"  # that a term may have beside letters and digits
_JOINT = r"(?:[-.@:/\\&'’+#]|_{1,3}|::|->|://|\+\+)"  # what joins words to a compound
_CASES = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_PIECES = re.compile(r"\S+")
_STEMMER, _STEMMING = Stemmer.Stemmer("english", 0), threading.Lock()  # it is for one thread at a time
_HYPHENED, _BETWEEN_DIGITS = re.compile(r"[^\W_]+(?:-[^\W_]+)+"), re.compile(r"\d-\d")


class Kind(Enum):
    """What a term is of its text."""

    WORD = 1  # a word, by its stem; or two neighbouring characters of a script without spaces
    EXACT = 2  # a compound as it is written, with its symbols: err_1234, foo.bar, v1.2.3, a@b.org
    PART = 3  # a part of a word (user, of getUserName), or a hyphened compound without its hyphens (email)


class Term(NamedTuple):
    """A term, and the characters of the text that it stands for."""

    start: int
    end: int
    text: str
    kind: Kind


class Columns(NamedTuple):
    """The terms of a text as they are indexed, between spaces: the words and then the exact ones; the parts."""

    terms: str
    parts: str


def terms_of(text: str) -> Iterator[Term]:
    """The terms of a text, ordered by its words; those of one compound come one after the other."""
    for piece in _PIECES.finditer(text):
        at = piece.start()
        terms = _known_terms(piece[0]) if len(piece[0]) <= MAX_CHARACTERS else _analysed(piece[0])
        for start, end, term, kind in terms:
            yield Term(at + start, at + end, term, kind)


def columns_of(text: str) -> Columns:
    """What is indexed of a text; words keep their positions, by which phrases are found."""
    every = [_known_columns(piece) if len(piece) <= MAX_CHARACTERS else _spelled(piece) for piece in text.split()]
    words, exact, parts = (" ".join(filter(None, some)) for some in zip(*every, strict=True)) if every else ("",) * 3
    return Columns(f"{words} {exact}".strip(), parts)


def folded(text: str) -> str:
    """The text without case, diacritics and typographic variants, and without what no term has."""
    if text.isascii() and text.isalnum():
        return text.lower()[:MAX_CHARACTERS]
    plain = _DIACRITICS.sub("", unicodedata.normalize("NFKD", text)).casefold()
    kept = [each for each in plain if each.isalnum() or each in SYMBOLS or unicodedata.category(each)[0] == "M"]
    return unicodedata.normalize("NFC", "".join(kept))[:MAX_CHARACTERS]


def stemmed(word: str) -> str:
    """The term of a folded word: its stem if it could be English (Porter 2, snowballstem.org/algorithms/english)."""
    if not (word.isascii() and word.isalpha()):
        return word
    with _STEMMING:
        return str(_STEMMER.stemWord(word))


def unhyphened(compound: str) -> str:
    """A folded compound of words with hyphens, in one; any other as it is, and so is a date."""
    is_hyphened = _HYPHENED.fullmatch(compound) and not _BETWEEN_DIGITS.search(compound)
    return compound.replace("-", "") if is_hyphened else compound


def is_in_terms(character: str) -> bool:
    """Whether a term may have it, or what it is written for, as accents are."""
    return character.isalnum() or character in SYMBOLS or unicodedata.category(character) in _IN_WORDS


def is_unspaced(text: str) -> bool:
    """Whether it begins with a character of a script without spaces."""
    return _unspaced().match(text) is not None


def _spelled(piece: str) -> tuple[str, str, str]:
    """The words, the exact terms and the parts of a piece."""
    terms = _analysed(piece)
    words, exact, parts = (" ".join([term.text for term in terms if term.kind is kind]) for kind in Kind)
    return words, exact, parts


def _analysed(piece: str) -> tuple[Term, ...]:
    """The terms of a piece, counted from its beginning."""
    terms = []
    for run in _runs().finditer(piece):
        at = run.start()
        of_run = _pairs(run[0]) if is_unspaced(run[0]) else _of_run(run[0])
        terms += [Term(at + start, at + end, term, kind) for start, end, term, kind in of_run]
    return tuple(terms)


_known_columns = functools.lru_cache(_CACHED)(_spelled)
_known_terms = functools.lru_cache(_CACHED // 4)(_analysed)


def _pairs(run: str) -> Iterator[Term]:
    """Neighbouring characters, and the last one alone, so that a term begins with each."""
    for at in range(len(run)):
        if pair := folded(run[at : at + 2]):
            yield Term(at, min(at + 2, len(run)), pair, Kind.WORD)


def _of_run(run: str) -> Iterator[Term]:
    words = list(_words().finditer(run))
    for word in words:
        yield from _of_word(word, run)
    if words[0][0] != run and "'" not in run and "’" not in run:
        yield from _of_compound(run)


def _of_word(found: re.Match[str], run: str) -> Iterator[Term]:
    start, word = found.start(), folded(found[0])
    if not word or (word == "s" and run[start - 1 : start] in {"'", "’"}):
        return
    yield Term(start, found.end(), stemmed(word), Kind.WORD)
    plain = not found[0].isascii() or (found[0].isalpha() and (found[0].islower() or found[0].istitle()))
    parts = [] if plain else list(_CASES.finditer(found[0]))
    for part in parts if len(parts) > 1 else ():
        if len(part[0]) > 1:
            yield Term(start + part.start(), start + part.end(), stemmed(folded(part[0])), Kind.PART)


def _of_compound(run: str) -> Iterator[Term]:
    whole = folded(run)
    joined = unhyphened(whole)
    if joined != whole:
        yield Term(0, len(run), stemmed(joined), Kind.PART)
    elif whole:
        yield Term(0, len(run), whole, Kind.EXACT)


@functools.cache
def _word() -> str:
    """The pattern of a word; marks are no letters to Python's `re`, and yet no word of Hindi is without them."""
    marks = "".join(chr(code) for code in range(0x300, 0x20000) if unicodedata.category(chr(code))[0] == "M")
    letter = rf"[^\W_{_UNSPACED}]"
    return rf"{letter}+(?:[{marks}{_INVISIBLE}]+{letter}*)*"


@functools.cache
def _runs() -> re.Pattern[str]:
    """Words with what joins them and what belongs to them: --verbose, .NET, @name, C++, g++; or unspaced characters."""
    before, after = r"(?:(?<!\w)(?:--?|[.#@$]|_{1,3}))?", r"(?:[+#]{1,3}|_{1,3})?"
    return re.compile(rf"[{_UNSPACED}]+|{before}{_word()}(?:{_JOINT}{_word()})*{after}")


@functools.cache
def _words() -> re.Pattern[str]:
    """The words of a run; C++ and C# are other words than C."""
    return re.compile(rf"(?<![^\W_])[^\W\d_](?:\+\+|#)|{_word()}")


@functools.cache
def _unspaced() -> re.Pattern[str]:
    return re.compile(f"[{_UNSPACED}]")
