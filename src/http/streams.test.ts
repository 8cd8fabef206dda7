import { afterEach, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { readSse } from "../client/sse.ts";
import { FakeClock, systemClock } from "../kernel/clock.ts";
import { OrcoError } from "../kernel/errors.ts";
import { until } from "../../test/until.ts";
import { startTestServer, type TestServer } from "./daemon.fake.ts";
import { HttpMetrics } from "./http-metrics.ts";
import { SSE_HEARTBEAT } from "./sse.ts";
import { OpenStreams, type StreamWriter } from "./streams.ts";

const open: (ReadableStream<Uint8Array> | TestServer)[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await ("dispose" in one ? one.dispose() : one.cancel());
});

function startServer(): TestServer {
  const server = startTestServer(systemClock());
  open.push(server);
  server.daemon.outcome = undefined;
  return server;
}

async function metric(server: TestServer, line: string): Promise<boolean> {
  return (await (await fetch(`${server.url}/metrics`)).text()).includes(`${line}\n`);
}

const listen = (server: TestServer, path: string, headers: Record<string, string> = {}) =>
  fetch(`${server.url}${path}`, { headers: { accept: "text/event-stream", ...headers } });

describe("open streams", () => {
  const never = (writer: StreamWriter) => new Promise<void>((resolve) => writer.signal.addEventListener("abort", () => resolve()));

  test("are 4096 at most, with one timer for all of their heartbeats", async () => {
    const clock = new FakeClock();
    const streams = new OpenStreams(clock, new HttpMetrics("test"));
    const bodies = Array.from({ length: 4096 }, () => streams.start({ heartbeat: SSE_HEARTBEAT, produce: never }));
    expect(clock.pendingTimers).toBe(1);
    expect(() => streams.start({ heartbeat: SSE_HEARTBEAT, produce: never })).toThrow(OrcoError);
    await bodies[0]?.cancel();
    bodies[0] = streams.start({ heartbeat: SSE_HEARTBEAT, produce: never });
    const readers = bodies.map((body) => body.getReader());
    const beats = readers.map((reader) => reader.read());
    await clock.advance(15_000);
    for (const beat of beats) expect(new TextDecoder().decode((await beat).value)).toBe(SSE_HEARTBEAT);
    for (const reader of readers) await reader.cancel();
    expect(clock.pendingTimers).toBe(0);
  });

  test.each([
    [false, 30_000],
    [true, 300_000],
  ])("that nobody reads are cut, whatever waits; patient ones (%p) after %i ms", async (patient, ms) => {
    const clock = new FakeClock();
    const metrics = new HttpMetrics("test");
    const streams = new OpenStreams(clock, metrics);
    const produce = async (writer: StreamWriter) => {
      writer.write("a backlog");
      await writer.room(0);
      await never(writer);
    };
    streams.start({ heartbeat: SSE_HEARTBEAT, patient, produce });
    await clock.advance(ms - 1);
    expect(JSON.stringify(await metrics.families())).not.toContain("slow");
    await clock.advance(1);
    expect(JSON.stringify(await metrics.families())).toContain('"reason":"slow"');
    expect(clock.pendingTimers).toBe(0);
  });

  test("of clients that leave at once are closed", async () => {
    const server = startServer();
    const port = Number(new URL(server.url).port);
    const gone = Array.from({ length: 50 }, (_, i) => {
      const closed = Promise.withResolvers<void>();
      const socket = connect(port, "127.0.0.1", () => {
        const sent = () => void (i % 2 === 0 ? socket.destroy() : socket.resetAndDestroy());
        socket.write("GET /events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n", sent);
      });
      socket.on("error", () => undefined).on("close", () => closed.resolve());
      return closed.promise;
    });
    await Promise.all(gone);
    await until("no stream to be left open", () => metric(server, "orco_sse_connections 0"));
  });

  test("are none for a HEAD", async () => {
    const server = startServer();
    const { id } = await server.daemon.begin("external", "demo");
    for (const path of ["/events", `/runs/${id}/events`]) {
      const answer = await fetch(`${server.url}${path}`, { method: "HEAD" });
      expect(answer.status).toBe(200);
      expect(answer.headers.get("content-type")).toStartWith("text/event-stream");
    }
    expect(await metric(server, "orco_sse_connections 0")).toBe(true);
  });
});

