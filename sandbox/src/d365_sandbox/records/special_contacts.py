"""Contacts that test a rule each. `becomes` is the expected result."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from d365_sandbox.records.accounts import nasty_account
from d365_sandbox.records.shapes import SALES, Guids, Record, Row, wire_time, without_nulls

US, GERMAN = "an account in the United States", "an account in Germany"
"""Parents that are ordinary accounts: the first of each kind."""

NOBODY = ""


@dataclass(frozen=True)
class SpecialContact:
    """`parent` names an account, or a contact of this list with `contact:` before its key."""

    key: str
    becomes: str
    row: Row
    parent: str = US
    customer_of: str = ""
    """Kind of the documents that make the contact a customer: quote, order or invoice."""

    is_nasty: bool = True
    """False where it is something that happens to ordinary contacts too."""


def _ordinary(
    key: str, becomes: str, parent: str = US, customer_of: str = "", **row: object
) -> SpecialContact:
    names = {"firstname": "Fay", "lastname": key.replace("-", " ").title()[:50]}
    return SpecialContact(key, becomes, names | row, parent, customer_of, is_nasty=False)


def _nasty(key: str, becomes: str, parent: str = US, **row: object) -> SpecialContact:
    return SpecialContact(key, becomes, {"firstname": "Nat", "lastname": "Odd"} | row, parent)


_STREET = {
    "address1_line1": "1 Long Street",
    "address1_city": "Seattle",
    "address1_stateorprovince": "WA",
    "address1_postalcode": "98101",
    "address1_country": "United States",
}

SPECIAL_CONTACTS = (
    _ordinary("decision-maker", "goes, with role Decision Maker", accountrolecode=1, gendercode=2),
    _ordinary("employee", "goes, with role Employee", accountrolecode=2, familystatuscode=2),
    _ordinary("influencer", "goes to the company of the German account", GERMAN, accountrolecode=3),
    _ordinary("no-mail-please", "goes; receives no direct mail", donotemail=True),
    _ordinary("of-a-contact", "left out by contact_without_account: its parent is a contact", "contact:decision-maker"),
    _ordinary("of-nobody", "left out by contact_without_account", NOBODY),
    _ordinary("inactive", "left out by contact_inactive", statecode=1, statuscode=2),
    _ordinary("of-a-closed-account", "left out by account_left_out: its account is inactive", "Closed Shop"),
    _ordinary("of-a-held-account", "waits for its account, which is held", "Ruritania Imports"),
    _ordinary("of-a-shared-number", "waits for its account, which is held", "Twin Peaks Bikes"),
    _ordinary("buyer-of-a-quote", "a customer, and no contact person", US, "quote", **_STREET),
    _ordinary("buyer-of-a-draft", "a customer: a draft makes one too", NOBODY, "quote", **_STREET),
    _ordinary("buyer-of-an-order", "a customer, and no contact person", NOBODY, "order", **_STREET),
    _ordinary("buyer-of-an-invoice", "a customer", "contact:decision-maker", "invoice", **_STREET),
    _ordinary("buyer-inactive", "left out by contact_inactive: no customer yet", US, "quote", statecode=1, statuscode=2),
    _nasty("chinese", "goes unchanged", firstname="太郎", lastname="山田", jobtitle="購買部長"),
    _nasty("right-to-left", "goes unchanged", firstname="محمد", lastname="بن علي"),
    _nasty("emoji", "goes unchanged", firstname="Zoë 🚲", lastname="O\u2019Day👩‍🔧"),
    _nasty("quotes", "goes unchanged", firstname="Bob \"'`", lastname="O'Neill <b>&amp;; \\"),
    _nasty("line-breaks", "goes; breaks and tabs stay as they are", firstname="Two\r\nLines", lastname="Tab\tBed"),
    _nasty("padded", "goes; blanks around the name are cut off", firstname="   ", lastname="  Padded  "),
    _nasty("invisible", "goes unchanged: zero width space, no-break space", firstname="\u200bAnn", lastname="Le\u00a0e"),
    _nasty("composed", "goes unchanged: é of two characters", firstname="Rene\u0301", lastname="Mu\u0308ller"),
    _nasty("no-last-name", "goes with its first name alone", firstname="Cher", lastname=None),
    _nasty("no-name-at-all", "held by contact_name_blank", firstname=None, lastname=None),
    _nasty("long-name", "held by value_too_long: F&O takes 25 characters", lastname="Wolfeschlegelsteinhausenbergerdorff"),
    _nasty("twin", "goes beside its twin", firstname="Tess", lastname="Twin", emailaddress1="tess@twin.example"),
    _nasty("twin-in-capitals", "goes beside its twin", firstname="TESS", lastname="TWIN", emailaddress1="TESS@twin.example"),
    _nasty("unknown-country", "held by country_unmapped", **(_STREET | {"address1_country": "Narnia"})),
    _nasty("lower-case-country", "goes", **(_STREET | {"address1_country": "united states"})),
    _nasty("unknown-state", "held by state_unmapped", **(_STREET | {"address1_stateorprovince": "ZZ"})),
    _nasty("long-postal-code", "held by value_too_long: 10 fit", **(_STREET | {"address1_postalcode": "98101-1234-5678"})),
    _nasty("unknown-role", "held by decision_role_unmapped", accountrolecode=100_000_000),
    _nasty("unknown-gender", "held by choice_unmapped", gendercode=192_350_007),
    _nasty("formula", "goes as text: no program may compute it", firstname="=1+1", lastname="@SUM(A1:A9)"),
    _nasty("formula-of-a-command", "goes as text", firstname="+cmd|' /C calc'!A0", lastname="-2+3"),
    _nasty("sql", "goes as text", firstname="Robert", lastname="'); drop table a; --"),
    _nasty("template", "goes as text: no template may expand it", firstname="{{ 7*7 }}", lastname="${jndi:x} %s %n"),
    _nasty("null-word", "goes: the word is a name", firstname="None", lastname="NULL"),
    _nasty("odd-mail-and-phone", "goes unchanged", emailaddress1="no mail", telephone1="call Ann, ext. 55 ☎"),
    _nasty(
        "known-to-finops",
        "goes as a second person, warned by contact_similar",
        "Birch Company", firstname="Ursula", lastname="Birch", emailaddress1="ursula@birch.example",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Parents:
    """The ordinary accounts that special contacts and quotes belong to, by kind."""

    rows: Mapping[str, Row] = field(default_factory=dict)

    def account(self, name: str, guids: Guids) -> Row:
        return self.rows[name] if name in self.rows else nasty_account(name, guids)


def find_parents(accounts: Iterator[Record]) -> Parents:
    """The first account of each kind; the first of all where a kind is missing."""
    rows: dict[str, Row] = {}
    first: Row = {}
    for _, _, row in accounts:
        first = first or row
        kind = {"United States": US, "Germany": GERMAN}.get(str(row["address1_country"]))
        if kind and "accountnumber" in row:
            rows.setdefault(kind, row)
        if len(rows) == 2:
            break
    return Parents({US: first, GERMAN: first} | rows)


def contact_guid(key: str, guids: Guids) -> str:
    return guids.of("contacts", "special", key)


def special_contacts(parents: Parents, guids: Guids, until: datetime) -> Iterator[Record]:
    """All of them; who has none below it comes before its children."""
    for index, special in enumerate(SPECIAL_CONTACTS):
        yield SALES, "contacts", _row(special, index, parents, guids, until)


def _row(special: SpecialContact, index: int, parents: Parents, guids: Guids, until: datetime) -> Row:
    kind, _, key = special.parent.partition("contact:")
    account = parents.account(kind, guids) if kind else {}
    parent = contact_guid(key, guids) if key else account.get("accountid")
    row: Row = {
        "contactid": contact_guid(special.key, guids),
        "emailaddress1": f"{special.key}@special.example",
        "telephone1": f"+1 206 555 {index + 100:04d}",
        "donotemail": False,
        "_parentcustomerid_value": parent,
        "_transactioncurrencyid_value": guids.of("transactioncurrencies", "USD"),
        "_owningbusinessunit_value": account.get("_owningbusinessunit_value"),
        "statecode": 0,
        "statuscode": 1,
        "modifiedon": wire_time(until - timedelta(days=30, minutes=index)),
    }
    return without_nulls(row | special.row)
