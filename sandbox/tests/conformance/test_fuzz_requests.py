"""Whatever is sent, the sandbox answers: no request ends in an error of the server that nobody asked for.

The ordinary run sends a few thousand; SANDBOX_FUZZ=100000 sets another number for the long one (marked slow).
"""

import json
import os
import socket

import pytest

from support.malformed import ID, OTHER, Maker
from support.serving import PREFIX, sales_service, send

ORDINARY = 3_000
LONG = int(os.environ.get("SANDBOX_FUZZ", "20000"))
CRM = "Microsoft.Dynamics.CRM."
ACCOUNT = "EntityDefinitions(LogicalName='account')"
SOUND = [
    ("GET", "", "", None),
    ("GET", "$metadata", "annotations=true", None),
    ("GET", "WhoAmI()", "", None),
    ("GET", "RetrieveTotalRecordCount(EntityNames=@p)", "@p=['account','contact']", None),
    ("GET", f"RetrieveCurrentOrganization(AccessType={CRM}EndpointAccessType'Default')", "", None),
    ("GET", "accounts", "$select=name,accountid&$filter=name eq 'x' and numberofemployees gt 5&$orderby=name desc", None),
    ("GET", "accounts", "$filter=contains(name,'a%25b') or not startswith(name,'[x]')&$top=3&$count=true", None),
    ("GET", "accounts", f"$filter={CRM}In(PropertyName='accountnumber',PropertyValues=['a','b'])", None),
    ("GET", "accounts", f"$filter={CRM}LastXDays(PropertyName='createdon',PropertyValue=5)", None),
    ("GET", "accounts", f"$filter={CRM}Between(PropertyName='revenue',PropertyValues=['1','2'])", None),
    ("GET", "accounts", f"$filter={CRM}InFiscalPeriodAndYear(PropertyName='createdon',PropertyValue1=1,PropertyValue2=2020)",
     None),
    ("GET", "accounts", f"$filter={CRM}OnOrAfter(PropertyName='createdon',PropertyValue=2026-01-01)", None),
    ("GET", "accounts", f"$filter={CRM}Under(PropertyName='accountid',PropertyValue='{ID}')", None),
    ("GET", "accounts", "$filter=contact_customer_accounts/any(c:c/firstname eq 'x' and c/numberofchildren gt 1)", None),
    ("GET", "accounts", "$filter=primarycontactid/fullname eq 'x'&$orderby=primarycontactid/fullname desc,name", None),
    ("GET", "accounts", f"$filter=_primarycontactid_value eq {ID} and createdon gt 2026-01-01T00:00:00Z", None),
    ("GET", "accounts", "$filter=name eq @p&$orderby=@o desc&@p='x'&@o=name", None),
    ("GET", "accounts", "$expand=primarycontactid($select=fullname;$expand=createdby($select=fullname)),"
                        "contact_customer_accounts($filter=lastname ne 'x';$orderby=fullname;$top=2)", None),
    ("GET", "accounts", "$apply=filter(numberofemployees gt 1)/groupby((statecode,name),"
                        "aggregate(revenue with sum as total,$count as n))&$orderby=total desc", None),
    ("GET", "accounts", "$select=name&$skiptoken=%3Ccookie%20pagenumber=%222%22%20pagingcookie=%22%253ccookie%2520page%253d"
                        "%25221%2522%253e%253c%252fcookie%253e%22%20istracking=%22False%22%20/%3E", None),
    ("GET", "accounts", "$select=name&$deltatoken=919042%2108%2f22%2f2026%2008%3a10%3a44", None),
    ("GET", "accounts", "fetchXml=<fetch count='2' page='1' paging-cookie='x'><entity name='account'><attribute name='name'/>"
                        "<filter type='or'><condition attribute='name' operator='like' value='x%25'/><condition "
                        "attribute='createdon' operator='last-x-days' value='3'/></filter><order attribute='name'/>"
                        "<link-entity name='contact' from='contactid' to='primarycontactid' alias='c'/></entity></fetch>",
     None),
    ("GET", "accounts/$count", "$filter=statecode eq 0", None),
    ("GET", f"accounts({ID})", "$select=name&$expand=ownerid,parentaccountid/$ref", None),
    ("GET", f"accounts(accountid={ID})/name/$value", "", None),
    ("GET", "accounts(accountnumber='A-1')", "$select=name", None),
    ("GET", f"contacts(firstname='Jo',_parentcustomerid_value={ID})", "", None),
    ("GET", f"accounts({ID})/contact_customer_accounts({OTHER})/parentcustomerid_account/$ref", "", None),
    ("GET", f"accounts({ID})/contact_customer_accounts", "$select=fullname&$orderby=fullname&$top=1", None),
    ("GET", "EntityDefinitions", f"$select=LogicalName&$filter=OwnershipType eq {CRM}OwnershipTypes'UserOwned'", None),
    ("GET", f"{ACCOUNT}/Attributes(LogicalName='customertypecode')/{CRM}PicklistAttributeMetadata",
     "$select=LogicalName&$expand=OptionSet($select=Options),GlobalOptionSet", None),
    ("GET", f"{ACCOUNT}/ManyToOneRelationships", "$select=ReferencingAttribute&$filter=startswith(SchemaName,'x')", None),
    ("GET", "sdkmessagefilters", "$filter=sdkmessageid/name eq 'CreateMultiple'&$expand=sdkmessageid($select=name)", None),
    ("POST", "accounts", "", {"name": "A", "numberofemployees": 5, "revenue": 1.5, "donotemail": True,
                              "primarycontactid@odata.bind": f"/contacts({OTHER})"}),
    ("POST", "accounts", "$select=name&$expand=primarycontactid", {"name": "A", "primarycontactid": {"lastname": "B"},
                              "contact_customer_accounts": [{"lastname": "C", "birthdate": "1980-01-01"}]}),
    ("PATCH", f"accounts({ID})", "", {"name": "B", "accountnumber": "A-1", "statecode": 0, "statuscode": 1}),
    ("PATCH", "accounts(accountnumber='A-2')", "$select=name", {"name": "C", "fax": None, "description": "x"}),
    ("PUT", f"accounts({ID})/name", "", {"value": "D"}),
    ("PUT", f"accounts({ID})/primarycontactid/$ref", "", {"@odata.id": f"contacts({OTHER})"}),
    ("POST", f"accounts({ID})/contact_customer_accounts/$ref", "", {"@odata.id": f"/contacts({OTHER})"}),
    ("DELETE", f"accounts({ID})/contact_customer_accounts({OTHER})/$ref", "", None),
    ("DELETE", f"accounts({ID})/fax", "", None),
    ("DELETE", f"contacts({OTHER})", "", None),
    ("POST", f"accounts/{CRM}CreateMultiple", "", {"Targets": [{"@odata.type": f"{CRM}account", "name": "x"}]}),
    ("POST", f"accounts/{CRM}UpdateMultiple", "", {"Targets": [{"@odata.type": f"{CRM}account", "accountid": ID}]}),
    ("POST", f"accounts/{CRM}UpsertMultiple", "", {"Targets": [{"@odata.type": f"{CRM}account",
                              "@odata.id": "accounts(accountnumber='A-1')", "name": "x"}]}),
    ("POST", "quotes", "", {"name": "Q", "customerid_account@odata.bind": f"/accounts({ID})",
                            "quote_details": [{"quantity": 2, "productdescription": "x", "isproductoverridden": True}]}),
    ("PATCH", f"quotes({ID})", "", {"statecode": 1, "statuscode": 3, "discountpercentage": 5}),
    ("POST", "quotedetails", "", {"quoteid@odata.bind": f"/quotes({ID})", "quantity": 1, "priceperunit": 2.5,
                                  "productdescription": "x", "isproductoverridden": True}),
    ("POST", "WinQuote", "", {"Status": 4, "QuoteClose": {"subject": "x", "quoteid@odata.bind": f"/quotes({ID})"}}),
    ("POST", "CloseQuote", "", {"Status": 7, "QuoteClose": {"quoteid@odata.bind": f"/quotes({ID})"}}),
    ("POST", "ReviseQuote", "", {"QuoteId": ID, "ColumnSet": {"AllColumns": True}}),
    ("POST", "ConvertQuoteToSalesOrder", "", {"QuoteId": ID, "ColumnSet": {"Columns": ["name"]}}),
    ("POST", "FulfillSalesOrder", "", {"Status": 100001, "OrderClose": {"salesorderid@odata.bind": f"/salesorders({ID})"}}),
    ("POST", "CalculatePrice", "", {"Target": {"@odata.type": f"{CRM}quote", "quoteid": ID}}),
    ("POST", "products", "", {"name": "P", "productnumber": "P-1", "defaultuomid@odata.bind": f"/uoms({ID})"}),
    ("POST", "pricelevels", "", {"name": "L", "transactioncurrencyid@odata.bind": f"/transactioncurrencies({ID})"}),
    ("DELETE", f"organizations({ID})", "", None),
]  # fmt: skip


