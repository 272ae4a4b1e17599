"""Both clients, unchanged, against an OData server that others wrote for other purposes: the package `odatapy`.

Skipped where it is not installed; nothing else needs it.
"""

from __future__ import annotations

import json
import threading
import uuid
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest

from prospect_to_cash.clients import Credentials, DataverseClient, FinOpsClient, Operation, RetryPolicy

pytest.importorskip("odatapy", reason="the foreign OData server is not installed")

from odatapy.data import Entity, ValueType
from odatapy.edm import csdl
from odatapy.server import OData
from odatapy.server.adapters import ODataWSGIApp
from odatapy.server.inmemory import InMemoryDataStore, InMemoryProcessor
from odatapy.server.processor import CustomETagSupport

TYPES = {
    "accounts": ("account", {"accountid": "Edm.Guid", "name": "Edm.String", "revenue": "Edm.Decimal"}, 1),
    "CustomersV3": (
        "customer",
        {"dataAreaId": "Edm.String", "CustomerAccount": "Edm.String", "Name": "Edm.String"},
        2,
    ),
    "LegalEntities": ("legal", {"LegalEntityId": "Edm.String"}, 1),
}
ACCOUNTS = 250


class Provider(csdl.CsdlAbstractEdmProvider):
    def get_schemas(self):
        types = [
            csdl.CsdlEntityType(
                name=name,
                key=[csdl.CsdlPropertyRef(name=key) for key in list(fields)[:keys]],
                properties=[csdl.CsdlProperty(name=n, type=t) for n, t in fields.items()],
            )
            for name, fields, keys in TYPES.values()
        ]
        sets = [csdl.CsdlEntitySet(name=name, type=f"Foreign.{kind[0]}") for name, kind in TYPES.items()]
        container = csdl.CsdlEntityContainer(name="Container", entity_sets=sets)
        return [csdl.CsdlSchema(namespace="Foreign", entity_types=types, entity_container=container)]


class DemandsEtags(CustomETagSupport):
    """A change that names no version is answered 428."""

    def has_etag(self, _):
        return True


def rows(store, name, *records):
    made = []
    for n, record in enumerate(records):
        entity = Entity()
        for field, value in record.items():
            entity.set_property(field, value, ValueType.PRIMITIVE, TYPES[name][1][field])
        entity.etag = f'W/"{n}"'
        made.append(entity)
    store.set_entities(name, made)


