import { afterEach, describe, expect, test } from "bun:test";
import { connect as connectNode, createServer, type Server, type Socket } from "node:net";
import { once } from "node:events";
import { openC } from "../kernel/libc.ts";
import { until } from "../../test/until.ts";
import { HIGH_WATER, type Wire, type WireHandlers } from "./wire.ts";
import { dial, listenPlain } from "./sockets.ts";

const toDo: (() => void)[] = [];
afterEach(() => {
  for (const undo of toDo.splice(0)) undo();
});

/** What a wire told, in order. */
class Story implements WireHandlers {
  readonly told: string[] = [];
  error: (Error & { code?: string }) | undefined;
  bytes = 0;

  constructor(private readonly onData: (bytes: Buffer) => void = () => {}) {}

  data(bytes: Buffer): void {
    if (this.told.at(-1) !== "data") this.told.push("data");
    this.bytes += bytes.length;
    this.onData(bytes);
  }
  drain(): void {
    this.told.push("drain");
  }
  end(): void {
    this.told.push("end");
  }
  close(error?: Error): void {
    this.told.push("close");
    this.error = error;
  }
}

/** An accepted wire and a node socket on its other side, which may half-close. */
async function pair(story: Story): Promise<{ wire: Wire; peer: Socket }> {
  const { promise, resolve } = Promise.withResolvers<Wire>();
  const listener = listenPlain({
    address: "127.0.0.1",
    port: 0,
    onWire(wire) {
      wire.handlers = story;
      resolve(wire);
    },
  });
  const peer = connectNode({ port: listener.port, host: "127.0.0.1", allowHalfOpen: true });
  toDo.push(
    () => listener.stop(),
    () => peer.destroy(),
  );
  await once(peer, "connect");
  return { wire: await promise, peer };
}

/** A node server and the port it listens on. */
async function serve(onSocket: (socket: Socket) => void): Promise<number> {
  const server: Server = createServer({ allowHalfOpen: true }, onSocket).listen(0, "127.0.0.1");
  toDo.push(() => server.close());
  await once(server, "listening");
  const address = server.address();
  return typeof address === "object" && address ? address.port : 0;
}

describe("an accepted wire", () => {
  test("names its peer, and answers after the peer half-closed", async () => {
    const story = new Story();
    const { wire, peer } = await pair(story);
    expect(wire.remoteAddress).toBe("127.0.0.1");
    peer.end("request");
    await until("the end of the request", () => story.told.includes("end"));
    wire.write(Buffer.from("answer"));
    wire.end();
    const [answer] = await once(peer, "data");
    expect(String(answer)).toBe("answer");
    await until("the close", () => story.told.includes("close"));
    expect(story.told).toEqual(["data", "end", "close"]);
    expect(story.error).toBeUndefined();
    expect(wire.closed).toBe(true);
  });

  test("hears the rest of the peer after it half-closed itself, and is told of its end", async () => {
    const story = new Story();
    const { wire, peer } = await pair(story);
    wire.end();
    await once(peer.resume(), "end");
    peer.end("tail");
    await until("the close", () => story.told.includes("close"));
    expect(story.told).toEqual(["data", "end", "close"]);
    expect(story.error).toBeUndefined();
  });

  test("keeps what the kernel does not take, half-closes behind it, and loses nothing", async () => {
    const story = new Story();
    const { wire, peer } = await pair(story);
    const block = Buffer.alloc(1 << 20);
    let sent = 0;
    while (wire.queued <= HIGH_WATER) {
      block.fill(sent & 255);
      wire.write(block);
      sent++;
    }
    block.fill(sent & 255);
    wire.write(block.subarray(0, 1000));
    wire.write(block.subarray(0, 1000));
    wire.end();
    wire.write(block);
    let received = 0;
    let wrong = 0;
    peer.on("data", (bytes: Buffer) => {
      for (let at = 0; at < bytes.length; at += 999) if (bytes[at] !== (((received + at) >> 20) & 255)) wrong++;
      received += bytes.length;
    });
    await once(peer, "end");
    expect([received, wrong]).toEqual([sent * (1 << 20) + 2000, 0]);
    expect(story.told).toEqual(["drain"]);
    expect(wire.queued).toBe(0);
  });

  test("resets: the peer sees ECONNRESET and never an end, the owner one close", async () => {
    const story = new Story();
    const { wire, peer } = await pair(story);
    wire.write(Buffer.alloc(8 << 20));
    const ended = once(peer.resume(), "end");
    wire.reset();
    wire.reset();
    wire.write(Buffer.from("ignored"));
    const error = await ended.catch((error: unknown) => error);
    expect(error).toMatchObject({ code: "ECONNRESET" });
    expect(story.told).toEqual(["close"]);
    expect(story.error?.code).toBe("ECONNABORTED");
    expect([wire.queued, wire.closed]).toEqual([0, true]);
  });

  test("is told of a reset by its peer, also while it is paused", async () => {
    for (const pause of [false, true]) {
      const story = new Story();
      const { wire, peer } = await pair(story);
      if (pause) wire.pause();
      peer.resetAndDestroy();
      await until("the close", () => story.told.includes("close"));
      expect(story.told).toEqual(["close"]);
      expect(story.error?.code).toBe("ECONNRESET");
    }
  });

  test("hears nothing while paused, everything and the end after it", async () => {
    const story = new Story();
    const { wire, peer } = await pair(story);
    wire.pause();
    peer.end(Buffer.alloc(3 << 20));
    await once(peer, "finish");
    const echo = once(peer, "data");
    wire.write(Buffer.from("still writes"));
    await echo;
    expect(story.told).toEqual([]);
    wire.resume();
    await until("the end", () => story.told.includes("end"));
    expect(story.bytes).toBe(3 << 20);
    expect(story.told).toEqual(["data", "end"]);
  });

  test("without handlers waits for them and for resume", async () => {
    const { promise, resolve } = Promise.withResolvers<Wire>();
    const listener = listenPlain({ address: "127.0.0.1", port: 0, onWire: resolve });
    const peer = connectNode(listener.port, "127.0.0.1");
    toDo.push(
      () => listener.stop(),
      () => peer.destroy(),
    );
    peer.end("early");
    await once(peer, "finish");
    const wire = await promise;
    const story = new Story();
    wire.handlers = story;
    wire.resume();
    await until("the end", () => story.told.includes("end"));
    expect([story.told, story.bytes]).toEqual([["data", "end"], 5]);
  });

  test("ends with a reset when a handler throws; the listener goes on", async () => {
    const story = new Story(() => {
      throw new Error("a bug in a handler");
    });
    const { peer } = await pair(story);
    const port = peer.remotePort ?? 0;
    peer.write("x");
    const [error] = await once(peer, "error");
    expect(error).toMatchObject({ code: "ECONNRESET" });
    expect(story.error?.message).toBe("a bug in a handler");
    const second = connectNode(port, "127.0.0.1");
    toDo.push(() => second.destroy());
    await once(second, "connect");
  });
});