@pytest.fixture
def service(tmp_path):
    made = sales_service(tmp_path)
    for set_name, row_id, body in [
        ("transactioncurrencies", ID, {"isocurrencycode": "USD", "currencyname": "Dollar", "currencysymbol": "$",
                                       "exchangerate": 1, "currencyprecision": 2}),
        ("pricelevels", ID, {"name": "List", "transactioncurrencyid@odata.bind": f"/transactioncurrencies({ID})"}),
        ("accounts", ID, {"name": "One", "accountnumber": "A-1"}),
        ("contacts", OTHER, {"lastname": "Two", "parentcustomerid_account@odata.bind": f"/accounts({ID})"}),
        ("quotes", ID, {"name": "Q", "customerid_account@odata.bind": f"/accounts({ID})",
                        "pricelevelid@odata.bind": f"/pricelevels({ID})",
                        "transactioncurrencyid@odata.bind": f"/transactioncurrencies({ID})"}),
    ]:  # fmt: skip
        sent = send(made, "PATCH", f"{set_name}({row_id})", body=body)
        assert sent.status == 204, sent.body
    return made


def fuzz(service, seed, count):
    """Send `count` requests; the answers' statuses. Fails with the first request that no answer fits."""
    maker = Maker(seed, SOUND, PREFIX)
    statuses = []
    for number in range(count):
        request = maker.request()
        try:
            reply = send(service, request.method, request.path, request.query, request.headers, request.body)
        except Exception as error:
            raise AssertionError(f"seed {seed}, request {number}: {request}") from error
        assert reply.status < 500 or reply.status == 501, f"seed {seed}, request {number}: {request} {reply}"
        if reply.headers.get("Content-Type", "").startswith("application/json"):
            assert json.loads(reply.body), request
        if reply.status >= 400 and reply.status != 414 and request.path != "$batch":
            assert json.loads(reply.body)["error"]["message"], request
        assert all(value.isprintable() for value in reply.headers.values()), reply.headers
        statuses.append(reply.status)
    return statuses


