// Steps of the MCP server mcp-dataverse, which takes *.dynamics.com only and signs in at login.microsoftonline.com: argv
// holds the URL, tenant, client id and secret.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { expect, step } from "./steps.mjs";

const [url, tenant, client_id, client_secret, modules] = process.argv.slice(2);
const settings = {
  DATAVERSE_ENV_URL: url, AUTH_METHOD: "client-credentials", AZURE_TENANT_ID: tenant, AZURE_CLIENT_ID: client_id,
  AZURE_CLIENT_SECRET: client_secret, MCP_CONFIG_PATH: "no-such-file.json",
};
const server = spawn(process.execPath, [`${modules}/mcp-dataverse/dist/server.js`], {
  env: { ...process.env, ...settings }, stdio: ["pipe", "pipe", "inherit"],
});
const waiting = new Map();
createInterface({ input: server.stdout }).on("line", (line) => {
  const message = JSON.parse(line);
  waiting.get(message.id)?.(message);
});
server.on("exit", (code) => process.exit(code ?? 1));
const send = (message) => server.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
let last = 0;
const ask = (method, params) =>
  new Promise((resolve) => {
    waiting.set(++last, resolve);
    send({ id: last, method, params });
  });
async function tool(name, given) {
  const { result, error } = await ask("tools/call", { name, arguments: given });
  const text = result?.content?.[0]?.text;
  if (error || result.isError) throw new Error(error?.message ?? text);
  return JSON.parse(text).data;
}

const entitySetName = "accounts";
const select = ["name"];
await step("initialize", async () => {
  const clientInfo = { name: "foreign", version: "1" };
  const answer = await ask("initialize", { protocolVersion: "2025-03-26", capabilities: {}, clientInfo });
  expect(answer.result.serverInfo.name === "mcp-dataverse", answer);
  send({ method: "notifications/initialized" });
});
await step("sign in", async () => expect((await tool("dataverse_whoami", {})).userId));
const { id } = (await step("create", () => tool("dataverse_create", { entitySetName, data: { name: "MCP 1" } }))) ?? {};
const read = await step("read", () => tool("dataverse_get", { entitySetName, id, select }));
await step("update with an etag", () =>
  tool("dataverse_update", { entitySetName, id, data: { telephone1: "1" }, etag: read.etag }));
await step("a stale etag is refused", async () => {
  const refusal = await tool("dataverse_update", { entitySetName, id, data: {}, etag: read.etag }).catch((e) => e);
  expect(refusal.message.includes("0x80060882"), refusal.message);
});
await step("query", async () => {
  const found = await tool("dataverse_query", { entitySetName, select, filter: "name eq 'MCP 1'", count: true });
  expect(JSON.stringify(found).includes("MCP 1"), found);
});

// The tool dataverse_upsert sends PUT; Dataverse documents PATCH, which a batch can send.
await step("upsert is refused, being a PUT", async () => {
  const given = { entitySetName, alternateKey: "accountnumber", alternateKeyValue: "M-1", data: { name: "MCP 2" } };
  const refusal = await tool("dataverse_upsert", given).catch((error) => error);
  expect(refusal.message?.includes("'PUT'"), refusal.message ?? refusal);
});
const patch = (name) => ({ method: "PATCH", url: "accounts(accountnumber='M-1')", body: { name } });
await step("upsert in a batch", async () => {
  const { results } = await tool("dataverse_batch_execute", { requests: [patch("MCP 2"), patch("MCP 2 again")] });
  expect(results.length === 2 && !results.some((result) => result?.status >= 400), results);
  const rows = await tool("dataverse_query", { entitySetName, select, filter: "accountnumber eq 'M-1'" });
  expect(JSON.stringify(rows).includes("MCP 2 again"), rows);
});
await step("batch with a change set", async () => {
  const requests = [
    { method: "GET", url: `accounts(${id})?$select=name` },
    { method: "POST", url: "accounts", body: { name: "together" } },
    { method: "POST", url: "contacts", body: { lastname: "b", "parentcustomerid_account@odata.bind": "$1" } },
  ];
  const { results } = await tool("dataverse_batch_execute", { requests, useChangeset: true });
  // The library does not look into the answer to a change set: it shows the text of all its parts as one error.
  expect(results[0].name === "MCP 1" && results[1].error.match(/HTTP\/1.1 204/g).length === 2, results);
  const query = { entitySetName: "contacts", select: ["lastname"], expand: "parentcustomerid_account($select=name)" };
  const rows = await tool("dataverse_query", query);
  expect(JSON.stringify(rows).includes("together"), rows);
});

const changes = (deltaToken) => tool("dataverse_change_detection", { entitySetName, deltaToken, select });
const initial = await step("track changes", async () => {
  const found = await changes(null);
  expect(found.newAndModified.length === 3 && found.nextDeltaToken, found);
  return found;
});
await step("delta of a changed, a new and a deleted row", async () => {
  await tool("dataverse_update", { entitySetName, id, data: { name: "MCP 1 changed" } });
  const made = await tool("dataverse_create", { entitySetName, data: { name: "MCP 3" } });
  await tool("dataverse_delete", { entitySetName, id: made.id, confirm: true });
  const second = await tool("dataverse_create", { entitySetName, data: { name: "MCP 4" } });
  const found = await changes(initial.nextDeltaToken);
  const [changed, added, gone] = found.newAndModified;
  expect(changed.name === "MCP 1 changed" && added.accountid === second.id, found);
  // The library knows deleted rows by "@removed" alone and so shows them among the others.
  expect(gone.id === made.id && gone.reason === "deleted" && found.newAndModified.length === 3, found);
  const after = await changes(found.nextDeltaToken);
  expect(after.newAndModified.length === 0, after);
});

await step("batches of 1000", async () => {
  for (let n = 0; n < 5; n++) {
    const requests = Array.from({ length: 1000 }, (_, m) => (
      { method: "POST", url: "accounts", body: { name: `row ${n}-${m}` } }));
    const { results } = await tool("dataverse_batch_execute", { requests });
    expect(results.length === 1000 && results.every((result) => result === null), results);
  }
});
await step("page", async () => {
  const found = await tool("dataverse_retrieve_multiple_with_paging", { entitySetName, select: ["accountid"], maxTotal: 9000 });
  expect(found.pageCount === 2 && found.totalRetrieved === 5004, { ...found, records: found.records.length });
  expect(new Set(found.records.map((row) => row.accountid)).size === 5004, "rows are missing");
});
// The delta link stands on the last page, and the library reads the first one only.
await step("no delta token from a load of two pages", async () => {
  const found = await changes(null);
  expect(found.newAndModified.length === 5000 && found.nextDeltaToken === null, found.nextDeltaToken);
});
await step("delete", () => tool("dataverse_delete", { entitySetName, id, confirm: true }));
server.stdin.end();
process.exit(0);
