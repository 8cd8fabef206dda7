import { afterEach, describe, expect, test } from "bun:test";
import { Client } from "../client/client.ts";
import { FakeClock, systemClock } from "../kernel/clock.ts";
import { type ErrorCode, ERROR_CODES, OrcoError } from "../kernel/errors.ts";
import { startTestServer, type TestServer } from "./daemon.fake.ts";
import { statusOf } from "./problem.ts";

const BODY = { source: "version: 0.1", workdir: "/srv", env: { A: "1" } };
let server: TestServer;
const start: typeof startTestServer = (...options) => (server = startTestServer(...options));
afterEach(() => server.dispose());

const overSocket = () => new Client({ socket: server.socket });

async function errorFrom(promise: Promise<unknown>): Promise<OrcoError> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof OrcoError) return error;
  throw new Error(`expected an OrcoError, got ${String(error)}`);
}

describe("a change", () => {
  test("is admitted at once, and waited for by its run", async () => {
    start(systemClock());
    server.daemon.outcome = undefined;
    const client = overSocket();
    const run = await client.putStack("demo", BODY);
    expect(run.status).toBe("running");
    expect(server.daemon.puts).toEqual([{ name: "demo", body: BODY }]);
    const types: string[] = [];
    const ended = client.waitRun(run.id, {
      onEvent: ({ type }) => {
        types.push(type);
        if (type === "run.running")
          void server.daemon.finish(run.id, { status: "failed", error: { code: "blocked", message: "db not Ready" } });
      },
    });
    expect(await ended).toMatchObject({ status: "failed", error: { code: "blocked" } });
    expect(types).toEqual(["run.running", "run.failed"]);
  });

  test("is waited for across a restart of the listeners", async () => {
    start(systemClock());
    server.daemon.outcome = undefined;
    const client = overSocket();
    const { id } = await client.act({ stack: "demo", service: "api", action: "scale", replicas: 3 }, { queue: true });
    expect(server.daemon.acts).toEqual([{ stack: "demo", service: "api", action: "scale", queue: true, replicas: 3 }]);
    const types: string[] = [];
    const seen = Promise.withResolvers<void>();
    const ended = client.waitRun(id, { onEvent: ({ type }) => (types.push(type), seen.resolve()) });
    await seen.promise;
    await server.restart();
    await server.daemon.finish(id, { status: "completed" });
    expect((await ended).status).toBe("completed");
    expect(types).toEqual(["run.running", "run.completed"]);
  });

  test("without Prefer answers with the ended run, or with its failure as a problem", async () => {
    start(systemClock());
    const put = () =>
      fetch("http://localhost/stacks/demo", {
        method: "PUT",
        unix: server.socket,
        body: JSON.stringify(BODY),
        headers: { "content-type": "application/json" },
      });
    expect(await (await put()).json()).toMatchObject({ status: "completed", stack: "demo" });
    server.daemon.outcome = { status: "failed", error: { code: "port_in_use", message: "8080 is held by pid 7", pid: 7 } };
    const failed = await put();
    expect(failed.status).toBe(409);
    expect(await failed.json()).toMatchObject({ code: "port_in_use", detail: "8080 is held by pid 7", pid: 7, run: expect.any(String) });
  });

  test("with Prefer: respond-async is 202 with the run's address", async () => {
    start(systemClock());
    const response = await fetch("http://localhost/stacks/demo", {
      method: "DELETE",
      unix: server.socket,
      headers: { prefer: "respond-async, wait=1" },
    });
    expect([response.status, response.headers.get("preference-applied")]).toEqual([202, "respond-async"]);
    const { id } = (await response.json()) as { id: string };
    expect(response.headers.get("location")).toBe(`/runs/${id}`);
  });

  test("as a plan changes nothing", async () => {
    start(systemClock());
    expect(await overSocket().plan("demo", BODY)).toMatchObject({ stack: "demo", changes: 0 });
    expect(server.daemon.puts).toEqual([]);
  });
});

