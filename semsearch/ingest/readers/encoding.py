"""Turns the bytes of text files into text, in whichever encoding they are; no file is opened here.

UTF-8 comes first, since nothing else looks like it by chance; what is guessed is one of the encodings in use.
"""

import codecs
import re
from typing import BinaryIO

from semsearch.errors import InvalidDocumentError

UTF8 = "utf-8"
_SAMPLE = 1 << 16  # bytes from which an encoding is guessed
_BLOCK = 1 << 20
_MARKS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Of two that fit equally well the first is taken; each decodes what its subsets (ISO 8859-1, GBK, Shift JIS) do.
_GUESSED = ["cp1252", "cp1251", "cp1250", "cp932", "gb18030", "cp949", "big5", "euc_jp", "cp1253"]
_GUESSED += ["cp1254", "cp1255", "cp1256", "cp1257", "koi8_r", "iso8859_5", "iso8859_2", "mac_roman"]
_SUPERSETS = {"ascii": "cp1252", "iso8859-1": "cp1252", "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932"}
_SUPERSETS |= {
    "euc_kr": "cp949",
    "utf-16": "utf-8",
    "utf-32": "utf-8",
}  # https://encoding.spec.whatwg.org/#names-and-labels
_BINARY = 1_000  # a control character in so many bytes may be an accident, as what DOS ended its files with is
_NOT_ASCII = re.compile(rb"[\x80-\xff]")
_CONTROL = re.compile(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f]")  # not for text, colours of a terminal included


def decode(data: bytes, declared: str | None = None) -> tuple[str, str]:
    """The text without its byte order mark, and the encoding it was in, as Python names it (`utf-8` for UTF-8).

    Tried are, in this order: a byte order mark, the encoding that the file declares, UTF-8, UTF-16 without a mark, and
    the encoding that is most likely by the letters that it gives.

    Raises:
        InvalidDocumentError: it is no text.
    """
    encoding = _marked(data)
    if encoding is None:
        encoding = _checked(data, _meant(declared)) or _checked(data, UTF8) or _wide(data) or _guess(data)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise InvalidDocumentError(
            f"is not text: byte {error.start} is 0x{data[error.start]:02x}, which {encoding} does not have; "
            "save it as UTF-8, or leave it out"
        ) from error
    _refuse_binary(text)
    return text, encoding.removesuffix("-sig")


def encoding_of(file: BinaryIO) -> str:
    """The encoding to open a text file of any size with, found as by `decode`; its position is where it was.

    Raises:
        InvalidDocumentError: it is no text.
    """
    beginning = file.tell()
    decoder = codecs.getincrementaldecoder(UTF8)()
    sample = file.read(_SAMPLE)
    encoding = _marked(sample) or _wide(sample)
    block, place = sample, 0
    while encoding is None:
        try:
            decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            start = max(0, beginning + place + error.start - _SAMPLE // 2)
            file.seek(start)
            encoding = _guess(file.read(_SAMPLE), start)
            break
        if not block:
            encoding = UTF8
        place += len(block)
        block = file.read(_BLOCK)
    file.seek(beginning)
    return encoding


def _marked(data: bytes) -> str | None:
    return next((encoding for mark, encoding in _MARKS if data.startswith(mark)), None)


def _meant(declared: str | None) -> str | None:
    """What a page that declares an encoding is in, as browsers take it."""
    try:
        name = codecs.lookup(declared or "").name
    except LookupError:
        return None
    return _SUPERSETS.get(name, name)


def _checked(data: bytes, encoding: str | None) -> str | None:
    """The encoding, if all of `data` is in it and it is no other than text."""
    try:
        if encoding is None or "\0" in data.decode(encoding):
            return None
    except (LookupError, ValueError):  # UnicodeDecodeError is a ValueError
        return None
    return encoding


def _wide(data: bytes) -> str | None:
    """UTF-16 without a mark: of ASCII letters, spaces and line ends, every other byte is NUL."""
    even, odd = data[:_SAMPLE:2].count(0), data[1:_SAMPLE:2].count(0)
    most, least = max(even, odd), min(even, odd)
    if len(data) % 2 or most < 4 or most * 20 < min(len(data), _SAMPLE) or least * 10 > most:
        return None
    return _checked(data, "utf-16-be" if even > odd else "utf-16-le")


def _guess(data: bytes, start: int = 0) -> str:
    """The likeliest encoding by charset-normalizer, whose own choice among equals would be an uncommon one."""
    from charset_normalizer import from_bytes

    controls = _CONTROL.findall(data)
    if b"\0" in controls or len(controls) * _BINARY > len(data):
        found = data.index(b"\0" if b"\0" in controls else controls[0])
        shown = f"0x{data[found]:02x}" if data[found] else "NUL"
        raise InvalidDocumentError(f"is not text: byte {start + found} is {shown}; convert it to text, or leave it out")
    guesses = list(from_bytes(_telling(data), cp_isolation=_GUESSED))
    if not guesses:
        raise InvalidDocumentError("is not text in any encoding that is known; save it as UTF-8, or leave it out")
    doubts = [guess.chaos - guess.coherence / 10 for guess in guesses]  # odd letters, less words of a known language
    likely = [
        encoding
        for guess, doubt in zip(guesses, doubts, strict=True)
        if doubt <= min(doubts) + 0.01
        for encoding in guess.could_be_from_charset
    ]
    return min(likely, key=_GUESSED.index)


def _telling(data: bytes) -> bytes:
    """What is not ASCII with what stands around it, up to the size of a sample: ASCII is the same in every encoding."""
    lines, size = [], 0
    for line in data.splitlines(keepends=True):
        if found := _NOT_ASCII.search(line):
            told = line[max(0, found.start() - 40) : found.start() + _SAMPLE - size]
            if not line.endswith(told):  # cut where no encoding has the half of a letter
                told = told[: max(told.rfind(b" "), 0) or None]
            lines.append(told)
            size += len(told)
        if size >= _SAMPLE:
            break
    return b"".join(lines)


def _refuse_binary(text: str) -> None:
    if (position := text.find("\0")) >= 0:
        raise InvalidDocumentError(f"is not text: character {position} is NUL; convert it to text, or leave it out")
