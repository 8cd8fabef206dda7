import { afterAll, expect, test } from "bun:test";
import { type Fields, runsRig } from "./runs-rig.ts";

interface Got {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly body: string;
}

const got: Got[] = [];
let flaky = 0;
const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  async fetch(request) {
    const { pathname, search } = new URL(request.url);
    got.push({ method: request.method, path: pathname + search, headers: request.headers, body: await request.text() });
    if (pathname === "/json") return Response.json({ list: [{ id: 7 }] }, { headers: { "x-mine": "yes" } });
    if (pathname === "/bad") return Response.json({ why: "no" }, { status: 422 });
    if (pathname === "/flaky") return new Response(`${++flaky}`, { status: flaky < 3 ? 503 : 200 });
    if (pathname === "/big") return new Response("x".repeat(200_000));
    if (pathname === "/big-json") return Response.json({ x: "y".repeat(100_000) });
    if (pathname === "/jump") return new Response(null, { status: 302, headers: { location: "/json" } });
    if (pathname === "/slow") await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
    return new Response("plain");
  },
});
afterAll(() => server.stop(true));
const rig = runsRig();
const at = (path: string): string => `http://127.0.0.1:${server.port}${path}`;

function request(id: string, http: Fields, more: Fields = {}): Fields {
  return { id, http, ...more };
}

test("a request is filled in from input and outputs, and its answer is the step's outputs", async () => {
  const { run, step } = await rig.through(
    [
      request("first", { url: at("/json?q=${input.q}") }),
      request(
        "second",
        {
          method: "POST",
          url: at("/post/${steps.first.outputs.body.list[0].id}"),
          headers: { "X-Key": "k ${steps.first.outputs.status}" },
          body: { whole: "${steps.first.outputs.body.list}", text: "a ${input.q}", run: "${run.id}" },
        },
        { needs: ["first"] },
      ),
      request("third", { method: "PUT", url: at("/text"), body: "as it is ${input.q}" }),
      request("fourth", { method: "DELETE", url: at("/gone") }),
    ],
    { input: { q: "x1" } },
  );
  expect(run.status).toBe("completed");
  expect(step("first").outputs).toMatchObject({ status: 200, body: { list: [{ id: 7 }] } });
  expect(step("first").outputs).toMatchObject({ headers: { "x-mine": "yes" } });
  expect(step("third").outputs?.["body"]).toBe("plain");
  const second = got.find(({ method }) => method === "POST");
  expect(second?.path).toBe("/post/7");
  expect(second?.headers.get("x-key")).toBe("k 200");
  expect(second?.headers.get("content-type")).toContain("application/json");
  expect(JSON.parse(second?.body ?? "")).toEqual({ whole: [{ id: 7 }], text: "a x1", run: run.id });
  expect(got.find(({ method }) => method === "PUT")?.body).toBe("as it is x1");
  expect(got.find(({ path }) => path.startsWith("/json"))?.path).toBe("/json?q=x1");
});

test("what is not 2xx fails it, with the answer to look at; retries may mend it", async () => {
  const { run, step } = await rig.through([
    request("bad", { url: at("/bad") }),
    request("flaky", { url: at("/flaky") }, { retry: { max: 3, backoff: { min_ms: 1 } } }),
    request("refused", { url: "http://127.0.0.1:1/" }),
    request("slow", { url: at("/slow") }, { timeout_ms: 150 }),
  ]);
  expect(run.status).toBe("failed");
  expect([step("bad").status, step("bad").error]).toMatchObject(["failed", { code: "http_status", status: 422, body: '{"why":"no"}' }]);
  // A step that cleans up may look at what was answered.
  expect(step("bad").outputs).toMatchObject({ status: 422, body: { why: "no" } });
  expect(step("bad").error?.message).toContain("422");
  expect([step("flaky").status, step("flaky").attempt]).toEqual(["completed", 3]);
  expect(step("refused").error?.message).toContain("127.0.0.1:1");
  expect(step("slow").error?.code).toBe("timeout");
});

test("a body has 64 KiB at most, and what was cut says so", async () => {
  const { run, step } = await rig.through([request("big", { url: at("/big") }), request("json", { url: at("/big-json") })]);
  const { body } = step("big").outputs ?? {};
  expect(typeof body).toBe("string");
  expect(String(body).length).toBeLessThanOrEqual(64 * 1024);
  expect(String(body).length).toBeGreaterThan(63 * 1024);
  expect(typeof step("json").outputs?.["body"]).toBe("string");
  expect(run.status).toBe("completed");
});

test("a redirect is no 2xx: nobody is sent elsewhere", async () => {
  const before = got.length;
  const { step } = await rig.through([request("jump", { url: at("/jump") })]);
  expect([step("jump").status, step("jump").error]).toMatchObject(["failed", { status: 302, location: "/json" }]);
  expect(got.slice(before).map(({ path }) => path)).toEqual(["/jump"]);
});

test("what comes from elsewhere cannot change what is asked", async () => {
  const { step } = await rig.through(
    [request("crlf", { url: at("/x"), headers: { "X-In": "${input.evil}" } }), request("file", { url: "${input.file}" })],
    {
      input: { evil: "a\r\nX-Injected: 1", file: "file:///etc/passwd" },
    },
  );
  expect([step("crlf").status, step("file").status]).toEqual(["failed", "failed"]);
  expect(got.some(({ headers }) => headers.has("x-injected"))).toBe(false);
});

test("a cancel breaks a request off", async () => {
  const id = await rig.plan([request("slow", { url: at("/slow") })]);
  await rig.stepWhen(id, "slow", "running");
  const began = performance.now();
  expect((await rig.delete(`/runs/${id}`)).body["status"]).toBe("canceled");
  // It is never answered.
  expect(performance.now() - began).toBeLessThan(10_000);
});
