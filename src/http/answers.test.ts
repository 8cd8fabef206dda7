import { expect, test } from "bun:test";
import type { ZodType } from "zod";
import { systemClock } from "../kernel/clock.ts";
import type { PlanView, StackView } from "../stack/view.ts";
import type { RunView, StepWaitView } from "../workflow/view.ts";
import { ANSWERS } from "./answers.ts";
import { startTestServer } from "./daemon.fake.ts";

const WAIT: Required<StepWaitView> = {
  kind: "approval",
  summary: "s",
  content: { files: 1 },
  content_hash: "h",
  roles: ["owner"],
  since: "t",
  expires_at: "t",
};
const RUN: Required<RunView> = {
  id: "i",
  kind: "apply",
  mode: "local",
  name: "apply demo",
  status: "failed",
  owner: "orco",
  metadata: { team: "a" },
  stack: "demo",
  service: "api",
  app: "blog",
  createdAt: "t",
  startedAt: "t",
  endedAt: "t",
  attempt: 1,
  steps: [
    {
      id: "plan",
      status: "completed",
      attempt: 2,
      startedAt: "t",
      endedAt: "t",
      message: "d",
      outputs: { n: 1 },
      error: { code: "invalid", message: "m" },
      progress: { percent: 5, message: "p" },
      waiting: WAIT,
      reused: true,
    } satisfies Required<RunView["steps"][number]>,
  ],
  waiting: { step: "gate", ...WAIT },
  cancelling: "by request",
  priority: 3,
  concurrency_key: "k",
  retry_of: "r",
  schedule_id: "s",
  worker: "w",
  error: { code: "blocked", message: "m", chain: ["db"] },
  result: { changed: 1 },
};
const STACK: StackView = {
  stack: "demo",
  file: "/srv/stack.yaml",
  services: [
    {
      service: "api",
      state: "Running",
      ready: true,
      replicas: { ready: 1, live: 1, desired: 1 },
      restarts: 0,
      age_ms: 1,
      message: "",
      degraded: "db unready",
      update: { strategy: "rolling", phase: "surge", since_ms: 1 },
      instances: [
        {
          id: "i",
          replica: 0,
          pid: 1,
          state: "Running",
          ready: true,
          restarts: 0,
          age_ms: 1,
          address: "127.0.0.1:1",
          config: "c",
          version: "new",
          reason: "restart",
          exit: { code: 1, signal: "SIGTERM", reason: "signaled" },
          cpu_percent: 1,
          memory_bytes: 1,
        },
      ],
    },
  ],
};
const PLAN: PlanView = {
  stack: "demo",
  changes: 1,
  services: [{ service: "api", action: "change", strategy: "recreate", fields: [{ path: "command", from: 1, to: [2] }] }],
  warnings: [],
};

test("the documented answers are the types the code uses, field by field", () => {
  for (const [name, schema, value] of [
    ["run", ANSWERS.Run, RUN],
    ["stack", ANSWERS.Stack, STACK],
    ["plan", ANSWERS.Plan, PLAN],
  ] satisfies [string, ZodType, unknown][]) {
    const parsed: unknown = schema.parse(value);
    expect({ name, parsed }).toEqual({ name, parsed: value });
  }
});

test("the document is OpenAPI 3.1 with every operation named, and every answer that is served matches its schema", async () => {
  const server = startTestServer(systemClock());
  const document = (await (await fetch(`${server.url}/openapi.json`)).json()) as {
    openapi: string;
    paths: Record<string, Record<string, { operationId: string; responses: object }>>;
  };
  const operations = Object.values(document.paths).flatMap((item) => Object.values(item));
  expect(document.openapi).toBe("3.1.0");
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
  expect(operations.every(({ responses }) => "default" in responses)).toBe(true);
  await server.daemon.begin("apply", "demo");
  for (const [path, schema] of [
    ["/health", ANSWERS.Health],
    ["/ready", ANSWERS.Ready],
    ["/version", ANSWERS.Version],
    ["/stacks", ANSWERS.StackList],
    ["/stacks/demo", ANSWERS.Stack],
    ["/stacks/demo/graph", ANSWERS.Graph],
    ["/runs", ANSWERS.RunList],
    ["/events?limit=50", ANSWERS.EventList],
    ["/nope", ANSWERS.Problem],
  ] satisfies [string, ZodType][]) {
    const answer: unknown = await (await fetch(`${server.url}${path}`)).json();
    const parsed: unknown = schema.parse(answer);
    expect({ path, parsed }).toEqual({ path, parsed: answer });
  }
  const docs = await (await fetch(`${server.url}/docs`)).text();
  expect(docs).toContain("PUT /stacks/{name}");
  expect(docs).not.toContain("<script");
  await server.dispose();
});