describe("errors", () => {
  test("arrive as they were thrown, with code, message and facts", async () => {
    start(systemClock());
    const diagnostics = [
      {
        severity: "error",
        file: "stack.yaml",
        line: 3,
        column: 5,
        path: "services.api",
        message: "unknown key",
        hint: "did you mean ports?",
      },
    ];
    for (const code of ERROR_CODES) {
      server.daemon.stacks.put = () => Promise.reject(new OrcoError(code, `it is ${code}`, { diagnostics, stack: "demo" }));
      const error = await errorFrom(overSocket().putStack("demo", BODY));
      expect([error.code, error.message]).toEqual([code, `it is ${code}`]);
      expect(error.facts).toMatchObject({ diagnostics, stack: "demo", status: statusOf(code satisfies ErrorCode) });
    }
  });

  test("that are bugs show nothing of their inside", async () => {
    start(systemClock());
    server.daemon.stacks.get = () => {
      throw new TypeError("secret detail");
    };
    const error = await errorFrom(overSocket().stack("demo"));
    expect(error.code).toBe("internal");
    expect(error.message).not.toContain("secret");
  });

  test("of a daemon that is not there, or does not answer, are unreachable", async () => {
    start(systemClock());
    expect((await errorFrom(new Client({ socket: `${server.socket}.none` }).stacks())).code).toBe("unreachable");
    expect((await errorFrom(new Client({ url: "http://127.0.0.1:1" }).stacks())).code).toBe("unreachable");
    const clock = new FakeClock();
    const asked = Promise.withResolvers<void>();
    const hung = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => (asked.resolve(), new Promise<Response>(() => undefined)) });
    const error = errorFrom(new Client({ url: hung.url.href }, clock).health());
    await asked.promise;
    await clock.advance(10_000);
    expect(await error).toMatchObject({ code: "unreachable", message: "the daemon gave no answer within 10 s" });
    await hung.stop(true);
  });

  test("of a stranger on the port are unavailable", async () => {
    start(systemClock());
    const stranger = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("<html>", { status: 502 }) });
    expect(await errorFrom(new Client({ url: stranger.url.href }).stacks())).toMatchObject({ code: "unavailable" });
    await stranger.stop(true);
  });
});

describe("what is read", () => {
  test("over TCP with a key, as over the socket", async () => {
    const apiKey = "correct-horse-battery-staple";
    start(systemClock(), { apiKey });
    const client = new Client({ url: server.url, apiKey });
    expect(await client.stacks()).toEqual([{ stack: "demo", services: 1, ready: 1, desired: "up" }]);
    expect(await client.stack("demo")).toEqual({ stack: "demo", services: [] });
    expect(await client.graph("demo")).toEqual({ nodes: [{ service: "demo", layer: 0 }], edges: [] });
    expect(await client.version()).toMatchObject({ service: "orco", version: "0.0.0-test" });
    expect(await client.ready()).toMatchObject({ ok: true });
    expect(await client.config()).toHaveProperty("bind");
    expect((await errorFrom(new Client({ url: server.url }).stacks())).code).toBe("unauthorized");
  });

  test("runs in pages", async () => {
    start(systemClock());
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) ids.unshift((await server.daemon.begin("apply", "demo")).id);
    const client = overSocket();
    const seen: string[] = [];
    for (let cursor: string | undefined = ""; cursor !== undefined;) {
      const page = await client.runs({ limit: 2, ...(cursor !== "" && { cursor }) });
      seen.push(...page.runs.map(({ id }) => id));
      cursor = page.next_cursor;
    }
    expect(seen).toEqual(ids);
    expect((await client.cancelRun(ids[0] ?? "")).status).toBe("canceled");
  });
});

