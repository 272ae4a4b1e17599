"""Hostile values: of the wrong type, at the edges of every kind, unicode, twins of other values."""

from __future__ import annotations

import uuid
from random import Random

from d365_sandbox.schemas import Field

TYPES = (None, 0, -1, 12.5, True, False, [], {}, [1, "a"], {"a": None}, "", " ", "null", "undefined", "NaN")
TEXTS = (
    "\u200b", "\u00a0\u3000", "\t\r\n", "\ufeff\u2800", "e\u0301\u0327", "STRASSE \u00df", "\u0130stanbul", "\u202etxet",
    "\U0001f600" * 60, "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\u1e9e", "a\nb\r\nc", "a\tb", "  spaced  out  ",
    "\u200bhidden\u200b", "\x7f", "\x85next", "\ufffd", "'; drop table raw.sales_accounts; --", "{{ 1 / 0 }}", "%s %(x)s %",
    "\x01abc", "a\x0bb", "ab\x1fc", "\ufffe!",
    "\\", '"', "{}", "[]", "<a href='x'>&amp;</a>", "$1 $$", 
    "@{CustomersV3.PartyNumber:x}", "@?{a.b:c/*}", "@{a}", "ID 1",
    "\u0661\u0662", "0", "00", "-", "*", "?#/&", "true", "\ud55c\uad6d\uc5b4", "\uff21\uff0d\uff10\uff10\uff10\uff11",
)  # fmt: skip
NUMBERS = (
    1, 2, 3, 0.1, 0.0001, 0.00005, 1e-10, -0.01, 9.995, 10**10, 10**12, 10**12 + 1, 10**14, 10**15, 10**18, 10**22, 10**40,
    10**400, -(10**18), 2**31 - 1, 2**31, -(2**31), 2**63, "1", "01", " 5 ", "1.0", "5.0", "1,5", "1e5", "1e400", "1e-400",
    "999999999999999999.9999", "999999999999999999.99995", "-999999999999999999.9999999999", "0.00000000005", "Infinity",
    "-Infinity", "nan", "+7", "--1", "0x10", "0b1", "1_000", "\u0663", "\uff11", "1 2", "12x",
)  # fmt: skip
TIMES = (
    "0001-01-01T00:00:00Z", "0000-01-01T00:00:00Z", "1752-12-31T00:00:00Z", "1899-12-31T23:59:59Z", "1900-01-01T00:00:00Z",
    "1901-01-01T00:00:00+14:00", "2154-12-31T23:59:59Z", "2155-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-12:00", "10000-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-02-28T24:00:00Z", "2026-02-28",
    "2026-02-28T25:00:00Z", "2026-01-01 BC", "2026-W01", "now", "today", "infinity", "-infinity", "epoch", "28.02.2026",
    "2026-06-30T23:59:60Z", "2026-02-28T00:00:00", "20260228", "2026-02-28 Europe/Nowhere",
)  # fmt: skip
GUIDS = (
    "12x",
    str(uuid.UUID(int=0)),
    str(uuid.UUID(int=2**128 - 1)),
    str(uuid.uuid5(uuid.NAMESPACE_URL, "nobody")),
)
NAMES = (
    "yes",
    "YES",
    "No",
    "Yes",
    "no",
    "Maybe",
    "Item",
    "item",
    "Created",
    "Sent",
    "All",
    "Person",
    "Organization",
    "9",
)
POOLS = {
    "choice": NUMBERS,
    "integer": NUMBERS,
    "decimal": NUMBERS,
    "datetime": TIMES,
    "guid": GUIDS,
    "enum": NAMES,
}
LENGTHS = (10, 20, 25, 60, 70, 100, 160, 250, 255, 2000)


def hostile_value(random: Random, field: Field | None, present: object, others: list[object]) -> object:
    """A value for a field of this kind, which has the value ``present`` and in other records ``others``."""
    kind = field.kind if field else "string"
    source = random.random()
    if source < 0.12:
        return random.choice(TYPES)
    if source < 0.25 and others:
        return random.choice(others)
    if source < 0.4 and isinstance(present, str) and present:
        return twin(random, present)
    if kind == "string":
        return long_text(random, field) if random.random() < 0.6 else random.choice(TEXTS)
    return random.choice(POOLS.get(kind, TEXTS) if random.random() < 0.85 else TEXTS)


def twin(random: Random, text: str) -> object:
    """A text that a collation or a careless comparison takes for this one."""
    wide = "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in text)
    return random.choice((
        text.swapcase(), text.upper(), text + " ", " " + text, text + "\u200b", "\u00a0" + text, text + "\u0301", wide,
        text[:1] + "\u00ad" + text[1:], text + "\u6f22", "{" + text + "}", text.replace("-", ""), text.replace("-", "\u2010"),
    ))  # fmt: skip


def long_text(random: Random, field: Field | None) -> str:
    """A text as long as a limit of one of both systems, one more or many more, in units of one, two or four bytes."""
    limit = random.choice([*LENGTHS, *([field.max_length] * 5 if field and field.max_length else [])])
    letter = random.choice(("x", "\u00e9", "\u6f22", "\U0001f600"))
    units = max(limit + random.choice((-1, 0, 0, 1, 1, 2, 3000)), 1)
    text = letter * (units // (2 if letter > "\uffff" else 1)) or letter
    return text if random.random() < 0.7 else " " + text + " "
