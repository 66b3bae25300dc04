"""What the words of a query ask for: terms, prefixes and phrases, and where a text answers them; no SQL is here.

Two things are operators: "a phrase" in quotes, and a star behind a word. All else is words, whatever it looks like.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from semsearch.store.terms import Kind, Term, folded, is_in_terms, is_unspaced, stemmed, terms_of, unhyphened

_T = TypeVar("_T")
MAX_PHRASES, MAX_PHRASE_WORDS, MAX_PREFIXES = 8, 32, 32  # more of a query are not looked at
_MIN_PREFIX = 2  # characters; most words begin like one that is shorter
_IN_WORD = r"[^\s*,;()\[\]{}]"
_OPERATORS = re.compile(rf"""["“”„]([^"“”„]*)["“”]|(?<!{_IN_WORD})({_IN_WORD}+)\*(?!\w)""")
# What may be missing to an ending: with one of these behind it, the beginning of a word has the stem of such words.
_TAILS = "e s es ed d ing ng g ation tion ion on n ational ly y ity ty ness ess ss ment ent nt t er r al l"
_STOP_WORDS = """a about above after again all also am an and any are as at be because been before being below between
    both but by can could did do does doing down during each few for from further had has have having he her here hers
    him his how i if in into is it its itself just me more most my no nor not of off on once only or other our ours out
    over own same she should so some such than that the their theirs them then there these they this those through to
    too under until up very was we were what when where which while who whom whose why will with would you your yours"""
STOP_WORDS = frozenset(_STOP_WORDS.split())  # English ones, that say how a question is put and not what it is about


@dataclass(frozen=True, slots=True)
class KeywordQuery:
    """What a text has to hold to be found: all of the phrases where there are some, else any of the rest.

    Attributes:
        terms: distinct ones.
        prefixes: any term that begins with one counts, too.
        phrases: words that follow one another.
    """

    terms: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    phrases: tuple[tuple[str, ...], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.terms or self.prefixes or self.phrases)

    def found_in(self, text: str) -> list[Term]:
        """The terms of a text that are asked for: by themselves, or as part of a phrase that is there."""
        terms = list(terms_of(text))
        words = [term for term in terms if term.kind is Kind.WORD]
        found = [term for term in terms if term.text in self.terms or term.text.startswith(self.prefixes)]
        return found + [word for phrase in self.phrases for word in _occurrences(phrase, words)]


def parse_query(text: str) -> KeywordQuery:
    """What any text asks for; English stop words count where there is nothing else."""
    free, quoted, starred = (list(filter(None, _OPERATORS.split(text)[at::3])) for at in range(3))
    phrases = _meant(_phrase, quoted, free)[:MAX_PHRASES]
    prefixes = _meant(_prefix, [_last_word(each, free) for each in starred], free)
    rest = " ".join(free)
    spelled = {term.text: rest[term.start : term.end] for term in terms_of(rest) if not _is_last_of_several(term, rest)}
    lone = [term for term, spelling in spelled.items() if len(spelling) == 1 and is_unspaced(spelling)]
    terms = [term for term, spelling in spelled.items() if folded(spelling) not in STOP_WORDS and term not in lone]
    if not (phrases or prefixes or lone or terms):
        terms = list(spelled)
    for prefix in prefixes[:MAX_PREFIXES]:
        terms += _stems_of_words_that_begin(prefix)
    beginnings = list(dict.fromkeys([*prefixes, *lone]))[:MAX_PREFIXES]  # each may stand for all terms that there are
    return KeywordQuery(tuple(dict.fromkeys(terms)), tuple(beginnings), tuple(phrases))


def _occurrences(phrase: tuple[str, ...], words: Sequence[Term]) -> Iterator[Term]:
    """The words where they follow one another as in the phrase."""
    for at in range(len(words) - len(phrase) + 1):
        some = words[at : at + len(phrase)]
        if all(word.text == term for word, term in zip(some, phrase, strict=True)):
            yield from some


def _meant(meaning: Callable[[str], _T], texts: Iterable[str], free: list[str]) -> list[_T]:
    """What these mean as operands; those that mean nothing are words like any, and go to `free`."""
    meant: dict[_T, None] = {}
    for text in texts:
        if operand := meaning(text):
            meant[operand] = None
        else:
            free.append(text)
    return list(meant)


def _phrase(text: str) -> tuple[str, ...]:
    """The words of a phrase; nothing of a single unspaced character, which most terms that have it do not end with."""
    words = [term for term in terms_of(text) if term.kind is Kind.WORD and not _is_last_of_several(term, text)]
    if len(words) == 1 and words[0].end - words[0].start == 1 and is_unspaced(text[words[0].start]):
        return ()
    return tuple(word.text for word in words[:MAX_PHRASE_WORDS])


def _last_word(text: str, free: list[str]) -> str:
    """What follows the last character that no term has; what is before it goes to `free`."""
    ends = [at for at, each in enumerate(text, 1) if not (is_in_terms(each) or each in "'’")]
    start = ends[-1] if ends else 0
    free.append(text[:start])
    return text[start:]


def _prefix(text: str) -> str:
    """What words have to begin with; nothing where that says too little, or where words have no ends."""
    prefix = unhyphened(folded(text))
    is_enough = len(prefix) >= _MIN_PREFIX and any(each.isalnum() for each in prefix)
    return prefix if is_enough and not is_unspaced(text[-1]) else ""


def _is_last_of_several(term: Term, text: str) -> bool:
    """Whether it is one unspaced character, and the pair before it has it, too."""
    before = text[max(term.start - 1, 0) : term.start]
    return term.end - term.start == 1 and bool(before) and is_unspaced(text[term.start]) and is_unspaced(before)


def _stems_of_words_that_begin(prefix: str) -> Iterable[str]:
    """Stems that are shorter than the prefix, of English words that begin with it: inform of informati."""
    if not (prefix.isascii() and prefix.isalpha()):
        return []
    stems = dict.fromkeys(stemmed(prefix + tail) for tail in ("", *_TAILS.split()))
    return [each for each in stems if not each.startswith(prefix)]
