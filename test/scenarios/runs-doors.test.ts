import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { allPids } from "../../src/supervise/proc.ts";
import { keptIn } from "../kept.ts";
import { type Fields, type Reply, RunsRig, runsRig, sh } from "./runs-rig.ts";

const KEY = "canary-0f9d3c-of-the-api-key";
const ORIGIN = "https://ops.example";
const rig = runsRig({ ORCHESTRATOR_API_KEY: KEY, CORS_ORIGINS: `${ORIGIN},http://localhost:3000` });
rig.headers["authorization"] = `Bearer ${KEY}`;

/** Without the key of the rig. */
function bare(path: string, init: { method?: string; headers?: Record<string, string>; body?: string } = {}): Promise<Response> {
  return fetch(rig.url + path, { redirect: "manual", ...init });
}

function said({ status, body }: Reply): unknown[] {
  return [status, body["code"]];
}

/** The answer to what fetch would not send. */
function raw(lines: readonly string[]): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let answer = "";
  const socket = connect(Number(new URL(rig.url).port), "127.0.0.1", () =>
    socket.write(`${lines.join("\r\n")}\r\nConnection: close\r\n\r\n`),
  );
  socket
    .on("data", (chunk) => (answer += chunk.toString()))
    .on("close", () => resolve(answer))
    .on("error", reject);
  return promise;
}

describe("the API key", () => {
  test("is asked for by every operation of the document, and by what does not exist", async () => {
    const { body } = await rig.get("/openapi.json");
    const open = new Set(["/health", "/ready", "/metrics"]);
    const operations = Object.entries(body["paths"] as Record<string, Fields>).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => [method, path] as const),
    );
    expect(operations.length).toBeGreaterThan(50);
    for (const [method, template] of [...operations, ["get", "/nowhere"], ["post", "/runs/../admin"], ["patch", "/runs"]] as const) {
      const path = template.replaceAll(/\{\w+\}/g, "x");
      const wanted = open.has(path) ? 200 : 401;
      const wrong: Record<string, string>[] = [
        {},
        { authorization: `Bearer ${KEY}x` },
        { "x-api-key": "wrong" },
        { authorization: `Basic ${btoa(`x:${KEY}`)}` },
        { authorization: KEY },
        { "x-run-token": "x" },
      ];
      for (const headers of wrong) {
        const { status } = await bare(path, { method: method.toUpperCase(), headers });
        expect([method, path, headers, status]).toEqual([method, path, headers, wanted]);
      }
    }
  });

  test("opens as Bearer in any case and as X-API-Key; never in a URL", async () => {
    for (const headers of [{ authorization: `bearer ${KEY}` }, { authorization: `BEARER  ${KEY} ` }, { "x-api-key": KEY }] as Record<
      string,
      string
    >[])
      expect((await bare("/runs", { headers })).status).toBe(200);
    for (const query of ["key", "api_key", "apikey", "token", "access_token", "ticket", "authorization"])
      expect((await bare(`/runs?${query}=${KEY}`)).status).toBe(401);
    const refused = await bare("/runs");
    expect(refused.headers.get("www-authenticate")).toMatch(/^Bearer/);
    expect(refused.headers.get("content-type")).toBe("application/problem+json");
  });

  test("is nowhere on disk, in no log, and in no command line", async () => {
    const id = await rig.plan([
      sh("a", "env; cat /proc/$PPID/environ 2>/dev/null | tr '\\0' '\\n'; true"),
      sh("b", "echo $ORCO_RUN_TOKEN", { needs: ["a"] }),
    ]);
    const other = await rig.create({});
    const { token } = (await rig.post(`/runs/${other}/claim`, { worker: "w" })).body as { token: string };
    await rig.post(`/runs/${other}/heartbeat`, {}, { headers: { authorization: `Bearer ${token}` } });
    await rig.ended(id);
    const { text } = await rig.get(`/runs/${id}/logs`);
    expect(text).toContain("ORCO_RUN_ID");
    for (const { path, text: kept } of keptIn(rig.home))
      expect([path, kept.includes(KEY), kept.includes(token)]).toEqual([path, false, false]);
    const lines = allPids().map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8");
      } catch {
        return ""; // it has ended
      }
    });
    expect(lines.some((line) => line.includes(KEY) || line.includes(token))).toBe(false);
    expect((await rig.get("/config")).text).not.toContain(KEY);
  });
});

