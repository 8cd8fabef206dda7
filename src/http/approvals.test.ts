import { afterEach, expect, test } from "bun:test";
import { Client } from "../client/client.ts";
import { systemClock } from "../kernel/clock.ts";
import { startTestServer, type TestServer } from "./daemon.fake.ts";

const KEY = "a-key-of-enough-characters";
const ID = "00000000-0000-7000-8000-000000000000";
let server: TestServer;
afterEach(() => server.dispose());

async function waitingRun(): Promise<string> {
  server.daemon.outcome = undefined;
  return (await server.daemon.begin("deploy", "demo")).id;
}

function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json", ...headers } });
}

test("a decision names its approver, else who the daemon knows the caller to be", async () => {
  server = startTestServer(systemClock(), { apiKey: KEY });
  const id = await waitingRun();
  const client = new Client({ socket: server.socket });
  expect(await client.decideRun(id, { decision: "approve", content_hash: "feed", comment: "ok", step: "gate" })).toMatchObject({ id });
  await client.decideRun(id, { decision: "reject", approver: { id: "jo", role: "owner" } });
  const answer = await post(`${server.url}/runs/${id}/approvals`, { decision: "approve" }, { "x-api-key": KEY });
  expect(answer.status).toBe(200);
  expect(server.daemon.decisions).toEqual([
    { decision: "approve", content_hash: "feed", comment: "ok", step: "gate", approver: { id: `uid:${process.getuid?.()}` } },
    { decision: "reject", approver: { id: "jo", role: "owner" } },
    { decision: "approve", approver: { id: expect.stringMatching(/^key:[0-9a-f]{6}$/) } },
  ]);
});

test("without a key the caller is nobody in particular; what is no decision is refused", async () => {
  server = startTestServer(systemClock());
  const id = await waitingRun();
  const url = `${server.url}/runs/${id}/approvals`;
  await post(url, { decision: "approve" });
  expect(server.daemon.decisions).toEqual([{ decision: "approve", approver: { id: "api" } }]);
  const unseen = { decision: "approve", approver: { id: "bob", role: "ow\u200bner" } };
  for (const body of [unseen, {}, { decision: "maybe" }, { decision: "approve", approver: {} }, { decision: "approve", force: true }, []])
    expect([body, (await post(url, body)).status]).toEqual([body, 400]);
  expect((await fetch(url, { method: "POST" })).status).toBe(400);
  expect((await post(`${server.url}/runs/${ID}/approvals`, { decision: "approve" })).status).toBe(404);
  expect((await post(`${server.url}/runs/nonsense/approvals`, { decision: "approve" })).status).toBe(404);
  expect(server.daemon.decisions.length).toBe(1);
});
