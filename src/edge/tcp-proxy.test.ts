import { afterEach, describe, expect, test } from "bun:test";
import { once } from "node:events";
import type { Socket } from "node:net";
import { until } from "../../test/until.ts";
import { ProxyFixture } from "./splice-fixture.ts";

let fixture = new ProxyFixture();
afterEach(() => {
  fixture.close();
  fixture = new ProxyFixture();
});

async function text(socket: Socket): Promise<string> {
  const parts: Buffer[] = [];
  socket.on("data", (bytes: Buffer) => parts.push(bytes));
  await once(socket, "end");
  return Buffer.concat(parts).toString();
}

/** The errno with which the connection ended; undefined for a clean end. */
async function ending(socket: Socket): Promise<string | undefined> {
  let code: string | undefined;
  socket.on("error", (error: Error & { code?: string }) => (code = error.code));
  socket.resume();
  await once(socket, "close").catch(() => {});
  return code;
}

function idle(): Promise<unknown> {
  return until("everything to be over", () => fixture.proxy.size === 0 && fixture.pool.inFlight === 0);
}

describe("half-close", () => {
  test("of the client reaches the target, whose answer comes back", async () => {
    const port = await fixture.target((socket) => {
      void text(socket).then((request) => socket.end(`got ${request}`));
    });
    fixture.route({ id: "a", port });
    const client = fixture.client();
    client.end("request");
    expect(await text(client)).toBe("got request");
    await idle();
    expect(fixture.counts).toEqual([0, 0, 0]);
  });

  test("of the target reaches the client, whose rest goes through", async () => {
    const rest = Promise.withResolvers<string>();
    const port = await fixture.target((socket) => {
      socket.end("greeting");
      void text(socket).then(rest.resolve);
    });
    fixture.route({ id: "a", port });
    const client = fixture.client();
    expect(await text(client)).toBe("greeting");
    client.end("thanks");
    expect(await rest.promise).toBe("thanks");
    await idle();
  });
});

describe("reset", () => {
  test("of the target reaches the client", async () => {
    fixture.route({ id: "a", port: await fixture.target((socket) => socket.on("data", () => socket.resetAndDestroy())) });
    const client = fixture.client();
    client.write("x");
    expect(await ending(client)).toBe("ECONNRESET");
    await idle();
  });

  test("of the client reaches the target", async () => {
    const met = Promise.withResolvers<Socket>();
    fixture.route({ id: "a", port: await fixture.target(met.resolve) });
    const client = fixture.client();
    const target = await met.promise;
    client.resetAndDestroy();
    expect(await ending(target)).toBe("ECONNRESET");
    await idle();
  });
});

describe("who gets a target", () => {
  test("waits for one, with what it sent already", async () => {
    const client = fixture.client();
    client.end("early");
    await until("it to be held", () => fixture.pool.held === 1);
    expect(fixture.counts).toEqual([0, 1, 1]);
    const port = await fixture.target((socket) => void text(socket).then((request) => socket.end(request)));
    fixture.route({ id: "a", port });
    expect(await text(client)).toBe("early");
    await idle();
    expect(fixture.counts).toEqual([0, 0, 0]);
  });

  test("and is reset when none comes in time", async () => {
    const patient = fixture;
    fixture = new ProxyFixture({ holdTimeoutMs: 20 });
    expect(await ending(fixture.client())).toBe("ECONNRESET");
    expect(fixture.counts).toEqual([0, 0, 0]);
    patient.close();
  });

  test("and leaves the queue when it goes", async () => {
    const client = fixture.client();
    await until("it to be held", () => fixture.pool.held === 1);
    client.resetAndDestroy();
    await until("it to leave", () => fixture.pool.held === 0);
    expect(fixture.counts).toEqual([0, 0, 0]);
  });

  test("goes on to another when the first refuses", async () => {
    const [closed, open] = [await fixture.nobody(), await fixture.target((socket) => socket.end("here"))];
    fixture.route({ id: "gone", port: closed }, { id: "here", port: open });
    const answers = await Promise.all(Array.from({ length: 6 }, () => text(fixture.client())));
    expect(answers).toEqual(Array.from({ length: 6 }, () => "here"));
    expect(fixture.counter.stats().retries).toBeGreaterThan(0);
    fixture.route({ id: "gone", port: closed });
    expect(await ending(fixture.client())).toBe("ECONNRESET");
  });
});

describe("drain", () => {
  test("lets connections end by themselves, gives new ones to others, and tells when it is over", async () => {
    const echo = (name: string) => (socket: Socket) => void socket.on("data", () => socket.write(name)).on("end", () => socket.end());
    const [blue, green] = [await fixture.target(echo("blue")), await fixture.target(echo("green"))];
    fixture.route({ id: "blue", port: blue });
    const old = fixture.client();
    old.write("?");
    expect(String((await once(old, "data"))[0])).toBe("blue");
    fixture.route({ id: "blue", port: blue, state: "draining", drainTimeoutMs: 60_000 }, { id: "green", port: green });
    const young = fixture.client();
    young.write("?");
    expect(String((await once(young, "data"))[0])).toBe("green");
    old.write("?");
    expect(String((await once(old, "data"))[0])).toBe("blue");
    expect(fixture.drained).toEqual([]);
    old.end();
    await until("the drain to be over", () => fixture.drained.includes("blue"));
    expect(fixture.pool.draining()).toEqual([{ target: "blue", inFlight: 0, cut: 0 }]);
  });

  test("resets at the deadline: both sides, also when one is stuck", async () => {
    const met: Socket[] = [];
    const port = await fixture.target((socket) => void met.push(socket.pause()));
    fixture.route({ id: "a", port });
    const [quiet, stuck] = [fixture.client(), fixture.client()];
    await until("both to be there", () => met.length === 2);
    stuck.write(Buffer.alloc(32 << 20));
    fixture.route({ id: "a", port, state: "draining", drainTimeoutMs: 20 });
    expect(await Promise.all([ending(quiet), ending(stuck)])).toEqual(["ECONNRESET", expect.stringMatching(/ECONNRESET|EPIPE/)]);
    await idle();
    expect(fixture.pool.draining()).toEqual([{ target: "a", inFlight: 0, cut: 2 }]);
  });
});

test("connections that come and go in every way leave nothing behind", async () => {
  const port = await fixture.target((socket) => {
    socket.on("data", (bytes: Buffer) => {
      if (bytes[0] === 1) socket.resetAndDestroy();
      else if (bytes[0] === 2) socket.end("bye");
      else socket.write(bytes);
    });
    socket.on("end", () => socket.end());
  });
  fixture.route({ id: "a", port }, { id: "gone", port: await fixture.nobody() });
  for (let round = 0; round < 10; round++) {
    const clients = Array.from({ length: 60 }, () => fixture.client());
    const closed = clients.map((client, at) => {
      client.on("connect", () => leave(client, at % 6));
      client.on("end", () => client.end());
      return ending(client);
    });
    await Promise.all(closed);
  }
  await idle();
  expect(fixture.counts).toEqual([0, 0, 0]);
  expect(fixture.counter.stats().codes).toEqual({ 0: 600 });
});

/** Six ways for a client to go. */
function leave(client: Socket, how: number): void {
  if (how === 0) client.destroy();
  else if (how === 1) client.resetAndDestroy();
  else if (how === 2) client.end(Buffer.of(0));
  else if (how === 3) client.write(Buffer.of(1));
  else if (how === 4) client.write(Buffer.of(2));
  else {
    client.once("data", () => client.destroy());
    client.write(Buffer.of(0));
  }
}
