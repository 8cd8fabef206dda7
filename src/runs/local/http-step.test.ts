import { afterAll, describe, expect, test } from "bun:test";
import { createServer, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import type { HttpStep, PlanStep } from "../plan.ts";
import type { StepExecution } from "../ports.ts";
import { httpSteps } from "./http-step.ts";
import { Heard } from "./rig.suite.ts";

interface Seen {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

const seen: Seen[] = [];
const hanging = Promise.withResolvers<Response>();
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  idleTimeout: 0,
  async fetch(request) {
    seen.push({ method: request.method, headers: Object.fromEntries(request.headers), body: await request.text() });
    return answers[new URL(request.url).pathname]?.() ?? new Response("no such page", { status: 404 });
  },
});
const answers: Record<string, () => Response | Promise<Response>> = {
  "/json": () => Response.json({ list: [1, 2] }, { headers: { "x-own": "1" } }),
  "/text": () => new Response("plain"),
  "/empty": () => new Response(null, { status: 204 }),
  "/broken": () => new Response("{", { headers: { "content-type": "application/json" } }),
  "/latin": () => new Response(new Uint8Array([0xe4]), { headers: { "content-type": "text/plain; charset=iso-8859-1" } }),
  "/cookies": () =>
    new Response("", {
      headers: [
        ["set-cookie", "a=1"],
        ["set-cookie", "b=2"],
      ] as never,
    }),
  "/large": () => new Response("x".repeat(200_000)),
  "/bomb": () => new Response(gzipSync(Buffer.alloc(50_000_000)), { headers: { "content-encoding": "gzip" } }),
  "/down": () => new Response("try\nlater", { status: 503 }),
  "/moved": () => new Response(null, { status: 302, headers: { location: "/text" } }),
  "/hang": () => hanging.promise,
  "/endless": () => new Response(new ReadableStream({ start: (controller) => controller.enqueue(Buffer.from("begun")) })),
};
afterAll(() => {
  hanging.resolve(new Response());
  return server.stop(true);
});

const start = httpSteps();

function step(http: Partial<HttpStep> & { path?: string }, over: Partial<PlanStep> = {}): StepExecution {
  const { path = "/json", ...given } = http;
  const retry = { max: 0, backoff: { min_ms: 1000, max_ms: 60_000, factor: 2 } };
  const full: HttpStep = { method: "GET", url: `http://127.0.0.1:${server.port}${path}`, headers: {}, ...given };
  const spec: PlanStep = { id: "call", needs: [], when: "success", http: full, env: {}, grace_ms: 5000, retry, ...over };
  return { run: "run-1", step: "call[2]", spec, attempt: 3, input: {}, execution: "x", consumed: 0, traceparent: "00-ab-cd-01" };
}

async function end(http: Parameters<typeof step>[0], heard = new Heard()) {
  return (await start(step(http), heard)).ended;
}

describe("a request", () => {
  test("says for which run it is, with one key for all executions of the step", async () => {
    expect(await end({ method: "post", body: { a: [1] }, headers: { "X-Mine": "yes", "user-agent": "mine" } })).toMatchObject({
      kind: "completed",
    });
    expect(seen.at(-1)).toMatchObject({
      method: "POST",
      body: '{"a":[1]}',
      headers: {
        "content-type": "application/json",
        "x-orco-run-id": "run-1",
        "idempotency-key": "run-1/call[2]",
        traceparent: "00-ab-cd-01",
        "x-mine": "yes",
        "user-agent": "mine",
      },
    });
  });

  test("sends a string as it is, and leaves the plan's headers alone", async () => {
    await end({ method: "PUT", body: "a=1", headers: { "content-type": "application/x-www-form-urlencoded", "Idempotency-Key": "own" } });
    const headers = { "content-type": "application/x-www-form-urlencoded", "idempotency-key": "own" };
    expect(seen.at(-1)).toMatchObject({ method: "PUT", body: "a=1", headers });
  });

  test("that cannot be made has failed for good", async () => {
    const bad: Parameters<typeof step>[0][] = [
      { method: "BREW" },
      { method: "TRACE" },
      { url: "file:///etc/passwd" },
      { url: "s3://bucket/key" },
      { url: "nowhere" },
      { method: "GET", body: "x" },
      { headers: { "a b": "c" } },
      { headers: { a: "b\r\nc: d" } },
    ];
    for (const http of bad) expect(await end(http)).toMatchObject({ kind: "failed", final: true, error: { code: "invalid" } });
  });
});

