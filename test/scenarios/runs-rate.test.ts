import { expect, test } from "bun:test";
import { type RunsRig, runsRig } from "./runs-rig.ts";

const KEY = "rate-limited-key-0123";
const MAX = 20;
const env = { RATE_LIMIT_MAX: String(MAX), RATE_LIMIT_WINDOW_MS: "60000" };
const rig = runsRig({ ...env, ORCHESTRATOR_API_KEY: KEY });
const open = runsRig(env);
const headers = { authorization: `Bearer ${KEY}` };

function statuses(of: RunsRig, count: number, init: RequestInit = {}): Promise<number[]> {
  return Promise.all(Array.from({ length: count }, async () => (await fetch(`${of.url}/runs`, init)).status));
}

test("after so many of a key in a window there are 429s, which say when to come again", async () => {
  const first = await fetch(`${rig.url}/runs`, { headers });
  expect(first.headers.get("ratelimit-policy")).toBe(`"default";q=${MAX};w=60`);
  expect(first.headers.get("ratelimit")).toMatch(new RegExp(`^"default";r=${MAX - 1};t=\\d+$`));
  await statuses(rig, MAX - 1, { headers });
  const over = await fetch(`${rig.url}/runs`, { headers: { ...headers, "x-forwarded-for": "9.9.9.9" } });
  expect([over.status, over.headers.get("content-type")]).toEqual([429, "application/problem+json"]);
  const wait = Number(over.headers.get("retry-after"));
  expect(wait >= 1 && wait <= 60).toBe(true);
  expect(over.headers.get("ratelimit")).toMatch(/r=0;t=\d+$/);
  expect(((await over.json()) as { code: string }).code).toBe("rate_limited");
  for (const path of ["/health", "/ready", "/metrics"]) {
    const answer = await fetch(rig.url + path);
    expect([path, answer.status, answer.headers.get("ratelimit")]).toEqual([path, 200, null]);
  }
  const stream = await fetch(`${rig.url}/events`, { headers: { ...headers, accept: "text/event-stream" } });
  expect(stream.status).toBe(200);
  await stream.body?.cancel();
});

test("guesses are counted too, and do not lock out who has the key", async () => {
  const guesses = await statuses(open, 0);
  expect(guesses).toEqual([]);
  const wrong = await statuses(rig, MAX + 5, { headers: { authorization: "Bearer guess" } });
  expect(wrong.filter((status) => status === 401)).toHaveLength(MAX);
  expect(wrong.filter((status) => status === 429)).toHaveLength(5);
});

test("where no key is needed the address of the peer counts, whatever it says of itself", async () => {
  const seen = await Promise.all(
    Array.from(
      { length: MAX + 3 },
      async (_, n) => (await fetch(`${open.url}/runs`, { headers: { "x-forwarded-for": `1.2.3.${n}`, "x-api-key": `k${n}` } })).status,
    ),
  );
  expect(seen.filter((status) => status === 429)).toHaveLength(3);
});
