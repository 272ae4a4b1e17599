"""Malformed requests, made from sound ones by a seed that says so."""

import json
import random
from dataclasses import dataclass, field

ID = "11111111-0000-4000-8000-000000000001"
OTHER = "22222222-0000-4000-8000-000000000002"
SPLINTERS = [
    "'", "''", "\"", "(", ")", "[", "]", "{", "}", ",", ";", ":", "=", "&", "?", "/", "//", "$", "@", "%", "%%", "+",
    " ", "%20", "%00", "%27", "%2F", "%252F", "%ED%A0%80", "%FF", "%C3%28", "\u0001", "\ufeff", "\u2028", "é",
    "\U0001f600", "0", "-1", "1e999", "9" * 400, "NaN", "Infinity", "null", "true", "00000000-0000-0000-0000-000000000000",
    ID, "2026-13-45", "0001-01-01T00:00:00-23:59", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00", "$ref", "$count",
    "$value", "$metadata", "$batch", "$1", "$filter=", "$expand=", "$select=*", "$orderby=", "$top=", "$skip=1",
    "$apply=", "$skiptoken=", "$deltatoken=", "@p", "@p=@p", "any(", "all(", "not ", "not not ", " eq ", " and ", " or ",
    " add 1 ", "((((((((", "))))))))", "contains(", "Microsoft.Dynamics.CRM.", "Microsoft.Dynamics.CRM.Today(",
    "*", "_", "[^", "]%", "%25%25%25", "..", "\\", "<", ">", "<!DOCTYPE x>", "\r\n", "\n", "\t", "groupby((", "with sum as",
    "cross-company=true", "W/\"1\"", "dataAreaId='usmf'",
]  # fmt: skip
OPTIONS = [
    "$filter=",
    "$filter=not ",
    "$orderby=",
    "$expand=contact_customer_accounts(",
    "$apply=filter(",
    "$select=",
]
WORDS = [
    "name", "'x'", "5", "null", "true", "statecode", "createdon", "primarycontactid/fullname", "revenue", " eq ", " ne ",
    " gt ", " and ", " or ", " not ", "(", ")", "contains(", "startswith(name,", "contact_customer_accounts/any(", "c:c/",
    "account_parent_account/all(a:a/", "Microsoft.Dynamics.CRM.In(PropertyName='name',PropertyValues=", "['1','2']", ",",
    "Microsoft.Dynamics.CRM.NextXYears(PropertyName='createdon',PropertyValue=", "2026-01-01", "10.5", "$select=name;",
    "$orderby=fullname desc;", "$top=1", "$expand=", "/aggregate($count as n)", "/groupby((name))", " desc", "-", "@p",
    "Microsoft.Dynamics.CRM.ThisFiscalYear(PropertyName='createdon')", ID, "%25", "_primarycontactid_value", "1e400",
]  # fmt: skip
HEADERS = {
    "prefer": ["odata.maxpagesize=1", "odata.track-changes", "return=representation", "odata.continue-on-error",
               'odata.include-annotations="*"', "respond-async"],
    "if-match": ["*", 'W/"1"', "x", ""],
    "if-none-match": ["*", 'W/"1"', "null"],
    "content-type": ["application/json", "multipart/mixed; boundary=batch_x", "multipart/mixed", "text/plain", ""],
    "accept": ["application/json", "application/xml", "*/*"],
    "mscrmcallerid": [ID, "x"],
    "callerobjectid": [ID, ""],
    "content-id": ["1", ""],
}  # fmt: skip
VALUES = [None, True, False, 0, -1, 1.5, 10**30, 1e308, "", "x", "x" * 5000, ID, "2026-01-31", "2026-01-31T00:00:00Z", [],
          {}, [None], [{}], {"a": 1}, [[[]]], "\x00", "\u2028"]  # fmt: skip


@dataclass
class Request:
    method: str
    path: str
    query: str = ""
    headers: dict = field(default_factory=dict)
    body: bytes = b""