describe("an answer", () => {
  test.each([
    ["/json", { list: [1, 2] }],
    ["/text", "plain"],
    ["/empty", ""],
    ["/broken", "{"],
    ["/latin", "ä"],
  ] as const)("of %s is kept as it was meant", async (path, body) => {
    expect(await end({ path })).toMatchObject({ kind: "completed", outputs: { status: path === "/empty" ? 204 : 200, body } });
  });

  test("has its headers; of several cookies a list", async () => {
    expect(await end({ path: "/json" })).toMatchObject({ outputs: { headers: { "x-own": "1" } } });
    expect(await end({ path: "/cookies" })).toMatchObject({ outputs: { headers: { "set-cookie": ["a=1", "b=2"] } } });
  });

  test("is kept up to 64 KiB, however it was packed, and says so", async () => {
    for (const path of ["/large", "/bomb"]) {
      const heard = new Heard();
      const ended = await end({ path }, heard);
      expect(ended).toMatchObject({
        kind: "completed",
        outputs: { truncated: true, body: (path === "/large" ? "x" : "\0").repeat(65_536) },
      });
      expect(heard.messages("orco")[0]).toContain("only the first 64 KiB");
    }
  });

  test("other than 2xx has failed, and may be asked for again; redirects are not followed", async () => {
    const down = await end({ path: "/down?key=secret" });
    expect(down).toEqual({
      kind: "failed",
      error: {
        code: "http_status",
        message: `GET http://127.0.0.1:${server.port}/down answered 503 Service Unavailable: try later`,
        facts: { status: 503, body: "try later" },
      },
    });
    expect(await end({ path: "/moved" })).toMatchObject({ error: { facts: { status: 302, location: "/text" } } });
  });
});

describe("a server", () => {
  test("that does not listen may be asked again", async () => {
    const gone = createServer().listen(0, "127.0.0.1");
    const { port } = gone.address() as { port: number };
    await new Promise((done) => gone.close(done));
    const ended = await end({ url: `http://127.0.0.1:${port}/` });
    expect(ended).toMatchObject({ kind: "failed", error: { code: "http_failed", facts: { errno: "ECONNREFUSED" } } });
    expect(ended).not.toHaveProperty("final");
  });

  test("that hangs is left when the step is stopped: in the head, in the body, in the queue", async () => {
    const one = httpSteps({ maxAtOnce: 1 });
    const head = await one(step({ path: "/hang" }), new Heard());
    const queued = await one(step({ path: "/json" }), new Heard());
    const late = await one(step({ path: "/endless" }, { timeout_ms: 1500 }), new Heard());
    queued.stop("cancel", 0);
    expect(await queued.ended).toEqual({ kind: "canceled" });
    head.stop("cancel", 0);
    expect(await head.ended).toEqual({ kind: "canceled" });
    late.stop("timeout", 0);
    expect(await late.ended).toMatchObject({ kind: "failed", error: { code: "timeout", message: expect.stringContaining("1.5s") } });
    expect(await (await one(step({ path: "/text" }), new Heard())).ended).toMatchObject({ kind: "completed" });
  });

  test("that closes a kept connection as it is used again is asked once more, unless that might do something twice", async () => {
    const asked: string[] = [];
    const once = createServer((socket: Socket) => {
      let answered = false;
      socket.on("error", () => undefined);
      socket.on("data", (data) => {
        if (answered) return socket.destroy();
        answered = true;
        asked.push(data.toString().split(" ")[0] ?? "");
        return socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
      });
    }).listen(0, "127.0.0.1");
    const url = `http://127.0.0.1:${(once.address() as { port: number }).port}/`;
    for (const method of ["GET", "POST", "GET", "GET", "POST"]) expect(await end({ url, method })).toMatchObject({ kind: "completed" });
    expect(asked).toEqual(["GET", "POST", "GET", "GET", "POST"]);
    once.close();
  });
});
