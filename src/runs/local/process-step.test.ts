import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../../../test/until.ts";
import { isAlive, readStat } from "../../supervise/proc.ts";
import type { RunError } from "../../workflow/run.ts";
import type { StepExecution } from "../ports.ts";
import { API, Heard, StepRig } from "./rig.suite.ts";

const program = (name: string): string => join(import.meta.dir, "../../../test/programs", name);

test("a step says what it has to say, and ends", async () => {
  using rig = new StepRig();
  const heard = new Heard();
  const step = await rig.steps.start(
    rig.sh(`
      echo hello; echo '{"type":"checkpoint","data":{"n":1},"name":"one"}'; echo '{"type":"output","data":{"k":"v"}}'
      echo '{"type":"progress","percent":50,"message":"half"}'; echo '{"type":"heartbeat"}'; echo '{"type":"log","level":"warning","message":"m"}'
      echo oops >&2; printf 'no end'`),
    heard,
  );
  expect(await step.ended).toEqual({ kind: "completed" });
  expect(heard.checkpoints).toEqual([{ data: { n: 1 }, name: "one", consumed: 56 }]);
  expect(heard.outputs).toEqual([{ k: "v" }]);
  expect(heard.progresses).toEqual([{ percent: 50, message: "half" }]);
  expect(heard.heartbeats).toBe(1);
  expect(heard.messages()).toEqual(["hello", "m", "no end"]);
  expect(heard.lines.find(({ message }) => message === "m")?.level).toBe("warn");
  expect(heard.messages("stderr")).toEqual(["oops"]);
});

test("an exit code other than 0 fails it, with the last line of stderr", async () => {
  using rig = new StepRig();
  const step = await rig.steps.start(rig.sh("echo first >&2; echo last words >&2; echo >&2; exit 3"), new Heard());
  expect(await step.ended).toEqual({ kind: "failed", error: { code: "step_failed", message: "exit 3: last words", facts: { exit: 3 } } });
});

test("what it is told about itself; the token is in no command line and no log", async () => {
  using rig = new StepRig();
  const heard = new Heard();
  const input = { who: "world", deep: [1, { a: null }] };
  const script = `
    cat "$ORCO_INPUT"; echo; cat "$ORCO_RESUME"; echo; stat -c %a "$ORCO_INPUT" "$ORCO_RESUME"; pwd
    echo "$ORCO_RUN_ID $ORCO_STEP_ID $ORCO_ATTEMPT $ORCO_API_URL $ORCO_ITEM $ORCO_INDEX $TRACEPARENT \${SECRET_OF_DAEMON:-none}"
    echo "token: $ORCO_RUN_TOKEN"; echo "token: $ORCO_RUN_TOKEN" >&2; 
    case "$(cat /proc/[0-9]*/cmdline 2> /dev/null | tr '\\0' ' ')" in *"$ORCO_RUN_TOKEN"*) echo seen ;; *) echo unseen ;; esac; exit 1`;
  const execution = rig.sh(script, {
    step: "a[2]",
    attempt: 3,
    input,
    resume: { at: 7 },
    traceparent: "00-1-2-01",
    over: { env: { ORCO_ITEM: "x", ORCO_INDEX: "2", ORCO_RUN_ID: "mine" } },
  });
  const step = await rig.steps.start(execution, heard);
  const end = await step.ended;
  expect(heard.messages()).toEqual([
    JSON.stringify(input),
    '{"at":7}',
    "600",
    "600",
    join(rig.home, "runs", rig.run, "work"),
    `${rig.run} a[2] 3 ${API.url} x 2 00-1-2-01 none`,
    "token: [redacted]",
    "unseen",
  ]);
  expect(end).toMatchObject({ kind: "failed", error: { message: "exit 1: token: [redacted]" } });
  const files = Bun.spawnSync(["grep", "-rl", "--exclude=*.spool", API.token, join(rig.home, "runs", rig.run)]).stdout.toString();
  expect(files).toBe("");
});

