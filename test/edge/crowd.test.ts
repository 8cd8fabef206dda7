import { expect, test } from "bun:test";
import { join } from "node:path";
import { until } from "../until.ts";
import { Memory } from "./flow.ts";
import { active, answer, request, sharedEdge, type Way } from "./rig.ts";

const edge = sharedEdge();
const DRIPS = 1_000;
const ROUNDS = 4;
const REQUESTS = 300;
/** What a busy machine may add by itself. */
const NOISE_MS = 25;

async function p99(way: Way): Promise<number> {
  const client = way.connect();
  const times: number[] = [];
  for (let n = 0; n < REQUESTS; n++) {
    client.text = "";
    const since = performance.now();
    client.write(request("GET /quick HTTP/1.1"));
    await client.until("quick");
    times.push(performance.now() - since);
  }
  client.reset();
  return times.toSorted((a, b) => a - b)[Math.floor(REQUESTS * 0.99)] ?? 0;
}

async function best(way: Way): Promise<number> {
  let least = Infinity;
  for (let round = 0; round < ROUNDS; round++) least = Math.min(least, await p99(way));
  return least;
}

async function firstWord(stream: ReadableStream<Uint8Array>): Promise<string> {
  for await (const bytes of stream) return Buffer.from(bytes).toString();
  return "";
}

test(`${DRIPS} clients that drip their heads and bodies leave the others alone`, async () => {
  await using way = await edge.way();
  way.target.answerAll(answer("quick"), "POST /drip");
  const alone = await best(way);
  let among = Infinity;
  const memory = new Memory(edge.worker);
  const drip = Bun.spawn([process.execPath, join(import.meta.dirname, "../programs/edge-drip.ts"), String(way.port), String(DRIPS)], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  try {
    expect(await firstWord(drip.stdout)).toBe("ready\n");
    await until("the bodies at the target", async () => (await way.metric("orco_edge_inflight")) === DRIPS / 2, 20_000);
    among = await best(way);
    expect(memory.peakGrowth).toBeLessThan(128 * 2 ** 20);
  } finally {
    drip.kill("SIGKILL");
    await drip.exited;
  }
  await until("all of them to be gone", async () => (await way.metric("orco_edge_connections")) === 0, 10_000);
  // Before and after: the machine may have got other work meanwhile.
  const alike = Math.max(alone, await best(way));
  memory.say(`p99 ${alike.toFixed(2)} ms alone, ${among.toFixed(2)} ms among ${DRIPS} drips`);
  expect(among).toBeLessThan(alike * 3 + NOISE_MS);
}, 60_000);

test("a drip ends when its time is over: heads as a whole, bodies piece by piece", async () => {
  await using way = await edge.way({ timeouts: { clientMs: 500 } });
  const clients = Array.from({ length: 100 }, () => way.say("GET / HTTP/1.1\r\nX-A: "));
  const drip = setInterval(() => clients.forEach((client) => client.closed || client.ended || client.write("a")), 50);
  try {
    for (const client of clients) expect(await client.untilEnd()).toContain("X-Orco-Error: request_timeout");
  } finally {
    clearInterval(drip);
  }
  expect(way.target.connections.length).toBe(0);
});

test("1,024 requests wait for a target, no more: the next ones get 503 at once, and a new target answers those who waited", async () => {
  await using way = await edge.way({ holdTimeoutMs: 30_000 });
  await way.put({ targets: [] });
  const held = Array.from({ length: 1024 }, () => way.ask());
  await way.whenHeld(1024);
  for (let n = 0; n < 5; n++) expect(await way.ask().until("request_id")).toMatch(/^HTTP\/1\.1 503 [^]*X-Orco-Error: too_many_held\r\n/);
  held.pop()?.reset();
  await way.whenHeld(1023);
  way.target.answerAll(answer("here"));
  const another = way.ask();
  await way.whenHeld(1024);
  await way.put({ targets: [active(way.target)] });
  for (const client of [...held, another]) expect(await client.until("here")).toBe(answer("here"));
  expect(await way.metric("orco_edge_held")).toBe(0);
  expect(await way.metric("orco_edge_requests_total", { code: "200" })).toBe(1024);
}, 60_000);