/** getsockopt(2): TCP_NODELAY and SO_KEEPALIVE. */
function optionsOf(fd: number): { noDelay: number; keepAlive: number } {
  const libc = openC({ getsockopt: { args: ["i32", "i32", "i32", "buffer", "buffer"], returns: "i32" } });
  if (!libc) throw new Error("no C library");
  const read = (level: number, option: number): number => {
    const [value, length] = [Buffer.alloc(4), Buffer.from([4, 0, 0, 0])];
    libc.symbols.getsockopt(fd, level, option, value, length);
    return value.readInt32LE();
  };
  const options = { noDelay: read(6, 1), keepAlive: read(1, 9) };
  libc.close();
  return options;
}

test("nobody waits for Nagle, and silent clients are probed", async () => {
  const { wire } = await pair(new Story());
  const fd = (Reflect.get(wire, "socket") as { fd: number }).fd;
  expect(optionsOf(fd)).toEqual({ noDelay: 1, keepAlive: 1 });
  const port = await serve(() => {});
  const dialled = await dial({ host: "127.0.0.1", port, timeoutMs: 1_000 }, new Story());
  toDo.push(() => dialled.reset());
  expect(optionsOf((Reflect.get(dialled, "socket") as { fd: number }).fd).noDelay).toBe(1);
});

describe("a dial", () => {
  test("hands over what the target says first", async () => {
    const port = await serve((socket) => socket.end("greeting"));
    const story = new Story();
    const wire = await dial({ host: "127.0.0.1", port, timeoutMs: 1000 }, story);
    await until("the end", () => story.told.includes("end"));
    expect([story.told, story.bytes]).toEqual([["data", "end"], 8]);
    wire.end();
    await until("the close", () => story.told.includes("close"));
  });

  test("is refused with the errno, and calls no handler", async () => {
    const port = await serve(() => {});
    for (const undo of toDo.splice(0)) undo();
    const story = new Story();
    const refused = await dial({ host: "127.0.0.1", port, timeoutMs: 1000 }, story).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "ECONNREFUSED" });
    expect(story.told).toEqual([]);
  });
});

test("a dial that nobody answers is given up in time, and without a handler being called", async () => {
  const full = await fullListener();
  const story = new Story();
  const begun = performance.now();
  const late = await dial({ host: "127.0.0.1", port: full, timeoutMs: 50 }, story).catch((error: unknown) => error);
  expect(late).toMatchObject({ code: "ETIMEDOUT" });
  // The kernel itself would try for two minutes.
  expect(performance.now() - begun).toBeLessThan(10_000);
  expect(story.told).toEqual([]);
});

/** A port where nobody accepts and the queue of connections is full: Linux drops what else knocks. */
async function fullListener(): Promise<number> {
  const libc = openC({
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    listen: { args: ["i32", "i32"], returns: "i32" },
    getsockname: { args: ["i32", "buffer", "buffer"], returns: "i32" },
    close: { args: ["i32"], returns: "i32" },
  });
  if (!libc) throw new Error("no C library");
  const { socket, listen, getsockname, close } = libc.symbols;
  const [fd, address] = [socket(2, 1, 0), Buffer.alloc(16)];
  toDo.push(() => void close(fd));
  // Without a bind it gets a port of the kernel's choice; a backlog of 0 is room for one.
  listen(fd, 0);
  getsockname(fd, address, Buffer.from([16, 0, 0, 0]));
  const port = address.readUInt16BE(2);
  const filler = connectNode({ port, host: "127.0.0.1" });
  toDo.push(() => filler.destroy());
  await once(filler, "connect");
  return port;
}

test("two listeners share a port when both want to, and one alone is refused with EADDRINUSE", () => {
  const onWire = (wire: Wire): void => wire.reset();
  const first = listenPlain({ address: "127.0.0.1", port: 0, reusePort: true, onWire });
  const second = listenPlain({ address: "127.0.0.1", port: first.port, reusePort: true, onWire });
  expect(second.port).toBe(first.port);
  expect(() => listenPlain({ address: "127.0.0.1", port: first.port, onWire })).toThrow(expect.objectContaining({ code: "EADDRINUSE" }));
  first.stop();
  second.stop();
});
