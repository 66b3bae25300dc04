"""Text is text in whichever encoding it is, and what is no text is refused."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semsearch.errors import InvalidDocumentError
from semsearch.ingest.readers.encoding import decode, encoding_of

GERMAN = "Die Größe der Häuser überraschte die Gäste, und später gab es süße Brötchen für alle. "
RUSSIAN = "Привет, как дела? Сегодня хорошая погода."
TEXTS = [
    (GERMAN, "cp1252"),
    ("Müller", "cp1252"),
    ("name;größe\nMüller;3,5 €\n", "cp1252"),
    ("El niño comió piñones en España.", "cp1252"),
    ("Zażółć gęślą jaźń. Wszyscy ludzie rodzą się wolni i równi.", "cp1250"),
    ("Zażółć gęślą jaźń. Wszyscy ludzie rodzą się wolni i równi.", "iso8859_2"),
    (RUSSIAN, "cp1251"),
    (RUSSIAN, "koi8_r"),
    ("Γειά σου κόσμε, τι κάνεις σήμερα;", "cp1253"),
    ("مرحبا بالعالم كيف حالك اليوم", "cp1256"),
    ("日本語のテキストです。これは試験です。", "cp932"),
    ("日本語のテキストです。これは試験です。", "euc_jp"),
    ("这是一个测试文本，用于检测编码。", "gb18030"),
    ("這是一個測試文本，用於檢測編碼。", "big5"),
    ("한국어 텍스트입니다. 이것은 시험입니다.", "cp949"),
]
MARKED = ["utf-8-sig", "utf-16", "utf-32"]


@given(
    st.text(st.characters(exclude_characters="\0", codec="utf-8")).filter(lambda text: not text.startswith("\ufeff"))
)
def test_utf8_is_never_taken_for_anything_else(text: str) -> None:
    assert decode(text.encode()) == (text, "utf-8")


@pytest.mark.parametrize(("text", "encoding"), TEXTS)
def test_an_encoding_is_told_by_the_letters_that_it_gives(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == (text, encoding)
    assert encoding_of(io.BytesIO(text.encode(encoding))) == encoding


@pytest.mark.parametrize("encoding", MARKED)
def test_a_byte_order_mark_decides_and_is_no_part_of_the_text(encoding: str) -> None:
    data = f"{GERMAN}日本\r\n".encode(encoding)
    assert decode(data, "cp1252") == (f"{GERMAN}日本\r\n", encoding.removesuffix("-sig"))
    assert data.decode(encoding_of(io.BytesIO(data))) == f"{GERMAN}日本\r\n"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_needs_no_byte_order_mark(encoding: str) -> None:
    data = "A few words, and naïve ones.\n".encode(encoding)
    assert decode(data) == ("A few words, and naïve ones.\n", encoding)
    assert encoding_of(io.BytesIO(data)) == encoding


@pytest.mark.parametrize(
    ("declared", "encoding"),
    [
        ("koi8-r", "koi8-r"),
        ("ISO-8859-1", "cp1252"),
        ("GB2312", "gb18030"),
        ("Shift_JIS", "cp932"),
        ("utf-16", "utf-8"),
    ],
)
def test_a_declared_encoding_is_what_browsers_take_it_for(declared: str, encoding: str) -> None:
    assert decode("plain".encode("ascii"), declared) == ("plain", encoding)


@pytest.mark.parametrize("declared", ["utf-8", "no-such-encoding", "hex", "shift_jis", None])
def test_a_wrong_declaration_is_passed_over(declared: str | None) -> None:
    assert decode(GERMAN.encode("cp1252"), declared) == (GERMAN, "cp1252")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"GIF89\0a", "is not text: byte 5 is NUL"),
        (b"GIF8\0a", "is not text: byte 4 is NUL"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is not text: byte 8 is NUL"),
        (b"PK\x03\x04\xff\xfe\xfd", "is not text: byte 2 is 0x03"),
        (bytes(range(32, 256)) * 20, "is not text"),
        (b"\xff\xfea", "is not text: byte 2 is 0x61, which utf-16 does not have"),
    ],
)
def test_binary_data_is_refused_with_the_byte_that_shows_it(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidDocumentError) as caught:
        decode(data)
    assert str(caught.value).startswith(reason)


def test_a_stray_control_character_does_not_make_a_text_binary() -> None:
    text = GERMAN * 20 + "\x1a"
    assert decode(text.encode("cp1252")) == (text, "cp1252")


def test_the_encoding_of_a_long_file_is_told_by_what_is_not_ascii_however_late_it_comes() -> None:
    file = io.BytesIO(b"x" * 3_000_000 + RUSSIAN.encode("cp1251"))
    file.seek(7)
    assert encoding_of(file) == "cp1251"
    assert file.tell() == 7
    assert decode(file.getvalue())[1] == "cp1251"
