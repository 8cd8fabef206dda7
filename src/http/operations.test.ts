import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { systemClock } from "../kernel/clock.ts";
import { startTestServer, type TestServer } from "./daemon.fake.ts";

const KEY = "correct-horse-battery-staple";
const OPEN = new Set(["/health", "/ready", "/metrics"]);

interface Operation {
  readonly method: string;
  readonly path: string;
}

let server: TestServer;
let operations: Operation[];

beforeAll(async () => {
  server = startTestServer(systemClock(), { apiKey: KEY }, { schemas: { stack: () => ({ type: "object" }) } });
  const document = (await (await ask({ method: "GET", path: "/openapi.json" }, KEY)).json()) as { paths: Record<string, object> };
  const documented = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => ({ method: method.toUpperCase(), path })),
  );
  const unknown = ["/", "/nope", "/health/", "/HEALTH", "/ready/../stacks", "//health", "/stacks/a/b/c", "/%68ealth/x"];
  operations = [
    ...documented,
    ...unknown.flatMap((path) => ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"].map((method) => ({ method, path }))),
  ];
});

afterAll(() => server.dispose());

function ask({ method, path }: Operation, key?: string, header = "authorization"): Promise<Response> {
  const real = path
    .replace(/\{(?:id|runId|run_id)\}/, "00000000-0000-7000-8000-000000000000")
    .replace("{step}", "build")
    .replace("{name}", "demo")
    .replace("{app}", "blog")
    .replace("{file}", "stack.json")
    .replace("{service}", "api")
    .replace("{action}", "restart");
  const value = header === "authorization" ? `Bearer ${key}` : (key ?? "");
  const body = method === "PUT" ? { body: "{}", headers: { "content-type": "application/json" } } : {};
  const headers = { accept: "application/json", ...(key !== undefined && { [header]: value }), ...body.headers };
  return fetch(`${server.url}${real}`, { method, ...body, headers });
}

/** RFC 9457; below /v1 as the OpenAI API has it. */
async function expectProblem(response: Response, { method, path }: Operation): Promise<void> {
  const isOpenAi = path.startsWith("/v1/");
  expect(response.headers.get("content-type")).toBe(isOpenAi ? "application/json" : "application/problem+json");
  if (method === "HEAD") return;
  if (isOpenAi) {
    const { error } = (await response.json()) as { error: Record<string, unknown> };
    expect(Object.keys(error).toSorted()).toEqual(["code", "message", "param", "type"]);
    expect([typeof error["code"], typeof error["message"], typeof error["type"]]).toEqual(["string", "string", "string"]);
    expect(JSON.stringify(error)).not.toContain("    at ");
    return;
  }
  const problem = (await response.json()) as Record<string, unknown>;
  const { status, code, detail, request_id: requestId } = problem;
  expect(status).toBe(response.status);
  expect([typeof code, typeof detail, typeof requestId]).toEqual(["string", "string", "string"]);
  expect(problem["message"]).toBe(problem["detail"]);
  expect(JSON.stringify(problem)).not.toContain("    at ");
}

describe("every operation and unknown paths", () => {
  test("without a key and with a wrong one nothing but monitoring answers", async () => {
    expect(operations.length).toBeGreaterThan(60);
    for (const operation of operations) {
      const open = OPEN.has(operation.path) || /^\/\/health$/.test(operation.path);
      for (const [key, header] of [[undefined], ["wrong-wrong-wrong-wrong"], ["wrong", "x-api-key"]] as const) {
        const response = await ask(operation, key, header);
        const name = `${operation.method} ${operation.path} ${String(key)}`;
        if (OPEN.has(operation.path)) {
          expect(`${name}: ${response.status}`).toBe(`${name}: 200`);
        } else if (!open) {
          expect(`${name}: ${response.status}`).toBe(`${name}: 401`);
          expect(response.headers.get("www-authenticate")).toContain("Bearer");
          await expectProblem(response, operation);
        }
      }
    }
  });

  test("with the key in either header each answers by itself, and never with a stack trace or HTML in an error", async () => {
    for (const operation of operations) {
      for (const header of ["authorization", "x-api-key"]) {
        const response = await ask(operation, KEY, header);
        const name = `${operation.method} ${operation.path}`;
        expect(`${name} ${[401, 403, 500].includes(response.status)}`).toBe(`${name} false`);
        expect(response.headers.get("x-content-type-options")).toBe("nosniff");
        expect(response.headers.get("content-security-policy")).toContain("default-src 'none'");
        expect(response.headers.get("x-request-id")).toBe(response.headers.get("x-correlation-id"));
        if (response.status >= 400) await expectProblem(response, operation);
        else await response.body?.cancel();
      }
    }
  });

  test("the key in a URL opens nothing", async () => {
    for (const name of ["key", "api_key", "apiKey", "token", "access_token", "ticket", "x-api-key"]) {
      const response = await fetch(`${server.url}/stacks?${name}=${KEY}`);
      expect(response.status).toBe(401);
    }
  });

  test("the socket needs no key", async () => {
    const response = await fetch("http://localhost/stacks", { unix: server.socket });
    expect(response.status).toBe(200);
  });
});
