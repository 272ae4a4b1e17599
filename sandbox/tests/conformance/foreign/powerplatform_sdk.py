"""Steps of Microsoft's Python SDK for Dataverse: argv holds the URL, tenant, client id and secret."""

import sys

from azure.identity import ClientSecretCredential
from PowerPlatform.Dataverse.client import DataverseClient
from PowerPlatform.Dataverse.models.upsert import UpsertItem
from steps import expect, step

URL, TENANT, CLIENT_ID, SECRET = sys.argv[1:5]

credential = ClientSecretCredential(TENANT, CLIENT_ID, SECRET, authority=URL, disable_instance_discovery=True)
client = DataverseClient(URL, credential)
records = client.records

one = step("create", lambda: records.create("account", {"name": "Contoso", "customertypecode": 3}))
rows = [{"name": f"Bulk {n}", "numberofemployees": n} for n in range(5)]
many = step("create many", lambda: records.create("account", rows))
step("read", lambda: expect(records.retrieve("account", one, select=["name"])["name"] == "Contoso"))
step(
    "read labels",
    lambda: records.retrieve("account", one, select=["customertypecode"], include_annotations="*"),
)
step("update", lambda: records.update("account", one, {"telephone1": "2"}))
step("update many", lambda: records.update("account", many, [{"telephone1": str(n)} for n in range(5)]))
names = {"select": ["name"], "filter": "contains(name,'Bulk')", "orderby": ["name asc"]}
step("query", lambda: expect(len(list(records.list("account", **names, top=3))) == 3))
pages = lambda: [len(page) for page in records.list_pages("account", **names, page_size=2)]  # noqa: E731
step("page", lambda: expect(pages() == [2, 2, 1]))
step("upsert", lambda: records.upsert("account", [UpsertItem({"accountnumber": "A-1"}, {"name": "U"})]))
several = [UpsertItem({"accountnumber": f"A-{n}"}, {"name": "U"}) for n in range(3)]
step("upsert many", lambda: records.upsert("account", several))
step("upserted", lambda: expect(len(list(records.list("account", filter="name eq 'U'"))) == 3))


def batch():
    new = client.batch.new()
    new.records.create("account", {"name": "in batch"})
    new.records.retrieve("account", one, select=["name"])
    with new.changeset() as together:
        account = together.records.create("account", {"name": "together"})
        together.records.create("contact", {"lastname": "x", "parentcustomerid_account@odata.bind": account})
    statuses = [part.status_code for part in new.execute().responses]
    assert statuses == [204, 200, 204, 204], statuses


step("batch", batch)
step("metadata of a table", lambda: expect(client.tables.get("account").entity_set_name == "accounts"))
step("metadata of columns", lambda: expect(len(client.tables.list_columns("account")) > 100))
step(
    "keys", lambda: expect(client.tables.get_alternate_keys("account")[0].key_attributes == ["accountnumber"])
)
step("delete", lambda: records.delete("account", one))
step("delete many", lambda: records.delete("account", many, use_bulk_delete=False))
