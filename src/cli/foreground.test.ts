import { afterEach, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { FakeDaemon, problem, runView, sse, stackView } from "./daemon.fake.ts";
import { overAs } from "./over.ts";

const daemons: FakeDaemon[] = [];
afterEach(async () => {
  for (const daemon of daemons.splice(0)) await daemon.stop();
});

const openStream = (...blocks: string[]) =>
  new Response(new ReadableStream({ start: (stream) => blocks.forEach((block) => stream.enqueue(block)) }), {
    headers: { "content-type": "text/event-stream" },
  });
const line = `${JSON.stringify({ timestamp: "2026-01-01T10:00:03.000Z", service: "db", replica: 1, message: "hi", source: "stdout", seq: 1 })}\n`;

/** A stack that came up at once and prints one line; `more` says how it goes down. */
function upped(more: ConstructorParameters<typeof FakeDaemon>[0]): FakeDaemon {
  const daemon = new FakeDaemon({
    "PUT /stacks/demo": () => Response.json(runView()),
    "GET /runs/r1/events": () => sse([]),
    "GET /runs/r1": () => Response.json({ run: runView() }),
    "DELETE /runs/r1": () => problem(409, { code: "conflict", detail: "it has ended" }),
    "GET /stacks/demo": () => Response.json(stackView()),
    "GET /events": () => openStream(": hi\n\n"),
    "GET /stacks/demo/logs": () => openStream(line),
    ...more,
  });
  daemons.push(daemon);
  writeFileSync(join(daemon.home, "stack.yaml"), "stack: {name: demo}\n");
  return daemon;
}

function start(daemon: FakeDaemon) {
  return Bun.spawn([process.execPath, join(import.meta.dirname, "..", "main.ts"), "up", "-q"], {
    stdio: ["ignore", "pipe", "pipe"],
    cwd: daemon.home,
    env: { PATH: process.env["PATH"], TZ: "UTC", ORCO_HOME: daemon.home },
  });
}

test("Ctrl-C takes the stack down", async () => {
  const daemon = upped({
    "DELETE /stacks/demo": () => Response.json(runView({ id: "r2", kind: "down" })),
    "GET /runs/r2/events": () => sse([]),
    "GET /runs/r2": () => Response.json({ run: runView({ id: "r2", kind: "down" }) }),
  });
  const child = start(daemon);
  const reader = child.stdout.getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).toBe("10:00:03 db/1 | hi\n");
  child.kill("SIGINT");
  expect({ code: await child.exited, err: await child.stderr.text() }).toEqual({ code: 0, err: "" });
  expect(daemon.asked.filter((one) => one.method === "DELETE" && one.path.startsWith("/stacks")).map((one) => one.query)).toEqual([
    { queue: "true" },
  ]);
});

test("a second Ctrl-C forces it", async () => {
  const waiting = Promise.withResolvers<void>();
  const daemon = upped({
    "DELETE /stacks/demo": (request) => {
      const forced = new URL(request.url).searchParams.get("force") === "true";
      return Response.json(runView({ id: forced ? "r3" : "r2", kind: "down", status: "running" }));
    },
    "GET /runs/r2/events": () => {
      waiting.resolve();
      return openStream(": hi\n\n");
    },
    "DELETE /runs/r2": () => Response.json({ run: runView({ id: "r2", status: "canceled" }) }),
    "GET /runs/r3/events": () => sse([]),
    "GET /runs/r3": () => Response.json({ run: runView({ id: "r3", kind: "down" }) }),
  });
  const child = start(daemon);
  await child.stdout.getReader().read();
  child.kill("SIGINT");
  await waiting.promise;
  child.kill("SIGINT");
  expect(await child.exited).toBe(0);
  expect(daemon.asked.filter((one) => one.method === "DELETE" && one.path.startsWith("/stacks")).map((one) => one.query)).toEqual([
    { queue: "true" },
    { force: "true", queue: "true" },
  ]);
});

test("it ends by itself when all services have", async () => {
  const ended = stackView({ state: "Stopped", ready: false, replicas: { ready: 0, live: 0, desired: 1 } });
  expect(await start(upped({ "GET /stacks/demo": () => Response.json(ended) })).exited).toBe(0);
  expect(overAs(ended)).toBe("ended");
  expect(overAs(stackView())).toBeUndefined();
});
