import { expect, test } from "bun:test";
import { type ReadConnection, readConnection } from "./connection.suite.ts";
import { CORPUS } from "./corpus.suite.ts";
import { Dice, generateConnection } from "./fuzz.suite.ts";
import { requestHeadFor } from "./hop.ts";
import { NodeParser, type NodeReading } from "./node-parser.suite.ts";

/**
 * The same bytes read here and by node's parser (llhttp, strict), which stands for any target. ORCO_FUZZ_SECONDS and ORCO_FUZZ_SEED repeat or prolong a run.
 */
const SECONDS = Number(process.env["ORCO_FUZZ_SECONDS"] ?? 4);
const SEED = Number(process.env["ORCO_FUZZ_SEED"] ?? Date.now() % 1_000_000_007);
const BATCH = 500;
/** llhttp knows a list of methods; the edge passes any on. */
const UNKNOWN_METHOD = "HPE_INVALID_METHOD";

interface Seen {
  readonly bytes: Buffer;
  readonly ours: ReadConnection;
  readonly raw: NodeReading;
  /** What node makes of what the edge would send on for these bytes. */
  readonly forwarded: NodeReading;
}

/** What a target gets on one connection for all requests taken. */
function forwardAll({ requests }: ReadConnection): Buffer {
  const forwarding = { peer: "192.0.2.7", proto: "http", requestId: "r", trusted: false, targetHost: "t" } as const;
  return Buffer.concat(requests.flatMap(({ head, rawBody }) => [requestHeadFor(head, forwarding), rawBody]));
}

async function look(node: NodeParser, connections: readonly Buffer[]): Promise<Seen[]> {
  const ours = connections.map(readConnection);
  const told = await node.read([...connections, ...ours.map(forwardAll)]);
  return connections.map((bytes, i) => {
    const [mine, raw, forwarded] = [ours[i], told[i], told[i + connections.length]];
    if (!mine || !raw || !forwarded) throw new Error("node's parser gave no answer");
    return { bytes, ours: mine, raw, forwarded };
  });
}

function describeRequests(requests: readonly (readonly [string, string, Buffer])[]): string[] {
  return requests.map(([method, target, body]) => `${method} ${target} ${body.toString("base64")}`);
}

/** What both take they take alike: method, target, body, and so where the next one begins. */
function expectAgreement({ ours, raw }: Seen): void {
  const mine = describeRequests(ours.requests.map(({ head, rawTarget, body }) => [head.method, rawTarget, body]));
  const theirs = describeRequests(
    raw.requests.filter(({ complete }) => complete).map(({ method, target, body }) => [method, target, body]),
  );
  const both = Math.min(mine.length, theirs.length);
  expect(theirs.slice(0, both)).toEqual(mine.slice(0, both));
}

/** What is sent on is to a target exactly the requests that were taken here, in canonical form – never one more, never another. */
function expectSentOn({ ours, forwarded }: Seen): void {
  const mine = describeRequests(ours.requests.map(({ head, body }) => [head.method, head.target, body]));
  const theirs = describeRequests(forwarded.requests.map(({ method, target, body }) => [method, target, body]));
  expect([null, UNKNOWN_METHOD]).toContain(forwarded.error);
  expect(theirs).toEqual(forwarded.error === null ? mine : mine.slice(0, theirs.length));
}

function expectSafe(seen: Seen): void {
  try {
    expectAgreement(seen);
    expectSentOn(seen);
  } catch (error) {
    console.error(
      `seed ${SEED}: ${JSON.stringify(seen.bytes.toString("latin1"))}\nhere ${seen.ours.end}, node ${seen.raw.error}, sent on ${seen.forwarded.error}`,
    );
    throw error;
  }
}

test("the corpus of smuggling cases: nothing reaches a target as another request", async () => {
  await using node = new NodeParser();
  for (const seen of await look(
    node,
    CORPUS.map(({ bytes }) => Buffer.from(bytes, "latin1")),
  )) {
    expectSafe(seen);
  }
});

test(
  `generated and changed connections for ${SECONDS} s, seed ${SEED}`,
  async () => {
    await using node = new NodeParser();
    const dice = new Dice(SEED);
    const count = { connections: 0, requests: 0, refused: 0, refusedByNodeOnly: 0, refusedHereOnly: 0 };
    for (const began = performance.now(); performance.now() - began < SECONDS * 1000;) {
      for (const seen of await look(
        node,
        Array.from({ length: BATCH }, () => generateConnection(dice)),
      )) {
        expectSafe(seen);
        const refused = seen.ours.status !== undefined;
        count.connections += 1;
        count.requests += seen.ours.requests.length;
        count.refused += refused ? 1 : 0;
        count.refusedHereOnly += refused && seen.raw.error === null ? 1 : 0;
        count.refusedByNodeOnly += seen.forwarded.error === null ? 0 : 1;
      }
    }
    console.log(`seed ${SEED}: ${JSON.stringify(count)}`);
    expect(count.requests).toBeGreaterThan(count.connections / 4);
  },
  (SECONDS + 30) * 1000,
);
