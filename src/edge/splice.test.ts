import { afterEach, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { until } from "../../test/until.ts";
import { FakeClock } from "../kernel/clock.ts";
import { dial, listenPlain } from "./sockets.ts";
import { Splice } from "./splice.ts";
import { FrameScanner, GOING_AWAY } from "./websocket-frames.ts";
import type { Wire } from "./wire.ts";
import { NO_HANDLERS } from "./wire-ends.ts";

const toDo: (() => void)[] = [];
afterEach(() => {
  for (const undo of toDo.splice(0)) undo();
});

interface Spliced {
  readonly clock: FakeClock;
  readonly splice: Splice;
  readonly client: Socket;
  readonly target: Socket;
  readonly wires: { readonly client: Wire; readonly target: Wire };
  readonly told: string[];
}

/** A client and a target with a splice between them, of a WebSocket unless `frames` is undefined. */
async function spliced(frames: FrameScanner | undefined = new FrameScanner()): Promise<Spliced> {
  const [clock, told] = [new FakeClock(), [] as string[]];
  const [accepted, met] = [Promise.withResolvers<Wire>(), Promise.withResolvers<Socket>()];
  const listener = listenPlain({ address: "127.0.0.1", port: 0, onWire: accepted.resolve });
  const server = createServer({ allowHalfOpen: true }, met.resolve).listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = connect({ port: listener.port, host: "127.0.0.1", allowHalfOpen: true });
  const port = (server.address() as { port: number }).port;
  const wire = await dial({ host: "127.0.0.1", port, timeoutMs: 1_000 }, NO_HANDLERS);
  const target = await met.promise;
  for (const socket of [client, target]) socket.on("error", () => {});
  const wires = { client: await accepted.promise, target: wire };
  const splice = new Splice({ ...wires, clock, targetClosed: () => told.push("target"), closed: () => told.push("closed") }, frames);
  toDo.push(
    () => listener.stop(),
    () => server.close(),
    () => client.destroy(),
    () => target.destroy(),
  );
  return { clock, splice, client, target, wires, told };
}

async function received(socket: Socket, bytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  const collect = (part: Buffer): void => void parts.push(part);
  socket.on("data", collect);
  await until(`${bytes} bytes`, () => Buffer.concat(parts).length >= bytes);
  socket.off("data", collect);
  return Buffer.concat(parts);
}

async function ending(socket: Socket): Promise<string> {
  const ended = once(socket.resume(), "end").then(
    () => "end",
    (error: Error & { code?: string }) => error.code ?? "",
  );
  return ended;
}

const HELLO = Buffer.from([0x81, 5, ...Buffer.from("hello")]);

describe("a WebSocket that is cut", () => {
  test("ends with a Close frame that says 1001, and the target is reset", async () => {
    const { splice, client, target, told } = await spliced();
    splice.start();
    target.write(HELLO);
    expect(await received(client, 7)).toEqual(HELLO);
    const goodbye = received(client, 4);
    const targetEnds = ending(target);
    splice.cut();
    expect(await goodbye).toEqual(Buffer.from(GOING_AWAY));
    expect(await targetEnds).toBe("ECONNRESET");
    expect(told).toEqual(["target"]);
    client.end("a Close frame in answer");
    await until("the end of both", () => told.includes("closed"));
  });

  test("is reset when it does not close in its turn", async () => {
    const { splice, client, clock, told } = await spliced();
    splice.start();
    splice.cut();
    await received(client, 4);
    const end = once(client, "error");
    client.write("still talking");
    await clock.advance(1_000);
    // A reset after an end is EPIPE.
    expect((await end)[0]).toMatchObject({ code: "EPIPE" });
    expect(told).toEqual(["target", "closed"]);
  });

  test("in the middle of a frame is reset, as is one that is closing already", async () => {
    for (const said of [HELLO.subarray(0, 4), Buffer.from(GOING_AWAY)]) {
      const { splice, client, target } = await spliced();
      splice.start(undefined, Buffer.from(said));
      await received(client, said.length);
      const ends = Promise.all([ending(client), ending(target)]);
      splice.cut();
      expect(await ends).toEqual(["ECONNRESET", "ECONNRESET"]);
    }
  });
});

describe("a splice", () => {
  test("passes on what came with the heads first", async () => {
    const { splice, client, target } = await spliced();
    client.write("late");
    target.write("later");
    splice.start(Buffer.from("early "), Buffer.from("earlier "));
    expect(String(await received(target, 10))).toBe("early late");
    expect(String(await received(client, 13))).toBe("earlier later");
  });

  test("of a side that is gone already ends the other, and tells of both", async () => {
    for (const gone of ["client", "target"] as const) {
      const one = await spliced();
      one[gone].resetAndDestroy();
      const other = gone === "client" ? one.target : one.client;
      const end = ending(other);
      await until("the wire to know", () => one.wires[gone].closed);
      one.splice.start();
      expect(await end).toBe("ECONNRESET");
      expect(one.told.toSorted()).toEqual(["closed", "target"]);
    }
  });
});
