import { afterEach, expect, test } from "bun:test";
import { until } from "../../test/until.ts";
import { Client } from "../client/client.ts";
import { systemClock } from "../kernel/clock.ts";
import { startTestServer, type TestServer } from "./daemon.fake.ts";

const KEY = "correct-horse-battery-staple";
const PATH = "/stacks/demo/services/api/exec";
let server: TestServer;
afterEach(() => server.dispose());

function ask(path: string, init: Omit<RequestInit, "headers"> & { headers?: Record<string, string> } = {}): Promise<Response> {
  const headers = { authorization: `Bearer ${KEY}`, "content-type": "application/json", ...init.headers };
  return fetch(`${server.url}${path}`, { method: "POST", ...init, headers });
}

const start = (command: readonly string[], more: object = {}): Promise<Response> =>
  ask(PATH, { body: JSON.stringify({ command, ...more }) });

test("the client carries input in and output out, over TCP and the socket", async () => {
  server = startTestServer(systemClock(), { apiKey: KEY });
  for (const target of [{ socket: server.socket }, { url: server.url, apiKey: KEY }]) {
    const connection = await new Client(target).exec(
      { stack: "demo", service: "api" },
      { command: ["sh", "-c", "cat; exit 3"] },
      new AbortController().signal,
    );
    const feeding = (async () => {
      const taken = [await connection.write(Buffer.from("one ")), await connection.write(Buffer.alloc(3_000_000, "x"))];
      await connection.end();
      return taken;
    })();
    const output = connection.output();
    let text = "";
    let step = await output.next();
    for (; !step.done; step = await output.next()) text += Buffer.from(step.value.data).toString();
    expect([text.length, text.slice(0, 5)]).toEqual([3_000_004, "one x"]);
    expect(step.value).toEqual({ code: 3 });
    expect(await feeding).toEqual([true, true]);
    expect(await connection.write(Buffer.from("late"))).toBe(false);
  }
});

test("typing is not counted, beginning is", async () => {
  server = startTestServer(systemClock(), { apiKey: KEY, rateLimit: { windowMs: 60_000, max: 3 } });
  const connection = await new Client({ url: server.url, apiKey: KEY }).exec(
    { stack: "demo", service: "api" },
    { command: ["cat"] },
    new AbortController().signal,
  );
  for (let key = 0; key < 10; key++) expect(await connection.write(Buffer.from("k"))).toBe(true);
  const other = `${PATH}/not-there/input?offset=0`;
  expect([(await ask(other)).status, (await ask(other)).status, (await ask(other)).status]).toEqual([404, 404, 429]);
  await connection.end();
});

test("input that is sent twice is taken once, and a gap is refused", async () => {
  server = startTestServer(systemClock(), { apiKey: KEY });
  const response = await start(["cat"]);
  const reader = response.body?.getReader();
  const first = Buffer.from((await reader?.read())?.value ?? []);
  const { id } = JSON.parse(first.subarray(8).toString()) as { id: string };
  const send = (bytes: string, offset: number, more = "", path = PATH): Promise<Response> =>
    ask(`${path}/${id}/input?offset=${offset}${more}`, { body: bytes, headers: { "content-type": "application/octet-stream" } });
  expect(await (await send("abc", 0)).json()).toEqual({ ok: true });
  expect(await (await send("abcd", 0)).json()).toEqual({ ok: true });
  expect(await (await send("z", 9)).json()).toMatchObject({ status: 409, taken: 4 });
  expect((await send("z", 4, "", PATH.replace("api", "db"))).status).toBe(404);
  // What is on record opens nothing.
  expect((await ask(`${PATH}/${server.daemon.executed[0]?.id}/input?offset=4`)).status).toBe(404);
  expect((await send("", 4, "&end=true")).status).toBe(200);
  let text = "";
  for (let step = await reader?.read(); step && !step.done; step = await reader?.read()) text += Buffer.from(step.value).toString("latin1");
  expect(text.replaceAll(/[^a-z]/g, "")).toContain("abcd");
  expect(text).toContain('{"exit":{"code":0}}');
});

test("a client that leaves ends it", async () => {
  server = startTestServer(systemClock(), { apiKey: KEY });
  const leaving = new AbortController();
  await ask(PATH, { body: JSON.stringify({ command: ["sleep", "1000"] }), signal: leaving.signal });
  const [started] = server.daemon.executed;
  leaving.abort();
  expect(await started?.exec.exited).toEqual({ code: 137, signal: "SIGKILL" });
});

test("a client that leaves before it has begun ends it", async () => {
  server = startTestServer(systemClock(), { apiKey: KEY });
  const { execs } = server.daemon;
  const begin = execs.start;
  const [asked, left] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  // As docker, which takes its time.
  Object.assign(execs, {
    start: async (...args: Parameters<typeof begin>) => {
      asked.resolve();
      await left.promise;
      return begin(...args);
    },
  });
  const leaving = new AbortController();
  const asking = ask(PATH, { body: JSON.stringify({ command: ["sleep", "1000"] }), signal: leaving.signal }).catch(() => undefined);
  await asked.promise;
  leaving.abort();
  await asking;
  // The server has seen it go when it answers who comes later.
  for (let turn = 0; turn < 3; turn++) await fetch(`${server.url}/health`);
  left.resolve();
  const sleeper = await until("the command", () => server.daemon.executed[0]);
  expect(await sleeper.exec.exited).toEqual({ code: 137, signal: "SIGKILL" });
});

test("what is wrong is refused before anything runs", async () => {
  server = startTestServer(systemClock(), { apiKey: KEY });
  const cases: [Promise<Response>, number][] = [
    [fetch(`${server.url}${PATH}`, { method: "POST", body: "{}", headers: { "content-type": "application/json" } }), 401],
    [ask(PATH, { body: '{"command":["true"]}', headers: { origin: "https://evil.example" } }), 403],
    [ask(PATH, { body: '{"command":["true"]}', headers: { "content-type": "text/plain" } }), 415],
    [ask(PATH), 400],
    [start([]), 400],
    [start(["true"], { env: { "A=B": "x" } }), 400],
    [start(["true"], { tty: { columns: 0, rows: 5 } }), 400],
    [start(["true"], { shell: true }), 400],
    [start(["no-such-program"]), 422],
    [ask("/stacks/nope/services/api/exec", { body: '{"command":["true"]}' }), 404],
    [ask(`${PATH}/x/resize`, { body: '{"columns":1,"rows":1}' }), 404],
    [fetch(`${server.url}${PATH}`, { headers: { authorization: `Bearer ${KEY}` } }), 405],
  ];
  for (const [answer, status] of cases) {
    const response = await answer;
    expect([await response.text(), response.status]).toEqual([expect.stringContaining(`"status":${status}`), status]);
  }
  expect(server.daemon.executed).toEqual([]);
});
