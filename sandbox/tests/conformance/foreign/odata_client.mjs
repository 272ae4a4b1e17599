// Steps of the npm libraries odata-csdl and @odata/client on F&O: argv holds the URL, tenant, client id and secret.
import { createRequire } from "node:module";
import { expect, step } from "./steps.mjs";

const [url, tenant, client_id, client_secret, modules] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const csdl = require("odata-csdl");
const { OData } = require("@odata/client");

const form = { grant_type: "client_credentials", client_id, client_secret, resource: url };
const answer = await fetch(`${url}/${tenant}/oauth2/token`, { method: "POST", body: new URLSearchParams(form) });
const headers = { Authorization: `Bearer ${(await answer.json()).access_token}` };
await step("metadata document", async () => {
  const document = await (await fetch(`${url}/data/$metadata`, { headers })).text();
  const model = csdl.xml2json(document, { validate: true, strict: true });
  expect(model["Microsoft.Dynamics.DataEntities"].CustomerV3);
});
const service = { serviceEndpoint: `${url}/data/`, metadataUri: `${url}/data/$metadata`, commonHeaders: headers };
const groups = OData.New4(service).getEntitySet("CustomerGroups");
const key = { dataAreaId: "usmf", CustomerGroupId: "oc1" };
await step("create", () => groups.create({ ...key, Description: "n" }));
await step("read", async () => expect((await groups.retrieve(key)).Description === "n"));
await step("find", async () => expect((await groups.find({ CustomerGroupId: "oc1" })).length === 1));
await step("update", () => groups.update(key, { Description: "q" }));
await step("count", async () => expect((await groups.count()) >= 1));
await step("delete", () => groups.delete(key));
