import { afterEach, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { FakeDaemon, problem, runView, sse, stackView } from "./daemon.fake.ts";

const daemons: FakeDaemon[] = [];
afterEach(async () => {
  for (const daemon of daemons.splice(0)) await daemon.stop();
});

function fake(answers: ConstructorParameters<typeof FakeDaemon>[0]): FakeDaemon {
  const daemon = new FakeDaemon(answers);
  daemons.push(daemon);
  writeFileSync(join(daemon.home, "stack.yaml"), "stack: {name: demo}\nservices: {db: {command: [db, $GREETING]}}\n");
  return daemon;
}

describe("status", () => {
  test("prints the table of the stack the file names", async () => {
    const { code, out } = await fake({ "GET /stacks/demo": () => Response.json(stackView()) }).run(["status"]);
    expect({ code, out }).toEqual({
      code: 0,
      out: "SERVICE  STATE    READY  REPL  RESTARTS  AGE    MESSAGE\ndb       Running  true   1/1   0         1m12s  listening on 5432\n",
    });
  });

  test("--json is the object as the daemon gave it", async () => {
    const { out } = await fake({ "GET /stacks/demo": () => Response.json(stackView()) }).run(["--stack", "demo", "status", "--json"], {
      cwd: "/",
    });
    expect(JSON.parse(out)).toEqual(stackView());
  });

  test("a stack that is not there exits 4", async () => {
    const { code, err } = await fake({}).run(["status"]);
    expect({ code, err }).toEqual({ code: 4, err: "orco: there is no /stacks/demo\n" });
  });

  test("no daemon exits 3 and says how to start one", async () => {
    const { code, err } = await fake({}).run(["status"], { env: { ORCO_HOME: "/nonexistent/home" } });
    expect(code).toBe(3);
    expect(err).toContain("no daemon is running for /nonexistent/home");
    expect(err).toContain("orco up");
  });

  test("a daemon that holds the lock and does not listen is named", async () => {
    const daemon = fake({});
    const home = join(daemon.home, "other");
    await Bun.write(join(home, "lock"), `${process.pid}`);
    const { code, err } = await daemon.run(["status"], { env: { ORCO_HOME: home } });
    expect(code).toBe(3);
    expect(err).toContain(`the daemon (pid ${process.pid}) is starting or ending`);
  });
});

describe("up", () => {
  const run = { "PUT /stacks/demo": () => Response.json(runView({ status: "pending" }), { status: 202 }) };

  test("sends the file, its folder, and only the variables it names", async () => {
    const desired = { type: "step.completed", ts: "2026-01-01T10:00:03.000Z", step: "desired" };
    const daemon = fake({ ...run, "GET /runs/r1/events": () => sse([desired]) });
    const { code, out } = await daemon.run(["up", "-d", "db"], { env: { GREETING: "hi", PRIVATE: "no" } });
    expect({ code, out }).toEqual({ code: 0, out: "r1\n" });
    const put = daemon.asked.find((one) => one.method === "PUT");
    expect(put?.body).toMatchObject({ file: join(daemon.home, "stack.yaml"), workdir: daemon.home, services: ["db"] });
    expect(put?.body).toHaveProperty("env", { GREETING: "hi", PATH: process.env["PATH"] ?? "", TZ: "UTC" });
  });

  test("--wait shows one line an event and exits 0 when the run completed", async () => {
    const ready = {
      type: "instance.ready",
      ts: "2026-01-01T10:00:03.000Z",
      service: "db",
      replica: 1,
      reason: "probe_ready",
      message: "200 OK /health (2ms)",
    };
    const done = { type: "run.completed", ts: "2026-01-01T10:00:03.000Z", run: "r1" };
    const daemon = fake({
      ...run,
      "GET /events": () => sse([ready, done]),
      "GET /runs/r1/events": () => sse([done]),
      "GET /runs/r1": () => Response.json({ run: runView() }),
    });
    const { code, out, err } = await daemon.run(["up", "--wait"]);
    expect({ code, err }).toEqual({ code: 0, err: "demo is ready\n" });
    expect(out).toStartWith("10:00:03 db/1 ready: 200 OK /health (2ms)\n");
  });

  test("a run that failed exits 1 with its chain", async () => {
    const message = "api blocked: dependency db not Ready (timeout 60s, probe failing: tcp connect 127.0.0.1:5432 refused)";
    const daemon = fake({
      ...run,
      "GET /runs/r1/events": () => sse([]),
      "GET /runs/r1": () => Response.json({ run: runView({ status: "failed", error: { code: "blocked", message } }) }),
    });
    const { code, err } = await daemon.run(["up", "-d", "--wait", "--quiet"]);
    expect({ code, err }).toEqual({ code: 1, err: `orco: ${message}\n` });
  });

  test("--timeout exits 124 with what is blocked", async () => {
    const view = stackView({ state: "Starting", ready: false, message: "waiting for api (ready)" });
    const daemon = fake({
      ...run,
      "GET /runs/r1/events": () => new Response(new ReadableStream({}), { headers: { "content-type": "text/event-stream" } }),
      "GET /stacks/demo": () => Response.json(view),
    });
    const { code, err } = await daemon.run(["up", "--wait", "--timeout", "50ms", "-q"]);
    expect(code).toBe(124);
    expect(err).toBe("orco: demo is not ready after 50ms; it goes on trying\n      db blocked: waiting for api (ready)\n");
  });

  test("findings of the daemon are shown with line and caret", async () => {
    const found = { severity: "error", file: "", line: 2, column: 12, path: "services", message: "unknown key", source: "services: {db:}" };
    const daemon = fake({
      "PUT /stacks/demo": () =>
        problem(400, {
          code: "invalid",
          detail: "the stack is not valid",
          diagnostics: [{ ...found, file: join(daemon.home, "stack.yaml") }],
        }),
    });
    const { code, err } = await daemon.run(["up", "-d"]);
    expect({ code, err }).toEqual({
      code: 1,
      err: "stack.yaml:2:12: error: unknown key\n  2 | services: {db:}\n    |            ^\norco: the stack is not valid\n",
    });
  });

  test("--stack must be the file's", async () => {
    expect(await fake({}).run(["up", "--stack", "other"])).toMatchObject({ code: 2 });
  });
});

describe("changes", () => {
  test("a busy lane exits 5 naming the run", async () => {
    const busy = () => problem(409, { code: "busy", detail: "demo is being changed by run r7", run: "r7" });
    const { code, err } = await fake({ "PUT /stacks/demo": busy }).run(["apply"]);
    expect(code).toBe(5);
    expect(err).toContain("orco cancel r7");
  });

  test("scale sends the number", async () => {
    const daemon = fake({ "POST /stacks/demo/services/jobs/scale": () => Response.json(runView()) });
    expect(await daemon.run(["scale", "jobs=3", "-d"])).toMatchObject({ code: 0, out: "r1\n" });
    expect(daemon.asked.at(-1)?.body).toEqual({ replicas: 3 });
  });

  test("restart waits for its run", async () => {
    const daemon = fake({
      "POST /stacks/demo/services/db/restart": () => Response.json(runView({ status: "running", kind: "restart" })),
      "GET /runs/r1/events": () => sse([]),
      "GET /runs/r1": () => Response.json({ run: runView({ kind: "restart" }) }),
    });
    expect(await daemon.run(["restart", "db", "--json"])).toMatchObject({
      code: 0,
      out: `${JSON.stringify(runView({ kind: "restart" }))}\n`,
    });
  });

  test("apply --dry-run prints the plan and changes nothing", async () => {
    const plan = {
      stack: "demo",
      changes: 1,
      warnings: [],
      services: [
        { service: "db", action: "change", strategy: "recreate", fields: [{ path: "command[1]", from: "a", to: "b" }] },
        { service: "api", action: "unchanged", fields: [] },
      ],
    };
    const daemon = fake({ "PUT /stacks/demo": () => Response.json(plan) });
    expect(await daemon.run(["apply", "--dry-run"])).toMatchObject({
      code: 0,
      out: "~ db (change, recreate)\n    command[1]: a → b\n1 to change, 1 unchanged\n",
    });
    expect(daemon.asked.at(-1)?.query).toMatchObject({ dry_run: "true" });
  });
});

describe("logs", () => {
  const record = {
    timestamp: "2026-01-01T10:00:03.000Z",
    service: "db",
    replica: 1,
    message: "hi\x1b]0;x\x07 you",
    source: "stdout",
    seq: 1,
  };
  const records = (count: number) => () =>
    new Response(Array.from({ length: count }, (_, at) => `${JSON.stringify({ ...record, seq: at + 1 })}\n`).join(""));

  test("are printed by time and replica, without terminal control", async () => {
    const daemon = fake({ "GET /stacks/demo/logs": records(2) });
    expect(await daemon.run(["logs", "db", "--tail", "2"])).toEqual({
      code: 0,
      out: "10:00:03 db/1 | hi you\n10:00:03 db/1 | hi you\n",
      err: "",
    });
    expect(daemon.asked.at(-1)?.query).toMatchObject({ services: "db", tail: "2" });
  });

  test("--json is the record as it is", async () => {
    const { out } = await fake({ "GET /stacks/demo/logs": records(1) }).run(["logs", "--json"]);
    expect(JSON.parse(out)).toEqual(record);
  });

  test("a reader that leaves is a quiet end", async () => {
    const daemon = fake({ "GET /stacks/demo/logs": records(50_000) });
    const main = join(import.meta.dirname, "..", "main.ts");
    const script = `"$0" "$1" logs | head -n 1; echo "\${PIPESTATUS[0]}"`;
    const child = Bun.spawn(["bash", "-c", script, process.execPath, main], {
      stdio: ["ignore", "pipe", "pipe"],
      cwd: daemon.home,
      env: { PATH: process.env["PATH"], TZ: "UTC", ORCO_HOME: daemon.home },
    });
    const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    expect({ out, err }).toEqual({ out: "10:00:03 db/1 | hi you\n0\n", err: "" });
  });
});

test("events print what happened, oldest first", async () => {
  const event = (seq: number) => ({
    id: `1-${seq}`,
    seq,
    ts: "2026-01-01T10:00:03.000Z",
    topic: "stack/demo",
    type: `t.${seq}`,
    stack: "demo",
  });
  const daemon = fake({ "GET /events": () => Response.json({ events: [event(2), event(1)] }) });
  expect((await daemon.run(["events"])).out).toBe("10:00:03 demo t.1\n10:00:03 demo t.2\n");
  expect(daemon.asked.at(-1)?.query).toMatchObject({ topic: "stack/demo" });
});

test("config show lists value and origin", async () => {
  const settings = [{ setting: "bind", value: "127.0.0.1:7070", origin: "default", env: ["ORCHD_BIND_ADDR"] }];
  const daemon = fake({ "GET /config": () => Response.json({ settings, unused: ["ORCO_BNID"] }) });
  expect((await daemon.run(["config", "show"])).out).toBe(
    "SETTING  VALUE           ORIGIN\nbind     127.0.0.1:7070  default\n\nset, but no setting of orco: ORCO_BNID\n",
  );
});