def application(strict, page_size):
    odata = OData.new_instance()
    handler = odata.create_handler(odata.create_service_metadata(Provider()))
    store = InMemoryDataStore()
    rows(
        store,
        "accounts",
        *[
            {"accountid": uuid.UUID(int=n), "name": f'A {n} "q" {{}},{{', "revenue": None}
            for n in range(ACCOUNTS)
        ],
    )
    rows(
        store,
        "CustomersV3",
        *[{"dataAreaId": "usmf", "CustomerAccount": f"C-{n}", "Name": "n"} for n in range(25)],
    )
    rows(store, "LegalEntities", {"LegalEntityId": "usmf"})
    handler.register(InMemoryProcessor(store, page_size=page_size))
    if strict:
        handler.register(DemandsEtags())
    services = {path: ODataWSGIApp(handler, mount_path=path) for path in ("/api/data/v9.2", "/data")}

    def answer(environ, start):
        path = environ["PATH_INFO"]
        for root, service in services.items():
            if path.startswith(root) and not path.endswith("WhoAmI"):
                return service(environ, start)
        values = {
            "access_token": "t",
            "token_type": "Bearer",
            "expires_in": 3600,
            "OrganizationId": "o",
            "UserId": "u",
        }
        body = json.dumps(values).encode()
        start("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    return answer


class Threads(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Silent(WSGIRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(params=[(False, 7), (True, None)], ids=["small pages", "etags demanded"])
def foreign(request):
    server = make_server(
        "127.0.0.1", 0, application(*request.param), server_class=Threads, handler_class=Silent
    )
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def client_of(kind, url, *more):
    credentials = Credentials(tenant_id="t", client_id="foreign", secret="s", authority=url)
    return kind(url, credentials, *more, deadline=20, retry=RetryPolicy(attempts=3, backoff=0.01))


def guid(n):
    return str(uuid.UUID(int=n))


def change(n, **fields):
    return Operation("PATCH", "accounts", guid(n), json.dumps(fields).encode())


def kinds(answers):
    return [answer.kind for answer in answers]


def test_every_record_is_read_once_along_the_pages(foreign):
    with client_of(DataverseClient, foreign) as client:
        pages = list(client.pages("accounts", ["accountid", "name"], None, ["accountid"], 40))
        found = [json.loads(row) for page in pages for row in page.rows]
    assert [row["accountid"] for row in found] == [guid(n) for n in range(ACCOUNTS)]
    assert len(pages) > 1


def test_records_are_found_by_key_and_by_text(foreign):
    with client_of(DataverseClient, foreign) as client:
        keys = [{"accountid": uuid.UUID(int=n)} for n in range(120)]
        assert len(list(client.lookup("accounts", keys, ["accountid"]))) == 120
        assert (
            len(list(client.lookup("accounts", [{"name": 'A 3 "q" {},{'}, {"name": "O'Neil"}], ["name"])))
            == 1
        )


def test_writes_of_every_kind_have_their_own_answers(foreign):
    with client_of(DataverseClient, foreign) as client:
        assert kinds(client.write([change(1, name="one")], 20)) == ["done"]
        assert kinds(client.write([change(n, name="ü") for n in (1, 2, 99_999)], 20)) == [
            "done",
            "done",
            "missing",
        ]
        assert kinds(client.write([change(n, name="x") for n in (3, 4)], 20, in_bulk=True)) == [
            "done",
            "done",
        ]
        bad = client.write([change(5, revenue="abc"), change(6, name="fine")], 20)
        posts = [
            Operation("POST", "accounts", None, json.dumps({"accountid": guid(n), "name": "p"}).encode())
            for n in (7, 7000)
        ]
        created = client.write(posts, 20)
        assert kinds(client.write([Operation("DELETE", "accounts", guid(n)) for n in (8, 99_999)], 20)) == [
            "done",
            "missing",
        ]
        names = [
            json.loads(row)["name"]
            for row in client.lookup("accounts", [{"accountid": uuid.UUID(int=1)}], ["name"])
        ]
    assert kinds(bad) == ["rejected", "done"]
    assert "Decimal" in bad[0].sentence
    assert [(answer.kind, answer.entity_id) for answer in created] == [("exists", None), ("done", guid(7000))]
    assert names == ["ü"]


def test_changes_and_deletions_come_by_the_delta_link(foreign):
    with client_of(DataverseClient, foreign) as client:
        *_, last = client.pages("accounts", ["accountid", "name"], track=True, page_size=50)
        client.write([change(1, name="changed"), Operation("DELETE", "accounts", guid(2))], 20)
        pages = list(client.follow(last.delta_link, "accounts"))
    assert [json.loads(row)["name"] for page in pages for row in page.rows] == ["changed"]
    assert [key for page in pages for key in page.deleted] == [guid(2)]
    assert pages[-1].delta_link != last.delta_link


def test_records_with_composite_keys_are_read_and_written(foreign):
    def key(n):
        return {"dataAreaId": "usmf", "CustomerAccount": f"C-{n}"}

    with client_of(FinOpsClient, foreign, ("usmf",)) as client:
        assert client.identity()["companies"] == ["usmf"]
        pages = list(client.pages("CustomersV3", [*key(0), "Name"], None, list(key(0)), 10))
        assert sum(len(page.rows) for page in pages) == 25
        assert len(list(client.lookup("CustomersV3", [key(n) for n in range(30)], list(key(0))))) == 25
        changed = [Operation("PATCH", "CustomersV3", key(n), b'{"Name":"new"}') for n in (1, 2, 99)]
        assert kinds(client.write(changed, 20)) == ["done", "done", "missing"]
        posts = [Operation("POST", "CustomersV3", None, json.dumps(key(n)).encode()) for n in (1, 101, 102)]
        assert kinds(client.write(posts, 20)) == ["exists", "done", "done"]