test("what cannot be started has failed, and says why", async () => {
  using rig = new StepRig();
  const errorOf = async (execution: StepExecution): Promise<RunError | undefined> => {
    const end = await (await rig.steps.start(execution, new Heard())).ended;
    return end.kind === "failed" ? end.error : undefined;
  };
  expect(await errorOf(rig.execution(["no-such-program-here"]))).toMatchObject({ code: "executable_not_found" });
  expect(await errorOf(rig.execution(["true"], { over: { workdir: "/no/such/folder" } }))).toMatchObject({
    code: "start_failed",
    message: "working directory /no/such/folder does not exist",
  });
  expect(await errorOf(rig.execution(["true"], { execution: "../../out" }))).toMatchObject({ code: "invalid" });
  const long = "x".repeat(3_000_000);
  expect(await errorOf(rig.execution(["true"], { over: { env: { LONG: long } } }))).toMatchObject({ code: "start_failed" });
});

test("a signal it dies of is named", async () => {
  using rig = new StepRig();
  const step = await rig.steps.start(rig.sh("echo bye >&2; kill -SEGV $$"), new Heard());
  const facts = { exit: 139, signal: "SIGSEGV" };
  expect(await step.ended).toEqual({ kind: "failed", error: { code: "step_failed", message: "killed by SIGSEGV: bye", facts } });
});

test("stop: those who listen end in their grace, those who do not are killed, a later stop can hurry", async () => {
  using rig = new StepRig();
  const polite = await rig.steps.start(rig.sh("trap 'echo cleaned; exit 0' TERM; echo ready; while :; do sleep 0.01; done"), new Heard());
  polite.stop("cancel", 10_000);
  polite.stop("timeout", 10_000);
  expect(await polite.ended).toEqual({ kind: "canceled" });

  const heard = new Heard();
  const deaf = await rig.steps.start(rig.execution([program("ignore-term.sh")], { over: { timeout_ms: 1500 } }), heard);
  await until("ready", () => heard.messages().includes("ready"));
  deaf.stop("timeout", 60_000);
  deaf.stop("timeout", 20);
  expect(await deaf.ended).toEqual({
    kind: "failed",
    error: { code: "timeout", message: "it had not ended after 1.5s, and was stopped", facts: { exit: 137, signal: "SIGKILL" } },
  });
});

test("stop takes a grandchild in a session of its own along", async () => {
  using rig = new StepRig();
  const heard = new Heard();
  const step = await rig.steps.start(rig.execution([program("double-fork.sh"), "deaf"]), heard);
  const stray = Number(await until("its pid", () => heard.messages()[0]));
  step.stop("cancel", 10_000);
  expect(await step.ended).toEqual({ kind: "canceled" });
  expect(isAlive(readStat(stray))).toBe(false);
});

test("a step that leaves a grandchild behind ends all the same, and so does the grandchild", async () => {
  using rig = new StepRig();
  const heard = new Heard();
  const step = await rig.steps.start(rig.execution([program("double-fork.sh"), "leave"]), heard);
  expect(await step.ended).toEqual({ kind: "completed" });
  expect(isAlive(readStat(Number(heard.messages()[0])))).toBe(false);
});

test("stopped after it has ended, it stays what it was", async () => {
  using rig = new StepRig();
  const step = await rig.steps.start(rig.execution(["true"]), new Heard());
  expect(await step.ended).toEqual({ kind: "completed" });
  step.stop("cancel", 0);
  expect(await step.ended).toEqual({ kind: "completed" });
});

