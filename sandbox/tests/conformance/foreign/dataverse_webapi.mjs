// Steps of the npm library dataverse-webapi, which knows port 443 only: argv holds the URL, tenant, client id and secret.
import { pathToFileURL } from "node:url";
import { expect, step } from "./steps.mjs";

const [url, tenant, client_id, client_secret, modules] = process.argv.slice(2);
const api = await import(pathToFileURL(`${modules}/dataverse-webapi/lib/node.js`).href);

const form = { grant_type: "client_credentials", client_id, client_secret, scope: `${url}/.default` };
const login = `https://login.microsoftonline.com/${tenant}/oauth2/v2.0/token`;
const { access_token } = await (await fetch(login, { method: "POST", body: new URLSearchParams(form) })).json();
const config = () => new api.WebApiConfig("9.2", access_token, url);
// The library puts a slash behind the link; behind a fragment it stays at home.
const follow = (link, options) => api.retrieveMultipleNextPage(config(), `${link}#`, options);

const id = await step("create", () => api.create(config(), "accounts", { name: "TS 1", numberofemployees: 4 }));
await step("create and read back", async () => {
  const made = await api.createWithReturnData(config(), "accounts", { name: "TS 2" }, "$select=name,statecode");
  expect(made.name === "TS 2" && made["statecode@OData.Community.Display.V1.FormattedValue"] === "Active");
});
await step("read", async () => expect((await api.retrieve(config(), "accounts", id, "$select=name")).name === "TS 1"));
await step("update", () => api.update(config(), "accounts", id, { telephone1: "1" }));
await step("update and read back", async () => {
  const row = await api.updateWithReturnData(config(), "accounts", id, { telephone1: "2" }, "$select=telephone1");
  expect(row.telephone1 === "2");
});
await step("update a property", () => api.updateProperty(config(), "accounts", id, "telephone1", "3"));
await step("clear a property", () => api.deleteProperty(config(), "accounts", id, "telephone1"));
const absent = "33333333-3333-4333-8333-333333333333";
await step("upsert", async () => {
  await api.update(config(), "accounts", absent, { name: "TS 3", accountnumber: "TS-3" });
  await api.update(config(), "accounts", absent, { name: "TS 3 again" });
  expect((await api.retrieve(config(), "accounts", absent, "$select=name")).name === "TS 3 again");
});
await step("read by alternate key", async () => {
  expect((await api.retrieveAlternateKey(config(), "accounts", "accountnumber='TS-3'")).accountid === absent);
});

const query = "$select=name&$filter=startswith(name,'TS')&$orderby=name&$count=true";
const size = { maxPageSize: 2 };
const first = await step("page", () => api.retrieveMultiple(config(), "accounts", query, size));
await step("next page", async () => {
  const second = await follow(first["@odata.nextLink"], size);
  expect(first["@odata.count"] === 3 && first.value.length === 2 && second.value[0].name === "TS 3 again");
  expect(second.value.length === 1 && !second["@odata.nextLink"]);
});

const tracking = { customHeaders: { Prefer: "odata.track-changes,odata.maxpagesize=2" } };
const pages = async (answer, options) => {
  const found = [answer];
  while (found.at(-1)["@odata.nextLink"]) found.push(await follow(found.at(-1)["@odata.nextLink"], options));
  return found;
};
const tracked = await step("track changes, paged", async () => {
  const found = await pages(await api.retrieveMultiple(config(), "accounts", "$select=name", tracking), tracking);
  expect(found.length === 2 && !found[0]["@odata.deltaLink"] && found[1]["@odata.deltaLink"].startsWith(`${url}/api/`));
  return found.at(-1);
});
await step("delta of a changed, a new and a deleted row, paged", async () => {
  await api.update(config(), "accounts", id, { name: "TS 1 changed" });
  const made = await api.create(config(), "accounts", { name: "TS 4" });
  await api.deleteRecord(config(), "accounts", absent);
  const found = await pages(await follow(tracked["@odata.deltaLink"], size), size);
  const rows = found.flatMap((page) => page.value);
  expect(found.length === 2 && rows.length === 3);
  expect(rows[0].name === "TS 1 changed" && rows[1].accountid === made);
  expect(rows[2].id === absent && rows[2].reason === "deleted");
  const after = await follow(found.at(-1)["@odata.deltaLink"]);
  expect(after.value.length === 0 && after["@odata.deltaLink"]);
});

await step("batch", async () => {
  const changes = [
    { method: "POST", queryString: "accounts", entity: { name: "in batch" } },
    { method: "POST", queryString: "contacts", entity: { lastname: "b", "parentcustomerid_account@odata.bind": "$1" } },
    { method: "PATCH", queryString: `accounts(${absent})`, entity: { name: "upserted in batch" } },
  ];
  const reads = ["accounts?$select=name&$filter=contains(name,'in batch')"];
  const answers = await api.batchOperation(config(), "b", "c", changes, reads);
  expect(answers.map((answer) => answer.httpStatus).join() === "204,204,204,200");
  expect(answers[0].entityId && answers[0].contentId === "1" && answers[2].entityId === absent);
  expect(answers[3].data.value.length === 2);
});
await step("a change set is undone as a whole", async () => {
  const changes = [
    { method: "POST", queryString: "accounts", entity: { name: "undone" } },
    { method: "POST", queryString: "accounts", entity: { nosuchcolumn: 1 } },
  ];
  const refusal = await api.batchOperation(config(), "b", "c", changes, []).catch((error) => error);
  expect(refusal.code && refusal.message.includes("nosuchcolumn"));
  expect((await api.retrieveMultiple(config(), "accounts", "$filter=name eq 'undone'")).value.length === 0);
});

await step("bind and disassociate", async () => {
  const contact = await api.create(config(), "contacts", { lastname: "first" });
  await api.update(config(), "accounts", id, { "primarycontactid@odata.bind": `/contacts(${contact})` });
  const row = await api.retrieve(config(), "accounts", id, "$select=name&$expand=primarycontactid($select=lastname)");
  expect(row.primarycontactid.lastname === "first");
  await api.disassociate(config(), "accounts", id, "primarycontactid");
  expect((await api.retrieve(config(), "accounts", id, "$select=_primarycontactid_value"))._primarycontactid_value === null);
});
await step("function", async () => expect((await api.unboundFunction(config(), "WhoAmI")).UserId));
await step("an error is one of Dataverse", async () => {
  const refusal = await api.retrieve(config(), "accounts", "44444444-4444-4444-8444-444444444444").catch((error) => error);
  expect(refusal.code === "0x80040217");
});
await step("delete", () => api.deleteRecord(config(), "accounts", id));