@pytest.mark.parametrize("seed", range(3))
def test_malformed_requests_are_answered_and_never_with_500(service, seed):
    statuses = fuzz(service, seed, ORDINARY // 3)
    assert {200, 204, 400, 404} <= set(statuses)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_very_many_malformed_requests_are_answered_and_never_with_500(service):
    statuses = [status for seed in range(100, 110) for status in fuzz(service, seed, LONG // 10)]
    assert len(statuses) == LONG // 10 * 10
    print({status: statuses.count(status) for status in sorted(set(statuses))})


@pytest.mark.parametrize("seed", range(2))
def test_malformed_requests_over_the_wire_leave_the_service_standing(sales, seed):
    """The same over HTTP, path and headers as they are: what the transport itself refuses counts as an answer."""
    maker = Maker(seed, SOUND, PREFIX)
    for _ in range(150):
        request = maker.request()
        answer = sales.session.request(
            request.method, f"{sales.url}{PREFIX}{request.path}?{request.query}", data=request.body,
            headers={n: v.strip().encode("latin-1") for n, v in request.headers.items() if v.isprintable()}, timeout=30,
        )  # fmt: skip
        assert answer.status_code < 500 or answer.status_code == 501, (request, answer.text)
    assert sales.get("WhoAmI").status_code == 200


@pytest.mark.parametrize(
    "line",
    [b"GET", b"GET  HTTP/1.1", b"\x00\x01", b"GET /api/data/v9.2/accounts?\xff\xfe HTTP/1.1", b"GET / HTTP/9.9",
     b"BREW /api/data/v9.2/accounts HTTP/1.1", b"GET http://[/api HTTP/1.1", b"GET " + b"/x" * 40_000 + b" HTTP/1.1"],
)  # fmt: skip
def test_bytes_that_are_no_request_harm_nothing(sales, line):
    host, port = sales.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(line + b"\r\nHost: " + host.encode() + b"\r\nConnection: close\r\n\r\n")
        answer = connection.recv(1000)
    assert b" 500 " not in answer.partition(b"\r\n")[0]
    assert sales.get("WhoAmI").status_code == 200
