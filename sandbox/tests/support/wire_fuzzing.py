"""Requests that are wrong in many ways, drawn from a seed: what is valid, with pieces changed."""

import json
import random
from urllib.parse import quote

PIECES = [
    "'", "''", '"', "(", ")", "((", "))", ",", ";", "$", "@", "/", "//", "\\", "%", "%2", "%ZZ", "%00", "%27",
    "%C3", "&", "=", "+", "*", "?", "#", ":", ".", "..", "-", "1e999", "-0", "NaN", "INF", "null", "true", "0x1",
    "9" * 40, "1.5.2", "eq", "ne", "and", "or", "not", "in", "any", "all", "contains(", "tolower(", "now()",
    "2026-13-45", "2026-01-31T25:00:00Z", "00000000-0000-0000-0000-000000000000", "not-a-guid", "é", "日本",
    "\ud83d\ude00", "\x00", "\x7f", " ", "  ", "\t", "$it", "$root", "$count", "$ref", "$value", "$metadata",
    "$batch", "@odata.bind", "@p1", "x" * 300, "name", "accountid", "dataAreaId", "statecode", "a/b", "a.b.c",
    "Microsoft.Dynamics.CRM.In(", "Microsoft.Dynamics.DataEntities.NoYes'Yes'", "<cookie />", "%3Ccookie%20", "!",
]  # fmt: skip
OPTIONS = [
    "$select=name,accountnumber", "$filter=name eq 'A' and statecode eq 0", "$orderby=name desc,createdon",
    "$top=3", "$skip=2", "$count=true", "$expand=primarycontactid($select=fullname)", "$format=json",
    "$filter=contains(name,'a') or not startswith(name,'b')", "$apply=groupby((statecode),aggregate($count as n))",
    "$filter=contact_customer_accounts/any(c:c/lastname eq 'x')", "$filter=createdon ge 2026-01-01T00:00:00Z",
    "$filter=Microsoft.Dynamics.CRM.In(PropertyName='name',PropertyValues=['a','b'])", "cross-company=true",
    "$filter=dataAreaId eq 'usmf' and CustomerGroupId eq '*1*'", "$filter=SalesPriceQuantity mul 2 gt 1",
    "$filter=Microsoft.Dynamics.CRM.LastXDays(PropertyName='createdon',PropertyValue=3)", "$filter=name eq @p1&@p1='A'",
    "$skiptoken=%3Ccookie%20pagenumber=%222%22%20pagingcookie=%22x%22%20istracking=%22False%22%20/%3E",
    "$deltatoken=919042%2108%2f22%2f2017", "fetchXml=%3Cfetch%3E%3C/fetch%3E", "$search=x", "$levels=1",
]  # fmt: skip
SALES_PATHS = [
    "accounts", "contacts", "quotes", "products", "accounts(00000000-0000-0000-0000-000000000001)", "WhoAmI",
    "accounts(accountnumber='A-1')", "accounts/$count", "$metadata", "", "EntityDefinitions",
    "EntityDefinitions(LogicalName='account')/Attributes", "accounts(00000000-0000-0000-0000-000000000001)/name",
    "accounts(00000000-0000-0000-0000-000000000001)/primarycontactid/$ref", "WinQuote", "ReviseQuote", "CloseQuote",
    "ConvertQuoteToSalesOrder", "accounts/Microsoft.Dynamics.CRM.CreateMultiple", "sdkmessagefilters",
    "accounts/Microsoft.Dynamics.CRM.UpsertMultiple", "RelationshipDefinitions", "GlobalOptionSetDefinitions",
]  # fmt: skip
FINOPS_PATHS = [
    "CustomersV3", "CustomerGroups", "Currencies('USD')", "CustomersV3(dataAreaId='usmf',CustomerAccount='A')",
    "CustomerGroups/$count", "$metadata", "", "Currencies", "ReleasedProductsV2", "CDSSalesQuotationHeaders",
    "CDSSalesQuotationLines(dataAreaId='usmf',LineCreationSequenceNumber=1,SalesQuotationNumber='Q')",
    "DataManagementDefinitionGroups/Microsoft.Dynamics.DataEntities.ExportToPackage", "LegalEntities",
    "DataManagementDefinitionGroups/Microsoft.Dynamics.DataEntities.GetAzureWriteUrl",
]  # fmt: skip
BODIES = [
    {"name": "A", "accountnumber": "A-1", "statecode": 0, "revenue": 1.5, "numberofemployees": 3},
    {"primarycontactid@odata.bind": "/contacts(00000000-0000-0000-0000-000000000001)", "name": "x"},
    {"Targets": [{"@odata.type": "Microsoft.Dynamics.CRM.account", "name": "m", "@odata.id": "accounts(x='1')"}]},
    {"Status": 4, "QuoteClose": {"subject": "s", "quoteid@odata.bind": "/quotes(1)"}},
    {"QuoteId": "1", "ColumnSet": {"AllColumns": True}},
    {"dataAreaId": "usmf", "CustomerGroupId": "10", "Description": "d"},
    {"dataAreaId": "usmf", "CustomerAccount": "C", "CustomerGroupId": "10", "SalesCurrencyCode": "USD"},
    {"value": 1}, {"contact_customer_accounts": [{"lastname": "x"}]}, {"@odata.id": "/contacts(1)"},
    {"definitionGroupId": "G", "packageName": "p", "executionId": "", "reExecute": True, "legalEntityId": "usmf"},
]  # fmt: skip
ODD_VALUES = [
    None, True, "", [], {}, [[]], {"a": {}}, -1, 10**30, 1e308, 0.1, "x" * 5000, "\x00", "\ud800", [None], "é",
    "2026-02-30", "0001-01-01T00:00:00Z", {"@odata.bind": 1}, "/accounts(1)", "$1", {"@odata.type": 5}, [1, "a", {}],
]  # fmt: skip
HEADERS = [
    ("Prefer", "return=representation"), ("Prefer", "odata.maxpagesize=0"), ("Prefer", "odata.maxpagesize=-5"),
    ("Prefer", "odata.track-changes"), ("Prefer", 'odata.include-annotations="*"'), ("Prefer", '=;,"'),
    ("Prefer", "odata.track-changes,odata.maxpagesize=2"), ("If-Match", "*"), ("If-Match", 'W/"x'),
    ("If-None-Match", "*"), ("If-None-Match", "null"), ("MSCRMCallerID", "x"), ("CallerObjectId", "'"),
    ("Content-Type", "text/plain"), ("Content-Type", "multipart/mixed"), ("OData-Version", "9"),
    ("Accept", "application/json;odata.metadata=full"), ("Accept", "application/xml"), ("X-Forwarded-Host", "<>"),
]  # fmt: skip


