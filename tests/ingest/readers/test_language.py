"""The language of a text is told by its beginning, where it can be told."""

import subprocess
import sys

import pytest

from semsearch.ingest.readers.language import detect_language, with_language
from semsearch.types import Document, Failure

ENGLISH = "All human beings are born free and equal in dignity and rights."


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", ENGLISH),
        ("de", "Alle Menschen sind frei und gleich an Würde und Rechten geboren."),
        ("fr", "Tous les êtres humains naissent libres et égaux en dignité et en droits."),
        ("es", "Todos los seres humanos nacen libres e iguales en dignidad y derechos."),
        ("pl", "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw."),
        ("ru", "Все люди рождаются свободными и равными в своём достоинстве и правах."),
        ("ja", "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。"),
        ("zh", "人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心,并应以兄弟关系的精神相对待。"),
        ("ar", "يولد جميع الناس أحرارًا متساوين في الكرامة والحقوق وقد وهبوا عقلاً وضميرًا"),
    ],
)
def test_a_sentence_is_enough(language: str, text: str) -> None:
    assert detect_language(text) == language


@pytest.mark.parametrize(
    "text", ["", "Hello", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20", "a b c d e f", "-" * 9_999]
)
def test_nothing_is_said_of_what_is_short(text: str) -> None:
    assert detect_language(text) is None


def test_only_the_beginning_counts() -> None:
    assert detect_language(ENGLISH * 20 + "и" * 1_000_000) == "en"


def test_documents_have_their_language_unless_they_bring_one() -> None:
    failure = Failure("f", "reason")
    items = [Document("a", ENGLISH, {"n": 1}), failure, Document("b", ENGLISH, {"language": "xx"}), Document("c", "?")]
    assert list(with_language(items)) == [
        Document("a", ENGLISH, {"n": 1, "language": "en"}),
        failure,
        items[2],
        items[3],
    ]


def test_importing_loads_no_model() -> None:
    code = "import semsearch.ingest.readers.language, sys; print('py3langid' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
