"""The stem of an English word: Porter's second algorithm (snowballstem.org/algorithms/english, as it was up to 2024).

It is written out here, and no package is asked, since an index holds stems: another one would be another index. Which
words are stemmed is decided in `terms`.
"""

import re
from collections.abc import Iterable

_VOWEL, _CONSONANT = "[aeiouy]", "[^aeiouy]"  # a y that is a consonant is written Y
_TO_R1 = re.compile(f"gener|commun|arsen|.*?{_VOWEL}{_CONSONANT}")
_TO_R2 = re.compile(f".*?{_VOWEL}{_CONSONANT}")
_VOWEL_AND_Y = re.compile(r"([aeiouy])y")
_SHORT_SYLLABLE = re.compile(f"(?:{_CONSONANT}{_VOWEL}[^aeiouywxY]|^{_VOWEL}{_CONSONANT})$")
_DOUBLE = re.compile(r"(?:bb|dd|ff|gg|mm|nn|pp|rr|tt)$")

_IRREGULAR = {
    "skis": "ski",
    "skies": "sky",
    "dying": "die",
    "lying": "lie",
    "tying": "tie",
    "idly": "idl",
    "gently": "gentl",
    "ugly": "ugli",
    "early": "earli",
    "only": "onli",
    "singly": "singl",
    **{word: word for word in ("sky", "news", "howe", "atlas", "cosmos", "bias", "andes")},
}
_KEPT_AFTER_PLURAL = {"inning", "outing", "canning", "herring", "earring", "proceed", "exceed", "succeed"}
_STEP_2 = {
    "tional": "tion",
    "enci": "ence",
    "anci": "ance",
    "abli": "able",
    "entli": "ent",
    "izer": "ize",
    "ization": "ize",
    "ational": "ate",
    "ation": "ate",
    "ator": "ate",
    "alism": "al",
    "aliti": "al",
    "alli": "al",
    "fulness": "ful",
    "ousli": "ous",
    "ousness": "ous",
    "iveness": "ive",
    "iviti": "ive",
    "biliti": "ble",
    "bli": "ble",
    "ogi": "og",
    "fulli": "ful",
    "lessli": "less",
    "li": "",
}
_STEP_3 = {
    "tional": "tion",
    "ational": "ate",
    "alize": "al",
    "icate": "ic",
    "iciti": "ic",
    "ical": "ic",
    "ful": "",
    "ness": "",
    "ative": "",
}
_STEP_4 = (
    *("al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent"),
    *("ism", "ate", "iti", "ous", "ive", "ize", "ion"),
)


def _longest_of(endings: Iterable[str]) -> re.Pattern[str]:
    return re.compile(f"(?:{'|'.join(sorted(endings, key=len, reverse=True))})$")


_ENDING_1B = _longest_of(("eed", "eedly", "ed", "edly", "ing", "ingly"))
_ENDING_2, _ENDING_3, _ENDING_4 = _longest_of(_STEP_2), _longest_of(_STEP_3), _longest_of(_STEP_4)


def stem(word: str) -> str:
    """The stem of a word of the letters a to z; a word of one or two letters is its own."""
    if len(word) <= 2:
        return word
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    word = _VOWEL_AND_Y.sub(r"\1Y", f"Y{word[1:]}" if word[0] == "y" else word)
    r1 = _end_of(_TO_R1, word, 0)  # where the endings begin that later steps may take away
    r2 = _end_of(_TO_R2, word, r1)
    word = _without_plural(word)
    if word not in _KEPT_AFTER_PLURAL:
        word = _step_1c(_step_1b(word, r1))
        word = _step_4(_step_3(_step_2(word, r1), r1, r2), r2)
        word = _step_5(word, r1, r2)
    return word.lower()


def _end_of(pattern: re.Pattern[str], word: str, start: int) -> int:
    found = pattern.match(word, start)
    return len(word) if found is None else found.end()


def _has_vowel(text: str) -> bool:
    return re.search(_VOWEL, text) is not None


def _without_plural(word: str) -> str:
    """Step 1a."""
    if word.endswith("sses"):
        return word[:-2]
    if word.endswith(("ied", "ies")):
        return word[:-2] if len(word) > 4 else word[:-1]
    if word.endswith("s") and not word.endswith(("us", "ss")) and _has_vowel(word[:-2]):
        return word[:-1]
    return word


def _step_1b(word: str, r1: int) -> str:
    found = _ENDING_1B.search(word)
    if found is None:
        return word
    before = word[: found.start()]
    if found[0].startswith("ee"):
        return f"{before}ee" if found.start() >= r1 else word
    if not _has_vowel(before):
        return word
    if before.endswith(("at", "bl", "iz")) or (len(before) <= r1 and _SHORT_SYLLABLE.search(before)):
        return f"{before}e"
    return before[:-1] if _DOUBLE.search(before) else before


def _step_1c(word: str) -> str:
    changes = word[-1] in "yY" and len(word) > 2 and not _has_vowel(word[-2])
    return f"{word[:-1]}i" if changes else word


def _step_2(word: str, r1: int) -> str:
    found = _ENDING_2.search(word)
    if found is None or found.start() < r1:
        return word
    before, ending = word[: found.start()], found[0]
    if (ending == "li" and not before.endswith(tuple("cdeghkmnrt"))) or (ending == "ogi" and not before.endswith("l")):
        return word
    return before + _STEP_2[ending]


def _step_3(word: str, r1: int, r2: int) -> str:
    found = _ENDING_3.search(word)
    if found is None or found.start() < (r2 if found[0] == "ative" else r1):
        return word
    return word[: found.start()] + _STEP_3[found[0]]


def _step_4(word: str, r2: int) -> str:
    found = _ENDING_4.search(word)
    if found is None or found.start() < r2:
        return word
    before = word[: found.start()]
    return word if found[0] == "ion" and not before.endswith(("s", "t")) else before


def _step_5(word: str, r1: int, r2: int) -> str:
    before = word[:-1]
    if word.endswith("e"):
        goes = len(before) >= r2 or (len(before) >= r1 and not _SHORT_SYLLABLE.search(before))
        return before if goes else word
    return before if word.endswith("ll") and len(before) >= r2 else word