class Fuzz:
    """An endless stream of requests for one system, each (method, path with query, headers, body)."""

    def __init__(self, seed, root, paths):
        self.random = random.Random(seed)
        self.root = root
        self.paths = paths

    def request(self):
        draw = self.random
        if draw.random() < 0.15:
            return self._batch()
        path = self._target()
        method = draw.choices(["GET", "POST", "PATCH", "DELETE", "PUT"], [10, 4, 3, 1, 1])[0]
        headers = dict(draw.sample(HEADERS, draw.choice([0, 0, 1, 2])))
        body = b""
        if method in ("POST", "PATCH", "PUT"):
            headers.setdefault("Content-Type", "application/json")
            body = self._body()
        return method, self.root + path, headers, body

    def _target(self):
        draw = self.random
        path = draw.choice(self.paths)
        if draw.random() < 0.4:
            path = self._changed(path)
        options = [self._maybe_changed(o) for o in draw.sample(OPTIONS, draw.choice([0, 1, 1, 2, 3]))]
        return quote(
            path + ("?" + "&".join(options) if options else ""), safe="/()',=$&?:;@!*+-._~%", errors="replace"
        )

    def _maybe_changed(self, text):
        return self._changed(text) if self.random.random() < 0.6 else text

    def _changed(self, text):
        draw = self.random
        for _ in range(draw.choice([1, 1, 2, 4])):
            at = draw.randint(0, len(text))
            what = draw.random()
            if what < 0.5:
                text = text[:at] + draw.choice(PIECES) + text[at:]
            elif what < 0.7:
                text = text[:at] + text[at + draw.randint(1, 5) :]
            elif what < 0.85:
                text = text[:at] + draw.choice(PIECES) + text[at + draw.randint(1, 8) :]
            elif what < 0.97:
                text = text[:at] + text[draw.randint(0, len(text)) :]
            else:
                text = text[:at] + "(" * draw.choice([50, 2000])
        return text

    def _body(self):
        draw = self.random
        body = dict(draw.choice(BODIES))
        for _ in range(draw.choice([0, 1, 1, 2])):
            name = draw.choice([*body, draw.choice(PIECES), "name", "statecode", "_x_value", "dataAreaId"])
            body[name] = draw.choice([*ODD_VALUES, dict(draw.choice(BODIES))])
        if draw.random() < 0.05:
            return draw.choice(
                [b"[" * 3000, b'{"a":' * 3000, b"\xff\xfe", b"nul", b"[]", b"1", b'"x"', b"{}", b""]
            )
        text = json.dumps(body, ensure_ascii=True)
        if draw.random() < 0.3:
            text = self._changed(text)
        return text.encode("utf-8", "replace")

    def _batch(self):
        draw = self.random
        parts = []
        for number in range(draw.choice([1, 2, 3])):
            method = draw.choice(["GET", "POST", "PATCH", "DELETE"])
            lines = ["--b", "Content-Type: application/http", "Content-Transfer-Encoding: binary"]
            lines += [f"Content-ID: {number}"] if draw.random() < 0.7 else []
            lines += ["", f"{method} {draw.choice(['', self.root])}{self._target()} HTTP/1.1"]
            body = self._body().decode("utf-8", "replace") if method in ("POST", "PATCH") else ""
            parts.append("\r\n".join([*lines, "Content-Type: application/json", "", body, ""]))
        text = "".join(parts) + "--b--\r\n"
        if draw.random() < 0.3:
            text = text.replace("--b", "--c")
            text = f"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n{text}--b--\r\n"
        if draw.random() < 0.6:
            text = self._changed(text)
        prefer = {"Prefer": "odata.continue-on-error"} if draw.random() < 0.5 else {}
        headers = {"Content-Type": "multipart/mixed; boundary=b", **prefer}
        return "POST", self.root + "$batch", headers, text.encode("utf-8", "replace")