class Maker:
    """Draws requests; the same seed draws the same ones."""

    def __init__(self, seed: int, sound: list[tuple], prefix: str):
        self.draw = random.Random(seed)
        self.sound = sound
        self.prefix = prefix

    def request(self) -> Request:
        if self.draw.random() < 0.08:
            return self.batch()
        return self.single()

    def single(self) -> Request:
        method, path, query, body = self.draw.choice(self.sound)
        _, other_path, other_query, other_body = self.draw.choice(self.sound)
        roll = self.draw.random()
        if roll < 0.15:
            query = other_query
        elif roll < 0.25:
            path = other_path
        elif roll < 0.3:
            body = other_body
        if self.draw.random() < 0.1:
            method = self.draw.choice(["GET", "POST", "PATCH", "PUT", "DELETE"])
        if self.draw.random() < 0.25:
            path = self.broken(path)
        if self.draw.random() < 0.15:
            query = self.draw.choice(OPTIONS) + "".join(
                self.draw.choice(WORDS) for _ in range(self.draw.randint(1, 12))
            )
        elif self.draw.random() < 0.6:
            query = self.broken(query)
        return Request(method, wire(path), wire(query), self.headers(), self.broken_body(body))

    def broken(self, text: str) -> str:
        for _ in range(self.draw.choice([1, 1, 1, 2, 3, 6])):
            at = self.draw.randint(0, len(text))
            to = min(len(text), at + self.draw.choice([0, 0, 1, 1, 2, 5, 20]))
            kind = self.draw.random()
            if kind < 0.5:
                text = text[:at] + self.draw.choice(SPLINTERS) + text[to:]
            elif kind < 0.7:
                text = text[:at] + text[to:]
            elif kind < 0.85:
                text = text[:at] + text[at:to] * self.draw.choice([2, 3, 50]) + text[to:]
            else:
                text = (
                    text[:at]
                    + chr(self.draw.choice([self.draw.randint(0, 255), self.draw.randint(0, 0xD7FF)]))
                    + text[at:]
                )
        return text

    def headers(self) -> dict:
        found = {}
        while self.draw.random() < 0.35:
            name = self.draw.choice(list(HEADERS))
            value = self.draw.choice(HEADERS[name])
            if self.draw.random() < 0.3:
                value = self.broken(value).encode("latin-1", "replace").decode("latin-1").replace("\n", " ")
            found[name] = value
        return found

    def broken_body(self, body) -> bytes:
        roll = self.draw.random()
        if body is None:
            return b"" if roll < 0.9 else self.broken("{}").encode("utf-8", "replace")
        if roll < 0.5:
            body = self.changed(body)
        text = json.dumps(body)
        if roll > 0.8:
            text = self.broken(text)
        return text.encode("utf-8", "replace")

    def changed(self, value):
        """The JSON with one of its parts replaced, renamed or doubled."""
        if isinstance(value, dict) and value and self.draw.random() < 0.85:
            name = self.draw.choice(list(value))
            copy = dict(value)
            kind = self.draw.random()
            if kind < 0.5:
                copy[name] = self.changed(value[name])
            elif kind < 0.7:
                copy[self.broken(name)] = copy.pop(name)
            else:
                copy[
                    self.broken(
                        self.draw.choice(["name@odata.bind", "x", "@odata.id", "@odata.type", "Targets"])
                    )
                ] = self.draw.choice(VALUES)
            return copy
        if isinstance(value, list) and value and self.draw.random() < 0.7:
            at = self.draw.randrange(len(value))
            return [*value[:at], self.changed(value[at]), *value[at:]]
        if isinstance(value, str) and self.draw.random() < 0.5:
            return self.broken(value)
        return self.draw.choice(VALUES)

    def batch(self) -> Request:
        parts = [self.part() for _ in range(self.draw.randint(0, 4))]
        if self.draw.random() < 0.5:
            inner = self.joined([self.part() for _ in range(self.draw.randint(0, 3))], "changeset_y")
            parts.append("Content-Type: multipart/mixed; boundary=changeset_y\r\n\r\n" + inner)
        text = self.joined(parts, "batch_x")
        if self.draw.random() < 0.5:
            text = self.broken(text)
        headers = {**self.headers(), "content-type": "multipart/mixed; boundary=batch_x"}
        if self.draw.random() < 0.1:
            headers["content-type"] = (
                self.broken(headers["content-type"]).encode("latin-1", "replace").decode("latin-1")
            )
        return Request("POST", "$batch", "", headers, text.encode("utf-8", "replace"))

    def part(self) -> str:
        inner = self.single()
        query = f"?{inner.query}" if inner.query else ""
        where = self.draw.choice(["", "/", self.prefix, f"https://host{self.prefix}", "//[", "http://"])
        outer = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
        outer += [f"Content-ID: {self.draw.randint(0, 3)}"] if self.draw.random() < 0.7 else []
        head = [f"{inner.method} {where}{inner.path}{query} HTTP/1.1"]
        head += [f"{name}: {value}" for name, value in inner.headers.items()]
        body = inner.body.decode("utf-8", "replace")
        return "\r\n".join([*outer, "", *head, "", body])

    def joined(self, parts, boundary) -> str:
        return "".join(f"--{boundary}\r\n{part}\r\n" for part in parts) + f"--{boundary}--\r\n"


def wire(text: str) -> str:
    """The text as it can stand in a request line: letters beyond ASCII and blanks percent-encoded."""
    out = []
    for letter in text:
        if "!" <= letter <= "~" and letter != "#":
            out.append(letter)
        else:
            out.extend(f"%{byte:02X}" for byte in letter.encode("utf-8", "replace"))
    return "".join(out)
