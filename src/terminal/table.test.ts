import { expect, test } from "bun:test";
import type { ServiceView, StackView } from "../stack/view.ts";
import { formatBytes, statusTable } from "./table.ts";

function service(given: Partial<ServiceView> & { service: string }): ServiceView {
  return {
    state: "Running",
    ready: true,
    replicas: { ready: 1, live: 1, desired: 1 },
    restarts: 0,
    age_ms: 0,
    message: "",
    instances: [],
    ...given,
  };
}

const demo: StackView = {
  stack: "demo",
  services: [
    service({ service: "db", age_ms: 72_000, message: "listening on 5432" }),
    service({
      service: "api",
      replicas: { ready: 2, live: 2, desired: 2 },
      restarts: 1,
      age_ms: 58_400,
      message: "200 OK /health (avg 25ms)",
    }),
    service({ service: "web", state: "Starting", ready: false, age_ms: 2000, message: "waiting for api (ready)" }),
  ],
};

test("the table is the document's own", () => {
  expect(statusTable(demo)).toBe(
    `SERVICE  STATE     READY  REPL  RESTARTS  AGE    MESSAGE
db       Running   true   1/1   0         1m12s  listening on 5432
api      Running   true   2/2   1         58s    200 OK /health (avg 25ms)
web      Starting  false  1/1   0         2s     waiting for api (ready)`,
  );
});

test("wide adds CPU and MEM, a dash where unknown", () => {
  const instance = {
    id: "i",
    replica: 1,
    state: "Running",
    ready: true,
    restarts: 0,
    age_ms: 0,
    config: "c",
    version: "new",
    cpu_percent: 6.25,
    memory_bytes: 30 * 1024 ** 2,
  } as const;
  const view = {
    stack: "s",
    services: [service({ service: "db", instances: [instance, instance], message: "up" }), service({ service: "x" })],
  };
  expect(statusTable(view, { wide: true })).toBe(
    `SERVICE  STATE    READY  REPL  RESTARTS  AGE  CPU    MEM   MESSAGE
db       Running  true   1/1   0         0ms  12.5%  60Mi  up
x        Running  true   1/1   0         0ms  -      -`,
  );
});

test("a narrow terminal cuts only the message", () => {
  const lines = statusTable(demo, { columns: 60 }).split("\n");
  expect(lines[2]).toBe("api      Running   true   2/2   1         58s    200 OK /he…");
  expect(lines.every((line) => line.length <= 60)).toBe(true);
});

test("on a narrower one columns go from the right, down to STATE", () => {
  const header = (columns: number, wide = false): string => (statusTable(demo, { columns, wide }).split("\n")[0] ?? "").trimEnd();
  expect(header(50)).toBe("SERVICE  STATE     READY  REPL  RESTARTS  AGE");
  expect(header(50, true)).toBe("SERVICE  STATE     READY  REPL  RESTARTS  AGE");
  expect(header(40)).toBe("SERVICE  STATE     READY  REPL  RESTARTS");
  expect(header(35)).toBe("SERVICE  STATE     READY  REPL");
  expect(header(24)).toBe("SERVICE  STATE     READY");
  expect(header(10)).toBe("SERVICE  STATE");
});

test("a message cannot break out of its row", () => {
  const view = { stack: "s", services: [service({ service: "x", message: "a\nb\x1b[2Jc" })] };
  expect(statusTable(view).split("\n")[1]).toEndWith("a bc");
});

test("degraded and an update under way come before the message", () => {
  const view = {
    stack: "s",
    services: [
      service({ service: "x", message: "ok", degraded: "db unready", update: { strategy: "rolling", phase: "1/3", since_ms: 5 } }),
    ],
  };
  expect(statusTable(view)).toEndWith("rolling: 1/3; degraded: db unready; ok");
});

test("an empty stack is its header", () => {
  expect(statusTable({ stack: "s", services: [] })).toBe("SERVICE  STATE  READY  REPL  RESTARTS  AGE  MESSAGE");
});

test("bytes in binary units", () => {
  expect([0, 1023, 2048, 45 * 1024 ** 2, 1.5 * 1024 ** 3].map(formatBytes)).toEqual(["0", "1023", "2Ki", "45Mi", "1.5Gi"]);
});