describe("a run's stream", () => {
  test("tells nothing after the end, however late its steps speak", async () => {
    const server = startServer();
    const { id } = await server.daemon.begin("external", "demo");
    const path = `/runs/${id}/events`;
    const late = { topic: `run/${id}`, type: "step.undone", data: { step: "build", status: "undone" } };
    const watching = Array.fromAsync(readSse(await listen(server, path)));
    await server.daemon.finish(id, { status: "completed" });
    await server.daemon.journal.append([late, late]);
    for (const messages of [await watching, await Array.fromAsync(readSse(await listen(server, path)))])
      expect(messages.map(({ event }) => event)).toEqual(["hello", "status", "status", "end"]);
    const last = (await watching).findLast((message) => message.id !== undefined)?.id ?? "";
    expect((await listen(server, path, { "last-event-id": last })).status).toBe(204);
    expect((await listen(server, `${path}?lastEventId=${last}`)).status).toBe(204);
    const none = await Array.fromAsync(readSse(await listen(server, `${path}?replay=0`)));
    expect(none.map(({ event }) => event)).toEqual(["hello", "end"]);
  });

  test("says reset to who names an event of another run, and of the future", async () => {
    const server = startServer();
    const [one, other] = [await server.daemon.begin("external", "demo"), await server.daemon.begin("external", "demo")];
    const idOf = async (run: string) => {
      for await (const message of readSse(await listen(server, `/runs/${run}/events`))) if (message.id !== undefined) return message.id;
      return "";
    };
    const [mine, foreign] = [await idOf(one.id), await idOf(other.id)];
    const ms = Number(mine.split("-")[0]);
    for (const id of foreign === mine ? [`${ms + 1}-1`] : [foreign, `${ms + 1}-1`, "99999999999999-999999999999999"]) {
      const messages = readSse(await listen(server, `/runs/${one.id}/events`, { "last-event-id": id }));
      const events = [(await messages.next()).value?.event, (await messages.next()).value?.event, (await messages.next()).value?.id];
      expect(events).toEqual(["hello", "reset", mine]);
      await messages.return(undefined);
    }
  });

  test("refuses an id that is none", async () => {
    const server = startServer();
    const { id } = await server.daemon.begin("external", "demo");
    for (const bad of ["x", "1-2-3", "-1", "1e3", "2026-13-01T00:00:00Z", "12345678901234567890"]) {
      expect((await listen(server, `/runs/${id}/events`, { "last-event-id": bad })).status).toBe(400);
      expect((await listen(server, `/runs/${id}/events?lastEventId=${encodeURIComponent(bad)}`)).status).toBe(400);
    }
  });

  test("carries checkpoints as they are, the largest too, to who comes late", async () => {
    const server = startServer();
    const { id } = await server.daemon.begin("external", "demo");
    const checkpoints = Array.from({ length: 12 }, (_, n) => {
      const checkpoint = {
        id: `c${n}`,
        runId: id,
        ts: "2026-01-01T00:00:00.000Z",
        type: "progress",
        data: { text: "x".repeat(900_000) },
        step: "a",
        attempt: 1,
      };
      return { topic: `run/${id}`, type: "checkpoint", data: checkpoint };
    });
    await server.daemon.journal.append(checkpoints);
    await server.daemon.finish(id, { status: "failed" });
    const messages = await Array.fromAsync(readSse(await listen(server, `/runs/${id}/events`)));
    const told = messages.filter(({ event }) => event === "checkpoint").map(({ data }) => JSON.parse(data) as object);
    expect(told).toEqual(checkpoints.map(({ data }, n) => ({ ...data, seq: n + 2, n: n + 2 })));
    const end = messages.at(-1);
    expect([end?.event, end?.data]).toEqual(["end", JSON.stringify({ runId: id, status: "failed" })]);
  });

  test("on /events has the same frames with the global number and its topic", async () => {
    const server = startServer();
    await server.daemon.happen("stack/demo", 3);
    const { id } = await server.daemon.begin("external", "demo");
    const messages = readSse(await listen(server, `/events?topic=run/${id}`));
    await messages.next();
    const { value } = await messages.next();
    expect(value).toMatchObject({ event: "status", id: expect.stringMatching(/^\d+-4$/) });
    expect(JSON.parse(value?.data ?? "")).toMatchObject({ runId: id, seq: 4, n: 1, topic: `run/${id}`, status: "running" });
    await messages.return(undefined);
  });
});