describe("followed across restarts of the listeners", () => {
  test("events come once each, in order, also to a reader that began live", async () => {
    start(systemClock());
    await server.daemon.happen("stack/demo", 3);
    const leave = new AbortController();
    const ready = Promise.withResolvers<void>();
    const seqs: number[] = [];
    const done = (async () => {
      const follow = { topic: "stack/demo", replay: 0, signal: leave.signal, onNotice: () => ready.resolve() };
      for await (const { seq } of overSocket().events(follow)) if (seqs.push(seq) === 40) leave.abort();
    })();
    await ready.promise;
    for (let restarts = 0; restarts < 4; restarts++) {
      await server.daemon.happen("stack/demo", 4);
      await server.daemon.happen("stack/other", 1);
      await server.restart();
      await server.daemon.happen("stack/demo", 6);
    }
    await done;
    expect(seqs).toHaveLength(40);
    expect(new Set(seqs).size).toBe(40);
    expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
    expect(seqs[0]).toBe(4);
  });

  test("an event of a run has its own type beside those of other topics", async () => {
    start(systemClock());
    server.daemon.outcome = undefined;
    const client = overSocket();
    const { id } = await client.putStack("demo", BODY);
    const leave = new AbortController();
    const types: string[] = [];
    const done = (async () => {
      for await (const { type } of client.events({ topic: `stack/demo,run/${id}`, signal: leave.signal })) {
        types.push(type);
        if (type === "run.running") void server.daemon.finish(id, { status: "completed" });
        if (type === "run.completed") leave.abort();
      }
    })();
    await done;
    expect(types.slice(-2)).toEqual(["run.running", "run.completed"]);
  });

  test("log lines come once each, by their service", async () => {
    start(systemClock());
    const leave = new AbortController();
    const lines: string[] = [];
    for (let n = 1; n <= 5; n++) server.daemon.log("api", `${n}`);
    const more = Promise.withResolvers<void>();
    const done = (async () => {
      for await (const { service, seq } of overSocket().logs("demo", { query: { follow: true }, signal: leave.signal })) {
        if (lines.push(`${service}:${seq}`) === 5) more.resolve();
        if (lines.length === 12) leave.abort();
      }
    })();
    await more.promise;
    for (let n = 0; n < 2; n++) server.daemon.log("db", "x");
    await server.restart();
    for (let n = 0; n < 5; n++) server.daemon.log(n % 2 ? "db" : "api", "y");
    await done;
    expect(lines.toSorted()).toEqual([
      "api:1",
      "api:2",
      "api:3",
      "api:4",
      "api:5",
      "api:6",
      "api:7",
      "api:8",
      "db:1",
      "db:2",
      "db:3",
      "db:4",
    ]);
  });

  test("a daemon that stays away is unreachable in the end", async () => {
    const clock = new FakeClock();
    start(systemClock());
    const hello = Promise.withResolvers<void>();
    const ended = errorFrom(
      (async () => {
        for await (const _ of new Client({ socket: server.socket }, clock).events({ onNotice: () => hello.resolve() })) continue;
      })(),
    );
    await hello.promise;
    await server.close();
    let away = true;
    void ended.finally(() => (away = false));
    const stillAway = () => away;
    while (stillAway()) {
      await clock.advance(1000);
      expect((await errorFrom(overSocket().health())).code).toBe("unreachable");
    }
    expect((await ended).code).toBe("unreachable");
  });
});

describe("logs over HTTP", () => {
  test("are NDJSON, or frames whose id names every service", async () => {
    start(systemClock());
    server.daemon.log("api", "one\r\nid: 9");
    server.daemon.log("db", "two");
    const ndjson = await fetch(`${server.url}/stacks/demo/logs`);
    expect(ndjson.headers.get("content-type")).toContain("application/x-ndjson");
    expect((await ndjson.text()).trim().split("\n")).toHaveLength(2);
    const sse = async (id?: string) =>
      (
        await fetch(`${server.url}/stacks/demo/logs`, {
          headers: { accept: "text/event-stream", ...(id !== undefined && { "last-event-id": id }) },
        })
      ).text();
    const text = await sse();
    const ids = [...text.matchAll(/^id: (.*)$/gm)].map(([, id]) => id ?? "");
    expect(ids.map((id) => id.replace(/^\d+-/, ""))).toEqual(["api:1", "api:1,db:1"]);
    expect(await sse(ids[1])).not.toContain("event: log");
    expect((await fetch(`${server.url}/stacks/nope/logs`)).status).toBe(404);
    for (const query of ["since=noon", "tail=-1", "level=loud", "after=api", "services=A"]) {
      expect(`${query} ${(await fetch(`${server.url}/stacks/demo/logs?${query}`)).status}`).toBe(`${query} 400`);
    }
  });
});
