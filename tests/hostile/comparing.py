"""How the test compares ids, numbers and names: never more finely than either system does."""

from __future__ import annotations

import hashlib
import unicodedata
import uuid

BLANK_LETTERS = set("\u034f\u115f\u1160\u2800\u3164\uffa0")


def text_of(value: object) -> str:
    """A value as staging reads it."""
    import json

    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def is_blank_letter(letter: str) -> bool:
    return unicodedata.category(letter)[0] in "ZC" or letter in BLANK_LETTERS


def trimmed(value: object) -> str:
    text = text_of(value)
    start, end = 0, len(text)
    while start < end and is_blank_letter(text[start]):
        start += 1
    while end > start and is_blank_letter(text[end - 1]):
        end -= 1
    return text[start:end]


def coarse(value: object) -> str:
    """Texts that may be one key for a target have one coarse form."""
    text = unicodedata.normalize("NFKC", text_of(value)).casefold()
    for letter, plain in (("\u00e6", "ae"), ("\u0153", "oe"), ("\u00fe", "th")):
        text = text.replace(letter, plain)
    text = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in text if letter in "abcdefghijklmnopqrstuvwxyz0123456789")


def same_id(value: object) -> str:
    text = text_of(value)
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return text.lower()


def assigned_numbers(prefix: str, key: str) -> list[str]:
    """The four numbers that a record without one may be given, folded (macros/numbers.sql)."""
    numbers = []
    for salt in range(4):
        digest = hashlib.md5(f"{key}:{salt}".encode()).hexdigest()
        letters = ("BCDFGHJKLMNPQRSTVWXZ"[int(digest[8 + 3 * n : 11 + 3 * n], 16) % 20] for n in range(6))
        numbers.append(coarse(f"{prefix}-{int(digest[:7], 16) % 100000:05}-{''.join(letters)}"))
    return numbers
