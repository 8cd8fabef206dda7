import { expect, test } from "bun:test";
import { until } from "../until.ts";
import { BODY_BYTES, Flow, FlowTarget, Memory, openSockets, still } from "./flow.ts";
import { type Edge, request, sharedEdge, type Way } from "./rig.ts";

const MIB = 2 ** 20;
/** Of everything that is not the body itself: queues of one connection, buffers of the runtime, its garbage. */
const FLAT_BYTES = 48 * MIB;
const edge = sharedEdge();

interface Stream extends AsyncDisposable {
  readonly way: Way;
  readonly client: Flow;
  readonly memory: Memory;
}

/** A way to `target` that has carried something before, a client on it, and the worker's memory from there on. */
async function stream(of: Edge, target: FlowTarget): Promise<Stream> {
  const way = await of.way({ targets: 0, elsewhere: [target] });
  const client = await Flow.connect(way.port);
  return {
    way,
    client,
    memory: new Memory(of.worker),
    async [Symbol.asyncDispose]() {
      client.wire.terminate();
      await way[Symbol.asyncDispose]();
    },
  };
}

function upload(bytes: number): string {
  return request("POST / HTTP/1.1", `Content-Length: ${bytes}`);
}

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

test(`a download of ${BODY_BYTES / MIB} MiB: every byte, flat memory`, async () => {
  using target = new FlowTarget((flow) => flow.send(`HTTP/1.1 200 OK\r\nContent-Length: ${BODY_BYTES}\r\n\r\n`, BODY_BYTES));
  await using run = await stream(edge, target);
  run.client.send(request(), 0);
  await run.client.got(BODY_BYTES);
  run.memory.say("download");
  expect(run.memory.peakGrowth).toBeLessThan(FLAT_BYTES);
}, 60_000);

test(`an upload of ${BODY_BYTES / MIB} MiB: every byte, flat memory`, async () => {
  using target = new FlowTarget();
  await using run = await stream(edge, target);
  run.client.send(upload(BODY_BYTES), BODY_BYTES);
  const flow = await target.next();
  await flow.got(BODY_BYTES);
  flow.send(OK, 0);
  expect(await run.client.headCame()).toBe(OK);
  run.memory.say("upload");
  expect(run.memory.peakGrowth).toBeLessThan(FLAT_BYTES);
}, 60_000);

test("a client that reads late: the target is stopped, memory is flat, and then every byte arrives", async () => {
  using target = new FlowTarget((flow) => flow.send(`HTTP/1.1 200 OK\r\nContent-Length: ${BODY_BYTES}\r\n\r\n`, BODY_BYTES));
  await using run = await stream(edge, target);
  run.client.send(request(), 0);
  await run.client.headCame();
  run.client.wire.pause();
  const flow = await target.next();
  const sent = await still("the target", () => flow.sent);
  run.memory.say(`a stopped reader, the target stopped after ${(sent / MIB).toFixed(1)} MiB`);
  expect(sent).toBeLessThan(BODY_BYTES / 4);
  expect(run.memory.peakGrowth).toBeLessThan(FLAT_BYTES / 2);
  run.client.wire.resume();
  await run.client.got(BODY_BYTES);
  run.memory.say("and when it reads again");
  expect(run.memory.peakGrowth).toBeLessThan(FLAT_BYTES);
}, 60_000);

/** The smaller one has left its target, end and all, before the client reads on. */
for (const mib of [8, 64]) {
  for (const [what, line] of [
    ["ends with the connection", ""],
    ["has a length, of a target that closes behind it", `Content-Length: ${mib * MIB}\r\n`],
  ] as const) {
    test(`a client that reads late gets every byte of ${mib} MiB in an answer that ${what}`, async () => {
      using target = new FlowTarget((flow) => {
        flow.endsAfter = true;
        flow.whenAsked = () => flow.send(`HTTP/1.1 200 OK\r\n${line}\r\n`, mib * MIB);
      });
      await using run = await stream(edge, target);
      run.client.send(request(), 0);
      run.client.wire.pause();
      const flow = await target.next();
      await still("the target", () => flow.sent);
      run.client.wire.resume();
      await run.client.got(mib * MIB);
      if (line === "") await until("a clean end", () => run.client.ended);
    }, 60_000);
  }
}