test("an execution that nobody started is not found; one of another boot is lost, and its last words are read", async () => {
  using rig = new StepRig();
  const heard = new Heard();
  expect(await rig.steps.adopt(rig.execution(["true"]), heard)).toBeUndefined();
  const execution = rig.sh("echo hello");
  await (
    await rig.steps.start(execution, new Heard())
  ).ended;
  const meta = join(rig.home, "runs", rig.run, execution.execution, "meta.json");
  const text = await Bun.file(meta).text();
  await Bun.write(meta, text.replace(/"bootId":"[^"]*"/, '"bootId":"former"'));
  const adopted = await rig.steps.adopt(execution, heard);
  expect(await adopted?.ended).toEqual({ kind: "lost", message: "the machine was restarted while it ran" });
  expect(heard.messages()).toEqual(["hello"]);
});

test("forget leaves nothing of a run but its log", async () => {
  using rig = new StepRig();
  for (const word of ["one", "two"]) await (await rig.steps.start(rig.sh(`echo ${word} > left-${word}`), new Heard())).ended;
  const folder = join(rig.home, "runs", rig.run);
  await Bun.write(join(folder, "log-0000000000000001.ndjson"), "");
  await rig.steps.forget(rig.run);
  expect(readdirSync(folder)).toEqual(["log-0000000000000001.ndjson"]);
  await rig.steps.forget("never-was");
});

test("what a dead daemon has left of an ended run is ended and removed, that of an open one is not", async () => {
  using rig = new StepRig();
  const heard = new Heard();
  await rig.steps.start(rig.sh("echo $$; exec sleep 1000"), heard);
  const pid = await until("its pid", () => Number(heard.messages()[0] ?? 0));
  await Bun.write(join(rig.home, "runs", "no name!", "file"), "");
  rig.reopen();
  await rig.steps.sweep(() => true);
  expect([isAlive(readStat(pid)), readdirSync(join(rig.home, "runs", rig.run)).length]).toEqual([true, 2]);
  await rig.steps.sweep(() => false);
  expect([isAlive(readStat(pid)), existsSync(join(rig.home, "runs", rig.run))]).toEqual([false, false]);
});

const canLimitMemory = existsSync("/sys/fs/cgroup/memory/cgroup.procs") || process.env["CI"] === "true";
test.skipIf(!canLimitMemory)("too much memory: killed, and told so", async () => {
  using rig = new StepRig();
  const hog = rig.execution([process.execPath, "-e", "const all = []; for (;;) all.push(Buffer.alloc(1 << 20, 1));"], {
    over: { resources: { memory_bytes: 96 * 1024 * 1024 } },
  });
  const end = await (await rig.steps.start(hog, new Heard())).ended;
  expect(end).toMatchObject({ kind: "failed", error: { facts: { oom: true } } });
});

test("closed politely it goes on, for whoever opens next", async () => {
  using rig = new StepRig();
  const [first, second] = [new Heard(), new Heard()];
  const execution = rig.sh(
    `echo '{"type":"checkpoint","data":1}'; while [ ! -e go ]; do sleep 0.01; done; echo '{"type":"checkpoint","data":2}'; exit 4`,
  );
  await rig.steps.start(execution, first);
  const [taken] = await until("its checkpoint", () => (first.checkpoints.length > 0 ? first.checkpoints : undefined));
  rig.reopen();
  const step = await rig.steps.adopt({ ...execution, consumed: taken?.consumed ?? 0 }, second);
  await Bun.write(join(rig.home, "runs", rig.run, "work", "go"), "");
  expect(await step?.ended).toMatchObject({ kind: "failed", error: { message: "exit 4" } });
  expect([first, second].map(({ checkpoints }) => checkpoints.map(({ data }) => data))).toEqual([[1], [2]]);
});

test("what a step puts beside its own files is in nobody's way, and goes with them", async () => {
  using rig = new StepRig();
  const step = await rig.steps.start(
    rig.sh('echo > ../notes.txt; mkdir "../a b" ../.hidden; mkdir "../../a b"; echo > ../../stray'),
    new Heard(),
  );
  expect(await step.ended).toEqual({ kind: "completed" });
  await rig.steps.sweep(() => false);
  expect(existsSync(join(rig.home, "runs", rig.run))).toBe(false);
});

test("a step that puts a link in the place of its run's folder has nothing written or removed behind it", async () => {
  using rig = new StepRig();
  const elsewhere = join(rig.home, "elsewhere");
  mkdirSync(elsewhere);
  writeFileSync(join(elsewhere, "precious"), "");
  const step = await rig.steps.start(
    rig.sh("until ls ../*/meta.json >/dev/null 2>&1; do :; done; cd ../..; mv $ORCO_RUN_ID moved; ln -s ../elsewhere $ORCO_RUN_ID"),
    new Heard(),
  );
  expect(await step.ended).toMatchObject({ kind: "lost" });
  const next = await rig.steps.start(rig.sh("true"), new Heard());
  expect(await next.ended).toMatchObject({ kind: "failed", error: { code: "conflict" } });
  await rig.steps.forget(rig.run);
  expect(readdirSync(elsewhere)).toEqual(["precious"]);
  expect(existsSync(join(rig.home, "runs", rig.run))).toBe(false);
});
