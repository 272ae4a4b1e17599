"""Steps of the library dataverse-api: argv holds the URL, tenant, client id and secret."""

import sys

import requests
from dataverse_api.dataverse import DataverseClient
from steps import expect, step

URL, TENANT, CLIENT_ID, SECRET = sys.argv[1:5]

form = {
    "grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": SECRET,
    "scope": f"{URL}/.default",
}  # fmt: skip
session = requests.Session()
token = requests.post(f"{URL}/{TENANT}/oauth2/v2.0/token", data=form, timeout=30).json()["access_token"]
session.headers["Authorization"] = f"Bearer {token}"
client = DataverseClient(session, URL)
account = step("table", lambda: client.entity("account"))
step("keys", lambda: expect(account.alternate_keys))
step("bulk actions are offered", lambda: expect(account.supports_create_multiple))
for mode in ("individual", "multiple", "batch"):
    rows = [{"name": mode, "accountnumber": f"{mode}-{n}"} for n in range(3)]
    step(f"create {mode}", lambda rows=rows, mode=mode: account.create(rows, mode=mode))
step("read pages", lambda: expect(len(account.read(select=["name"], page_size=2)) == 9))
step(
    "read", lambda: expect(len(account.read(select=["name"], filter="name eq 'batch'", order_by="name")) == 3)
)
key = account.alternate_keys and next(iter(account.alternate_keys))
for mode in ("individual", "batch"):
    rows = [{"accountnumber": f"{mode}-{n}", "name": "upserted"} for n in range(4)]
    step(f"upsert {mode}", lambda rows=rows, mode=mode: account.upsert(rows, mode=mode, altkey_name=key))
step("upserted", lambda: expect(len(account.read(select=["name"], filter="name eq 'upserted'")) == 8))
step("delete", lambda: account.delete(filter="name eq 'upserted'", mode="individual"))
step("definition", lambda: client.get_entity_definition("account"))