describe("a run's token", () => {
  test("opens the worker routes of its run, and nothing else", async () => {
    const [id, other] = [await rig.create({}), await rig.create({})];
    const { token } = (await rig.post(`/runs/${id}/claim`, { worker: "w" })).body as { token: string };
    const all: [string, string, string?][] = [
      ["POST", "/heartbeat", "{}"],
      ["POST", "/checkpoints", '{"type":"t"}'],
      ["GET", "/checkpoints"],
      ["POST", "/report", "{}"],
      ["POST", "/logs", '{"lines":[]}'],
      ["POST", "/artifacts/a", "x"],
      ["POST", "/finish", '{"status":"completed"}'],
    ];
    for (const headers of [{ authorization: `Bearer ${token}` }, { "x-run-token": token }] as Record<string, string>[]) {
      const json = { ...headers, "content-type": "application/json" };
      for (const [method, path, body] of all) {
        const foreign = await bare(`/runs/${other}${path}`, { method, headers: json, ...(body !== undefined && { body }) });
        expect([method, path, foreign.status]).toEqual([method, path, 401]);
      }
      for (const [method, path] of [
        ["GET", "/runs"],
        ["POST", "/runs"],
        ["GET", `/runs/${id}`],
        ["DELETE", `/runs/${id}`],
        ["POST", `/runs/${id}/cancel`],
        ["POST", `/runs/${id}/retry`],
        ["POST", `/runs/${id}/claim`],
        ["GET", `/runs/${id}/events`],
        ["POST", `/runs/${id}/approvals`],
        ["POST", `/runs/${id}/signals/x`],
        ["GET", "/events"],
        ["GET", "/config"],
        ["POST", "/shutdown"],
        ["POST", "/tickets"],
      ] as const)
        expect([method, path, (await bare(path, { method, headers: json })).status]).toEqual([method, path, 401]);
    }
    for (const [method, path, body] of all) {
      const mine = await bare(`/runs/${id}${path}`, {
        method,
        headers: { "x-run-token": token, "content-type": "application/json" },
        ...(body !== undefined && { body }),
      });
      expect([method, path, mine.ok]).toEqual([method, path, true]);
    }
    const mixed = { authorization: "Bearer wrong-key-0123456789", "x-run-token": token };
    expect((await bare(`/runs/${id}/heartbeat`, { method: "POST", headers: mixed })).status).toBe(401);
  });
});

describe("tickets", () => {
  test("open one stream, for reading, also again; nothing else", async () => {
    const [id, other] = [await rig.create({}), await rig.create({})];
    const path = `/runs/${id}/events`;
    const made = await rig.post("/tickets", { path });
    expect(made.status).toBe(201);
    expect(made.body["path"]).toBe(path);
    const lifeMs = Date.parse(String(made.body["expires_at"])) - Date.now();
    expect(lifeMs > 9 * 60_000 && lifeMs <= 10 * 60_000).toBe(true);
    const ticket = String(made.body["ticket"]);
    for (let n = 0; n < 2; n++) {
      const opened = await bare(`${path}?ticket=${ticket}`, { headers: { accept: "text/event-stream" } });
      expect(opened.status).toBe(200);
      await opened.body?.cancel();
    }
    for (const refused of [`/runs/${other}/events`, `/runs/${id}`, "/events", "/runs", `/runs/${id}/logs`])
      expect([refused, (await bare(`${refused}?ticket=${ticket}`)).status]).toEqual([refused, 401]);
    for (const forged of [`${ticket}x`, ticket.slice(1), "x.y", `zzzzzzzz.${ticket.split(".")[1] ?? ""}`, "", KEY])
      expect([forged, (await bare(`${path}?ticket=${forged}`)).status]).toEqual([forged, 401]);
    expect((await bare(`/runs/${id}?ticket=${ticket}`, { method: "DELETE" })).status).toBe(401);
    for (const wrong of ["/runs", "/config", "https://evil.example/events", `/runs/${id}/events?x=1`, "/runs/../events", ""])
      expect(said(await rig.post("/tickets", { path: wrong }))).toEqual([400, "invalid"]);
    expect((await bare("/tickets", { method: "POST", body: "{}", headers: { "content-type": "application/json" } })).status).toBe(401);
  });
});

