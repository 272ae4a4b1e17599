// Steps of the npm library dynamics-web-api: argv holds the URL, tenant, client id and secret.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { expect, step } from "./steps.mjs";

const [url, tenant, client_id, client_secret, modules] = process.argv.slice(2);
const found = createRequire(`${modules}/`).resolve("dynamics-web-api");
const { DynamicsWebApi } = await import(pathToFileURL(found).href);

const form = { grant_type: "client_credentials", client_id, client_secret, scope: `${url}/.default` };
const answer = await fetch(`${url}/${tenant}/oauth2/v2.0/token`, { method: "POST", body: new URLSearchParams(form) });
const { access_token } = await answer.json();
const api = new DynamicsWebApi({ serverUrl: url, dataApi: { version: "9.2" }, onTokenRefresh: async () => access_token });
const collection = "accounts";
const select = ["name"];

const key = await step("create", () => api.create({ collection, data: { name: "JS", numberofemployees: 4 } }));
await step("create and read back", () => api.create({ collection, data: { name: "JS2" }, returnRepresentation: true }));
await step("read", async () => expect((await api.retrieve({ collection, key, select })).name === "JS"));
await step("update", async () => expect(await api.update({ collection, key, data: { telephone1: "1" } })));
await step("update a property", () => api.updateSingleProperty({ collection, key, fieldValuePair: { telephone1: "7" } }));
await step("clear a property", () => api.deleteRecord({ collection, key, property: "telephone1" }));
const guid = "11111111-1111-4111-8111-111111111111";
await step("upsert", () => api.upsert({ collection, key: guid, data: { name: "JS3" } }));
await step("upsert by key", () => api.upsert({ collection, key: "accountnumber='JS-1'", data: { name: "JS4" } }));
await step("never overwrite", async () => {
  expect((await api.upsert({ collection, key: guid, data: { name: "no" }, ifnonematch: "*" })) === null);
});
const query = { collection, select, filter: "startswith(name,'JS')", orderBy: ["name desc"], count: true };
const first = await step("page", () => api.retrieveMultiple({ ...query, maxPageSize: 3 }));
await step("next page", async () => {
  const second = await api.retrieveMultiple({ ...query, maxPageSize: 3 }, first.oDataNextLink);
  expect(first.oDataCount === 4 && second.value.length === 1 && second.value[0].name === "JS");
});
await step("count", async () => expect((await api.count({ collection })) === 4));
const tracked = await step("track changes", () => api.retrieveMultiple({ collection, select, trackChanges: true }));
await step("delta", async () => {
  await api.update({ collection, key, data: { name: "JS changed" } });
  const delta = await api.retrieveMultiple({ collection, select }, tracked.oDataDeltaLink);
  expect(delta.value.length === 1 && delta.value[0].name === "JS changed" && delta.oDataDeltaLink);
});
await step("batch", async () => {
  api.startBatch();
  api.create({ collection, data: { name: "b1" }, contentId: "1" });
  api.create({ collection: "contacts", data: { lastname: "b2", "parentcustomerid_account@odata.bind": "$1" } });
  api.retrieveMultiple({ collection, select, top: 1, inChangeSet: false });
  const [account, contact, read] = await api.executeBatch();
  expect(account && contact && read.value.length === 1);
});
await step("expand", () =>
  api.retrieve({ collection, key, select, expand: [{ property: "primarycontactid", select: ["fullname"] }] }));
await step("function", () => api.callFunction("WhoAmI"));
await step("metadata", async () => {
  const table = await api.retrieveEntity({ key: "LogicalName='account'", select: ["ChangeTrackingEnabled"] });
  expect(table.ChangeTrackingEnabled === true);
});
await step("delete", () => api.deleteRecord({ collection, key }));