for (const [when, early] of [
  ["before it answers", ""],
  ["and has begun to answer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"],
] as const) {
  test(`a target that reads late ${when}: the client is stopped, memory is flat, and then every byte arrives`, async () => {
    using target = new FlowTarget((flow) => {
      flow.wire.pause();
      if (early) flow.send(early, 0);
    });
    await using run = await stream(edge, target);
    run.client.send(upload(BODY_BYTES), 0);
    const flow = await target.next();
    if (early) await run.client.headCame();
    run.client.send("", BODY_BYTES);
    const sent = await still("the client", () => run.client.sent);
    run.memory.say(`a stopped target, the client stopped after ${(sent / MIB).toFixed(1)} MiB`);
    expect(sent).toBeLessThan(BODY_BYTES / 4);
    expect(run.memory.peakGrowth).toBeLessThan(FLAT_BYTES / 2);
    flow.wire.resume();
    await flow.got(BODY_BYTES);
    expect(run.memory.peakGrowth).toBeLessThan(FLAT_BYTES);
  }, 60_000);
}

test("a client that vanishes while its upload, or its answer, is stopped takes its request away from the target", async () => {
  for (const direction of ["upload", "download"] as const) {
    const down = direction === "download";
    using target = new FlowTarget((flow) => {
      if (down) flow.send(`HTTP/1.1 200 OK\r\nContent-Length: ${BODY_BYTES}\r\n\r\n`, BODY_BYTES);
      else flow.wire.pause();
    });
    await using run = await stream(edge, target);
    if (down) run.client.wire.pause();
    run.client.send(down ? request() : upload(BODY_BYTES), down ? 0 : BODY_BYTES);
    const flow = await target.next();
    await still("both", () => run.client.sent + flow.sent);
    run.client.wire.terminate();
    flow.wire.resume();
    await until("the target's connection to be closed", () => flow.closed, 10_000);
    expect(flow.received).toBeLessThan(BODY_BYTES / 4);
    expect((await run.way.records())[0]).toMatchObject({ status: 499 });
  }
}, 60_000);

test("500 clients that vanish in mid-upload leave nothing behind", async () => {
  using target = new FlowTarget();
  await using way = await edge.way({ targets: 0, elsewhere: [target] });
  const sockets = openSockets(edge.worker);
  const round = async (count: number): Promise<void> => {
    const before = target.flows.length;
    const clients = await Promise.all(Array.from({ length: count }, () => Flow.connect(way.port)));
    for (const client of clients) client.send(upload(1024 * MIB), 512 * 1024);
    // One that leaves before leaves a connection that idles: the next request may have it.
    const arrived = (): number => target.flows.slice(before).filter(({ received }) => received > 0).length;
    await until("all uploads at the target", () => arrived() === count, 20_000);
    for (const [n, client] of clients.entries()) {
      if (n % 2 === 0) client.wire.terminate();
      else client.wire.end();
    }
    await until("all connections of the target to be closed", () => target.open === 0, 20_000);
  };
  await round(50);
  const memory = new Memory(edge.worker);
  for (let n = 0; n < 5; n++) await round(100);
  memory.say("500 clients that vanished");
  await until("every connection to be given back", () => openSockets(edge.worker) <= sockets, 10_000);
  expect(await way.metric("orco_edge_inflight")).toBe(0);
  expect(await way.metric("orco_edge_connections")).toBe(0);
  expect(await way.metric("orco_edge_requests_total", { code: "499" })).toBe(550);
  // Thousands more do not add to it: measured after 4,000.
  expect(memory.peakGrowth).toBeLessThan(128 * MIB);
}, 60_000);

test("1,000 uploads that wait for a target keep little of their bodies", async () => {
  await using way = await edge.way({ targets: 0 });
  const memory = new Memory(edge.worker);
  const clients = await Promise.all(Array.from({ length: 1000 }, () => Flow.connect(way.port)));
  for (const client of clients) client.send(upload(MIB), MIB);
  await way.whenHeld(1000);
  const total = (): number => clients.reduce((sum, { sent }) => sum + sent, 0);
  await still("the clients", total);
  memory.say(`1,000 held uploads, ${(total() / MIB).toFixed(0)} MiB sent`);
  expect(memory.peakGrowth).toBeLessThan(192 * MIB);
  for (const client of clients) client.wire.terminate();
  await way.whenHeld(0);
}, 60_000);
