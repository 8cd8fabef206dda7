import { afterEach, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { readSse, type SseMessage } from "../client/sse.ts";
import { FakeClock, systemClock } from "../kernel/clock.ts";
import { startTestServer, type TestServer } from "./daemon.fake.ts";

let server: TestServer;
const start: typeof startTestServer = (...options) => (server = startTestServer(...options));
afterEach(() => server.dispose());

function open(path: string, lastEventId?: string): Promise<Response> {
  const headers = { accept: "text/event-stream", ...(lastEventId !== undefined && { "last-event-id": lastEventId }) };
  return fetch(`${server.url}${path}`, { headers });
}

/** Reads until `count` messages with an id have come, or the end. */
async function take(path: string, count: number, lastEventId?: string): Promise<SseMessage[]> {
  const messages: SseMessage[] = [];
  let numbered = 0;
  for await (const message of readSse(await open(path, lastEventId))) {
    messages.push(message);
    if (message.id !== undefined) numbered += 1;
    if (numbered >= count && count > 0) break;
    if (count === 0) break;
  }
  return messages;
}

/** The body as it arrives. */
function chunks(response: Response): { next(): Promise<string>; cancel(): Promise<void> } {
  const reader = response.body?.getReader();
  return {
    next: async () => new TextDecoder().decode((await reader?.read())?.value),
    cancel: async () => reader?.cancel(),
  };
}

const idsOf = (messages: readonly SseMessage[]) => messages.flatMap(({ id }) => (id === undefined ? [] : [id]));
const seqsOf = (messages: readonly SseMessage[]) => idsOf(messages).map((id) => Number(id.split("-")[1]));
const upTo = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n);

describe("/events", () => {
  test("is a stream for who accepts anything, a page for who asks for JSON", async () => {
    start(systemClock());
    const typeFor = async (accept: string): Promise<string | null> => {
      const leave = new AbortController();
      const answer = await fetch(`${server.url}/events`, { headers: { accept }, signal: leave.signal });
      leave.abort();
      return answer.headers.get("content-type");
    };
    expect(await typeFor("*/*")).toStartWith("text/event-stream");
    expect(await typeFor("application/json")).toStartWith("application/json");
  });

  test("resumes at every cut without gap or duplicate, live ones included", async () => {
    start(systemClock());
    await server.daemon.happen("stack/demo", 20);
    const all = await take("/events", 20);
    expect(seqsOf(all)).toEqual(upTo(1, 20));
    expect(all[0]?.event).toBe("hello");
    let head = 20;
    for (const [cut, id] of idsOf(all).entries()) {
      const rest = take("/events", head - cut, id);
      await server.daemon.happen("stack/demo", 1);
      head += 1;
      expect(seqsOf(await rest)).toEqual(upTo(cut + 2, head));
    }
  });

  test("answers with the headers streams need, retry once, and no id on hello", async () => {
    start(systemClock());
    const response = await open("/events");
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(response.headers.get("cache-control")).toBe("no-cache, no-transform");
    expect(response.headers.get("x-accel-buffering")).toBe("no");
    expect(await chunks(response).next()).toBe('retry: 2000\n\nevent: hello\ndata: {"topics":[],"last_seq":0,"from":"0-0"}\n\n');
  });

  test("keeps to its topics, by the journal's own numbers", async () => {
    start(systemClock());
    await server.daemon.happen("stack/demo", 2);
    await server.daemon.happen("stack/demo2", 2);
    await server.daemon.happen("run/x", 1);
    await server.daemon.happen("stack/demo", 1);
    expect(seqsOf(await take("/events?topic=stack/demo", 3))).toEqual([1, 2, 6]);
    expect(seqsOf(await take("/events?topic=stack/*", 5))).toEqual([1, 2, 3, 4, 6]);
    expect(seqsOf(await take("/events?topic=run/x,stack/demo2", 3))).toEqual([3, 4, 5]);
    expect(seqsOf(await take("/events?topic=stack/demo&replay=2", 2))).toEqual([2, 6]);
    const [first] = idsOf(await take("/events?topic=run/x,stack/demo,run/x", 1));
    expect(seqsOf(await take("/events?topic=run/x,stack/demo", 3, first))).toEqual([2, 5, 6]);
  });

  test("replays the last N, and none for 0", async () => {
    start(systemClock());
    await server.daemon.happen("stack/demo", 10);
    expect(seqsOf(await take("/events?replay=3", 3))).toEqual([8, 9, 10]);
    const live = readSse(await open("/events?replay=0"));
    expect(JSON.parse((await live.next()).value?.data ?? "")).toMatchObject({ last_seq: 10 });
    await server.daemon.happen("stack/demo", 1);
    expect((await live.next()).value?.id).toEndWith("-11");
    await live.return(undefined);
  });

  test("takes a time for a cursor: everything after it", async () => {
    const clock = new FakeClock();
    start(clock);
    await server.daemon.happen("stack/demo", 2);
    const between = clock.now();
    await clock.advance(10);
    await server.daemon.happen("stack/demo", 2);
    expect(seqsOf(await take("/events", 2, String(between)))).toEqual([3, 4]);
    expect(seqsOf(await take("/events", 2, new Date(between).toISOString()))).toEqual([3, 4]);
  });

  test("says gap and shows the state when retention took what was asked for", async () => {
    start(systemClock());
    await server.daemon.happen("stack/demo", 10);
    const [first] = idsOf(await take("/events", 1));
    await server.daemon.journal.trim({ keepPerTopic: 3, batch: 100 });
    const messages = await take("/events", 3, first);
    expect(messages.map(({ event }) => event).slice(0, 3)).toEqual(["hello", "gap", "snapshot"]);
    expect(JSON.parse(messages[1]?.data ?? "")).toEqual({ requested: 1, first_available: 8 });
    expect(seqsOf(messages)).toEqual([8, 9, 10]);
  });

  test("says reset for an id of the future and for one of another history", async () => {
    start(systemClock());
    await server.daemon.happen("stack/demo", 2);
    for (const foreign of ["1767225600000-99", "1-2"]) {
      const messages = await take("/events", 2, foreign);
      expect(messages.map(({ event }) => event).slice(0, 2)).toEqual(["hello", "reset"]);
      expect(seqsOf(messages)).toEqual([1, 2]);
    }
  });

  test("lists pages, newest first, when asked for JSON", async () => {
    start(systemClock());
    await server.daemon.happen("stack/demo", 5);
    await server.daemon.happen("stack/other", 3);
    const seqs: number[] = [];
    let next = "/events?topic=stack/demo&limit=2";
    for (let pages = 0; next && pages < 5; pages++) {
      const response = await fetch(`${server.url}${next}`);
      const { events } = (await response.json()) as { events: { seq: number }[] };
      seqs.push(...events.map(({ seq }) => seq));
      next = /<(.*)>; rel="next"/.exec(response.headers.get("link") ?? "")?.[1] ?? "";
    }
    expect(seqs).toEqual([5, 4, 3, 2, 1]);
    const { next_cursor: cursor } = (await (await fetch(`${server.url}/events?limit=1`)).json()) as { next_cursor: string };
    expect((await fetch(`${server.url}/events?limit=1&topic=stack/demo&cursor=${cursor}`)).status).toBe(400);
  });
});

