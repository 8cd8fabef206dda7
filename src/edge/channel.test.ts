import { expect, test } from "bun:test";
import fc from "fast-check";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeMessage, MessageReader, type FromWorker, type ToWorker } from "./channel.ts";
import { connectChannel, serveChannel, type Channel } from "./channel-socket.ts";

test("messages arrive whole, however the bytes were cut", () => {
  const messages: ToWorker[] = [{ type: "nudge", version: 1 }, { type: "table" }, { type: "stats", since: 3 }];
  const bytes = Buffer.from(messages.map(encodeMessage).join(""));
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: bytes.length })), (cuts) => {
      const reader = new MessageReader<ToWorker>();
      const points = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
      const read = points.slice(1).flatMap((to, at) => reader.push(bytes.subarray(points[at], to)));
      expect(read).toEqual(messages);
    }),
  );
});

test("what is no message ends the channel", () => {
  for (const text of ["nonsense\n", "[]\n", "null\n", '{"no":"type"}\n']) {
    expect(() => new MessageReader<ToWorker>().push(Buffer.from(text))).toThrow();
  }
});

async function pair(folder: string) {
  const path = join(folder, "w.sock");
  const accepted = Promise.withResolvers<Channel<FromWorker>>();
  const toWorker: ToWorker[] = [];
  const workerClosed = Promise.withResolvers<void>();
  const server = serveChannel(path, (channel) => {
    accepted.resolve(channel);
    return { message: (message) => void toWorker.push(message), closed: () => workerClosed.resolve() };
  });
  const fromWorker: FromWorker[] = [];
  const got = Promise.withResolvers<void>();
  const daemonClosed = Promise.withResolvers<void>();
  const daemon = await connectChannel(path, {
    message(message) {
      fromWorker.push(message);
      got.resolve();
    },
    closed: () => daemonClosed.resolve(),
  });
  return { server, path, daemon, worker: await accepted.promise, toWorker, fromWorker, got, workerClosed, daemonClosed };
}

test("a socket carries both directions, big messages too, and each side learns of the other's end", async () => {
  const folder = mkdtempSync(join(tmpdir(), "orco-channel-"));
  try {
    const { server, path, daemon, worker, fromWorker, got, workerClosed } = await pair(folder);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const problems = Array.from({ length: 20_000 }, (_, n) => ({
      listener: `127.0.0.1:${n}`,
      code: "EADDRINUSE",
      message: "x".repeat(100),
    }));
    worker.send({ type: "served", version: 1, answered: 1, phase: "serving", inFlight: {}, cut: {}, problems });
    await got.promise;
    expect(fromWorker).toMatchObject([{ type: "served", problems: { length: 20_000 } }]);
    daemon.close();
    await workerClosed.promise;
    server.stop();
    expect(connectChannel(path, { message: () => undefined, closed: () => undefined })).rejects.toThrow();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a side that stops is gone for the other", async () => {
  const folder = mkdtempSync(join(tmpdir(), "orco-channel-"));
  try {
    const { server, worker, daemonClosed } = await pair(folder);
    worker.close();
    await daemonClosed.promise;
    server.stop();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
