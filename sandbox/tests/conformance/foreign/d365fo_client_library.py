"""Steps of the library d365fo-client on F&O: argv holds the URL, tenant, client id and secret. It signs in at
login.microsoftonline.com unless the URL is one of this machine."""

import asyncio
import os
import sys
import tempfile

from d365fo_client import FOClient, FOClientConfig, QueryOptions
from d365fo_client.credential_sources import EnvironmentCredentialSource
from steps import async_step as step
from steps import expect

URL, TENANT, CLIENT_ID, SECRET = sys.argv[1:5]
os.environ.update(D365FO_TENANT_ID=TENANT, D365FO_CLIENT_ID=CLIENT_ID, D365FO_CLIENT_SECRET=SECRET)


async def steps(client):
    token = await step("sign in", client.auth_manager.get_token)
    await step("the token is one of the sandbox", lambda: expect(token.count(".") == 2))
    await step("service document", client.test_connection)
    await step("metadata", client.test_metadata_connection)
    schema = await step("schema", lambda: client.get_public_entity_schema_by_entityset("CustomerGroups"))
    await step("schema has keys", lambda: expect([p.name for p in schema.properties if p.is_key]))

    groups, company = "CustomerGroups", {"dataAreaId": "usmf"}
    keys = [{**company, "CustomerGroupId": f"fc{n}"} for n in range(5)]
    made = await step("create", lambda: client.create_entity(groups, {**keys[0], "Description": "0"}))
    await step("created", lambda: expect(made["CustomerGroupId"] == "fc0" and made["@odata.etag"]))
    for key in keys[1:]:
        await client.create_entity(groups, {**key, "Description": key["CustomerGroupId"]})
    row = await step("read", lambda: client.get_entity(groups, keys[0]))
    await step("read back", lambda: expect(row["Description"] == "0"))
    await step("update", lambda: client.update_entity(groups, keys[0], {"Description": "changed"}))
    row = await client.get_entity_by_key(groups, keys[0], select=["Description"])
    await step("updated", lambda: expect(row["Description"] == "changed"))
    absent = {**company, "CustomerGroupId": "none"}
    await step("an absent row", lambda: expect_none(client.get_entity_by_key(groups, absent)))
    await step("no upsert by PATCH", lambda: refused(client.update_entity(groups, absent, {}), "404"))

    asked = {"filter": "dataAreaId eq 'usmf' and CustomerGroupId eq 'fc*'", "orderby": ["CustomerGroupId"]}
    pages = [QueryOptions(**asked, skip=n, top=2, count=True) for n in (0, 2, 4)]
    found = await step("page", lambda: all_of(client, groups, pages))
    await step("paged", lambda: expect([len(page["value"]) for page in found] == [2, 2, 1]))
    await step("count", lambda: expect(found[0]["@odata.count"] == 5))
    names = [row["CustomerGroupId"] for page in found for row in page["value"]]
    await step("in order", lambda: expect(names == [key["CustomerGroupId"] for key in keys]))
    again = {**keys[0], "Description": "x"}
    await step("a second row of the same key", lambda: refused(client.create_entity(groups, again), "exists"))
    status = {"entity_name": "DataManagementDefinitionGroups", "parameters": {"executionId": "none"}}
    answer = await step("action", lambda: client.call_action("GetExecutionSummaryStatus", **status))
    await step("action answered", lambda: expect(answer["value"] == "Unknown"))
    for key in keys:
        await step(f"delete {key['CustomerGroupId']}", lambda key=key: client.delete_entity(groups, key))


async def all_of(client, name, pages):
    return [await client.get_entities(name, page) for page in pages]


async def expect_none(reading):
    assert await reading is None


async def refused(writing, word):
    message = ""
    try:
        await writing
    except Exception as error:
        message = str(error)
    assert word in message, message


async def main():
    with tempfile.TemporaryDirectory() as cache:
        config = FOClientConfig(
            URL, verify_ssl=True, credential_source=EnvironmentCredentialSource(), metadata_cache_dir=cache
        )
        async with FOClient(config) as client:
            await steps(client)


asyncio.run(main())