describe("browsers", () => {
  test("of foreign origins get 403, also for reading, and before anything is done", async () => {
    for (const origin of [
      "https://evil.example",
      "null",
      `${ORIGIN}.evil.example`,
      "http://ops.example",
      "http://localhost:3001",
      "http://127.0.0.1",
    ])
      for (const [method, path] of [
        ["GET", "/runs"],
        ["POST", "/runs"],
        ["GET", "/events"],
        ["GET", "/health"],
        ["OPTIONS", "/runs"],
        ["GET", "/nowhere"],
      ] as const) {
        const answer = await bare(path, {
          method,
          headers: { origin, authorization: `Bearer ${KEY}`, ...(method === "OPTIONS" && { "access-control-request-method": "POST" }) },
        });
        expect([origin, method, path, answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([
          origin,
          method,
          path,
          403,
          null,
        ]);
        expect(answer.headers.get("vary")).toContain("Origin");
        expect(((await answer.json()) as Fields)["code"]).toBe("forbidden");
      }
  });

  test("of listed origins are told exactly what they may", async () => {
    const preflight = await bare("/runs", {
      method: "OPTIONS",
      headers: { origin: ORIGIN, "access-control-request-method": "POST", "access-control-request-headers": "idempotency-key" },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("access-control-allow-origin")).toBe(ORIGIN);
    for (const name of ["Authorization", "X-API-Key", "Content-Type", "Last-Event-ID", "Idempotency-Key", "X-Request-Id", "Prefer"])
      expect(preflight.headers.get("access-control-allow-headers")).toContain(name);
    for (const method of ["GET", "POST", "DELETE", "PUT"]) expect(preflight.headers.get("access-control-allow-methods")).toContain(method);
    for (const [headers, status] of [
      [{ authorization: `Bearer ${KEY}` }, 200],
      [{}, 401],
    ] as [Record<string, string>, number][]) {
      const answer = await bare("/runs", { headers: { origin: "http://localhost:3000", ...headers } });
      expect([answer.status, answer.headers.get("access-control-allow-origin"), answer.headers.get("vary")]).toEqual([
        status,
        "http://localhost:3000",
        "Origin",
      ]);
      for (const name of ["Location", "Retry-After", "RateLimit", "RateLimit-Policy", "Link", "X-Request-Id", "X-Correlation-Id"])
        expect(answer.headers.get("access-control-expose-headers")).toContain(name);
    }
    expect((await bare("/health")).headers.get("access-control-allow-origin")).toBeNull();
    expect((await bare("/health")).headers.get("vary")).toContain("Origin");
  });

  test("that were sent here by a foreign name are refused", async () => {
    const status = async (host: string) => (await raw(["GET /health HTTP/1.1", `Host: ${host}`])).split(" ")[1];
    for (const host of ["localhost", "127.0.0.1:1", "[::1]:7070"]) expect([host, await status(host)]).toEqual([host, "200"]);
    for (const host of ["evil.example", "127.0.0.1.evil.example", "0.0.0.0", "169.254.169.254"])
      expect([host, await status(host)]).toEqual([host, "403"]);
  });
});

test("a request's id is echoed when it is one, else made anew", async () => {
  for (const id of ["abc", "A.b_c-1", "x".repeat(64)])
    for (const header of ["x-request-id", "x-correlation-id"]) {
      const { headers } = await rig.get("/runs?limit=1", { headers: { [header]: id } });
      expect([headers.get("x-request-id"), headers.get("x-correlation-id")]).toEqual([id, id]);
    }
  for (const id of ["", "a b", "x".repeat(65), "a;b", "<script>"]) {
    const { headers } = await rig.get("/runs?limit=1", { headers: { "x-request-id": id } });
    expect(headers.get("x-request-id")).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  }
});

test("an address that others reach needs a key, or the word of the operator", async () => {
  const open = new RunsRig({ ORCHD_BIND_ADDR: "0.0.0.0:0" });
  const said = await open.orco(["serve"]);
  expect(said.code).not.toBe(0);
  expect(said.out).toBe("");
  expect(said.err).toMatch(/ORCHESTRATOR_API_KEY|API key/);
  await open.close();
  const short = new RunsRig({ ORCHESTRATOR_API_KEY: "short" });
  const refused = await short.orco(["serve"]);
  expect([refused.code === 0, refused.err.includes("short")]).toEqual([false, false]);
  expect(refused.err).toContain("ORCHESTRATOR_API_KEY");
  await short.close();
  const meant = new RunsRig({ ORCHD_BIND_ADDR: "0.0.0.0:0", ORCO_ALLOW_ANONYMOUS: "1" });
  await meant.up();
  const ready = await fetch(`${meant.url.replace("0.0.0.0", "127.0.0.1")}/ready`);
  expect(await ready.text()).toContain("warning");
  await meant.close();
});
