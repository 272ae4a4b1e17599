"""Broken answers, generated from a seed so that each can be reproduced."""

import json
import random

CHUNKS = [
    b"",
    b"{",
    b"}",
    b'"',
    b",",
    b"[",
    b"]",
    b"\\",
    b"\x00",
    b"\xff",
    b"},{",
    b"\r\n",
    b"--b",
    b"<html>",
    b"null",
    b":",
]
LETTERS = list("ab\"\\{}[],: \n/\u00e4\u6f22\U0001f600\u2028\x7f<>&'0")
KEYS = ["value", "@odata.nextLink", "@nextLink", "@odata.deltaLink", "@odata.count", "@count", "error", "code", "message",
        "innererror", "Ids", "id", "@removed", "@odata.context", "a", ""]  # fmt: skip


class Mess:
    """One case."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def text(self) -> str:
        return "".join(self.random.choices(LETTERS, k=self.random.randint(0, 10)))

    def value(self, depth: int = 0):
        pick = self.random.randint(0, 8 if depth < 3 else 5)
        if pick == 6:
            return [self.value(depth + 1) for _ in range(self.random.randint(0, 3))]
        if pick >= 7:
            return self.entry(depth + 1)
        scalars = [None, True, self.random.randint(-(2**63), 2**63), self.random.uniform(-1e300, 1e300)]
        return [*scalars, self.text(), "accounts/$deletedEntity"][pick]

    def entry(self, depth: int = 0) -> dict:
        size = self.random.randint(1, 5)
        return {self.random.choice([*KEYS, self.text()]): self.value(depth) for _ in range(size)}

    def page(self) -> bytes:
        """A collection, compact as the services write it or with spaces."""
        alike = self.random.random() < 0.5
        rows = [self.entry() for _ in range(self.random.randint(0, 5))]
        rows = [{"@odata.etag": "W/1", **row} if alike else row for row in rows]
        more = self.random.choice(
            [{}, {"@odata.nextLink": "n"}, {"@nextLink": 7}, {"@odata.deltaLink": None}, {"@odata.count": -1}]
        )
        separators = self.random.choice([(",", ":"), (", ", ": ")])
        page = {"@odata.context": "c", "value": rows, **more}
        return json.dumps(page, separators=separators, ensure_ascii=False).encode()

    def error(self) -> bytes:
        plain = [
            b"",
            b"<html><title>Busy</title>",
            b"Service Unavailable",
            b"<m:error><m:code>1</m:code><m:message>No</m:message></m:error>",
        ]
        error = json.dumps({"error": self.value(), **self.entry()}).encode()
        return self.random.choice([error, error, json.dumps({"error": self.entry()}).encode(), *plain])

    def broken(self, body: bytes) -> bytes:
        """The body with pieces cut out, doubled or replaced; sometimes left whole."""
        for _ in range(self.random.choice([0, 1, 1, 2, 3])):
            at = self.random.randint(0, len(body))
            upto = min(len(body), at + self.random.choice([0, 1, 5, 30]))
            body = body[:at] + self.random.choice([*CHUNKS, body[at:upto] * 2]) + body[upto:]
        variants = [body] * 4 + [
            body[: self.random.randint(0, len(body))],
            b"\xef\xbb\xbf" + body,
            b" \n" + body,
        ]
        return self.random.choice(variants)