describe("a run's stream", () => {
  test("ends with the run; who has seen the end gets 204", async () => {
    start(systemClock());
    server.daemon.outcome = undefined;
    const run = await server.daemon.begin("apply", "demo");
    const watching = take(`/runs/${run.id}/events`, 10);
    await server.daemon.finish(run.id, { status: "completed" });
    const messages = await watching;
    expect(messages.map(({ event }) => event)).toEqual(["hello", "status", "status", "end"]);
    expect(seqsOf(messages)).toEqual([1, 2]);
    const statuses = messages.map(({ data }) => (JSON.parse(data) as { status: string }).status);
    expect(statuses.slice(1)).toEqual(["running", "completed", "completed"]);
    expect(JSON.parse(messages.at(-1)?.data ?? "")).toEqual({ runId: run.id, status: "completed" });
    const [first, last] = idsOf(messages);
    expect((await open(`/runs/${run.id}/events`, last)).status).toBe(204);
    expect((await take(`/runs/${run.id}/events`, 10, first)).map(({ event }) => event)).toEqual(["hello", "status", "end"]);
    expect((await take(`/runs/${run.id}/events`, 10)).map(({ event }) => event)).toEqual(["hello", "status", "status", "end"]);
  });

  test("of an unknown run is 404", async () => {
    start(systemClock());
    expect((await open("/runs/00000000-0000-7000-8000-000000000000/events")).status).toBe(404);
  });
});

describe("open streams", () => {
  test("breathe every 15 s", async () => {
    const clock = new FakeClock();
    start(clock);
    const text = chunks(await open("/events"));
    expect(await text.next()).toStartWith("retry: 2000");
    await clock.advance(15_000);
    expect(await text.next()).toBe(": keep-alive\n\n");
    await clock.advance(15_000);
    expect(await text.next()).toBe(": keep-alive\n\n");
    await text.cancel();
  });

  test("are cut when the reader stops reading, with little memory held, and counted by reason", async () => {
    start(systemClock());
    const closed = Promise.withResolvers<void>();
    const socket = connect(Number(new URL(server.url).port), "127.0.0.1", () => {
      socket.write("GET /events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n");
    });
    socket
      .once("data", () => socket.pause())
      .on("error", () => undefined)
      .on("close", () => closed.resolve());
    const text = "x".repeat(100_000);
    while (!(await metric('orco_sse_disconnects_total{reason="slow"} 1'))) {
      await server.daemon.journal.append(Array.from({ length: 10 }, () => ({ topic: "stack/demo", type: "noise", data: { text } })));
    }
    expect(server.daemon.journal.head()).toBeLessThan(300);
    expect(await metric("orco_sse_connections 0")).toBe(true);
    socket.resume();
    await closed.promise;
  });

  test("end with the server, and clients that leave are noticed", async () => {
    start(systemClock());
    const leaving = await open("/events");
    await leaving.body?.cancel();
    while (!(await metric('orco_sse_disconnects_total{reason="client"} 1'))) continue;
    const staying = readSse(await open("/events"));
    expect((await staying.next()).value).toMatchObject({ event: "hello" });
    await server.close();
    expect((await staying.next()).done).toBe(true);
  });
});

async function metric(line: string): Promise<boolean> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return text.includes(`${line}\n`);
}
