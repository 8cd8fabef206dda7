import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isAlive, readStat } from "../../src/supervise/proc.ts";
import { until } from "../until.ts";
import { type Fields, messagesIn, runsRig, sh, stepOf } from "./runs-rig.ts";

const rig = runsRig();

/** A line of the protocol, in quotes of a shell. */
function says(message: Fields): string {
  return `printf '%s\\n' '${JSON.stringify(message).replaceAll("'", `'"'"'`)}'`;
}

function output(data: Fields): string {
  return says({ type: "output", data });
}

describe("what a step is given", () => {
  test("its environment, its input, and of the daemon's own nothing secret", async () => {
    const script = `printf '{"type":"output","data":{"run":"%s","step":"%s","attempt":"%s","api":"%s","mine":"%s","token":"%s","resume":"%s"}}\\n' \
      "$ORCO_RUN_ID" "$ORCO_STEP_ID" "$ORCO_ATTEMPT" "$ORCO_API_URL" "$MINE" "$ORCO_RUN_TOKEN" "$\${ORCO_RESUME-none}"; cat "$ORCO_INPUT" > input.json; env`;
    const steps = [sh("a", script, { env: { MINE: "${input.deep.list[1]} ${run.id}" } }), sh("b", "cat input.json", { needs: ["a"] })];
    const { run, step } = await rig.through(steps, { input: { deep: { list: [1, "two"] }, quote: '"' } });
    expect(run.status).toBe("completed");
    const { token, ...given } = step("a").outputs ?? {};
    expect(given).toEqual({ run: run.id, step: "a", attempt: "1", api: rig.url, mine: `two ${run.id}`, resume: "none" });
    expect(token).toBe("[redacted]");
    const log = (await rig.get(`/runs/${run.id}/logs?step=b`)).text;
    expect(JSON.parse(JSON.parse(log).message as string)).toEqual({ deep: { list: [1, "two"] }, quote: '"' });
    expect((await rig.get(`/runs/${run.id}/logs?step=a`)).text).not.toMatch(/ORCO_HOME|API_KEY/);
  });

  test("a token that opens its run: a checkpoint over HTTP", async () => {
    const post = `const { ORCO_API_URL: url, ORCO_RUN_ID: run, ORCO_RUN_TOKEN: token } = process.env;
      const headers = { authorization: "Bearer " + token, "content-type": "application/json" };
      const answer = await fetch(url + "/runs/" + run + "/checkpoints", { method: "POST", headers, body: '{"type":"by hand","data":1}' });
      process.exit(answer.status === 201 ? 0 : 1);`;
    const { run } = await rig.through([{ id: "a", command: [process.execPath, "-e", post] }]);
    expect(run.status).toBe("completed");
    expect((await rig.get(`/runs/${run.id}/checkpoints`)).body["checkpoints"]).toMatchObject([{ type: "by hand", data: 1 }]);
  });

  test("values of others, as text and as lists; what has no value fails it", async () => {
    const { run, step } = await rig.through([
      sh("a", output({ list: [{ n: 1 }, { n: 2 }], text: "it's $HOME `id` \\n", number: 1.5, no: null })),
      {
        id: "b",
        needs: ["a"],
        command: ["printf", "%s|%s|%s", "${steps.a.outputs.list[1].n}", "${steps.a.outputs.text}", "x${steps.a.outputs.list}$${y}"],
      },
      sh("c", "true", { needs: ["a"], env: { X: "${steps.a.outputs.missing}" } }),
      sh("d", "true", { needs: ["c"] }),
    ]);
    expect(run.status).toBe("failed");
    expect(messagesIn(await rig.get(`/runs/${run.id}/logs?step=b`))[0]).toBe('2|it\'s $HOME `id` \\n|x[{"n":1},{"n":2}]${y}');
    expect([step("c").status, step("d").status]).toEqual(["failed", "skipped"]);
    expect(step("c").error?.message).toContain("${steps.a.outputs.missing}");
  });
});

describe("when", () => {
  test("success, failure and always, through skips", async () => {
    const { run, step } = await rig.through([
      sh("bad", "exit 3"),
      sh("good", "true"),
      sh("after", "true", { needs: ["bad"] }),
      sh("later", "true", { needs: ["after"] }),
      sh("clean", "true", { needs: ["later"], when: "failure" }),
      sh("always", "true", { needs: ["later"], when: "always" }),
      sh("both", "true", { needs: ["good", "bad"], when: "failure" }),
      sh("calm", "true", { needs: ["good"], when: "failure" }),
      sh("fine", "true", { needs: ["good"] }),
    ]);
    const found = Object.fromEntries(run.steps.map(({ id, status }) => [id, status]));
    expect(found).toEqual({
      bad: "failed",
      good: "completed",
      after: "skipped",
      later: "skipped",
      clean: "completed",
      always: "completed",
      both: "completed",
      calm: "skipped",
      fine: "completed",
    });
    expect(run.status).toBe("failed");
    expect(run.error?.message).toContain("bad");
    expect(step("bad").error?.message).toContain("3");
    expect(step("after").message).toContain("bad");
  });
});

describe("retry", () => {
  test("max 2 is three executions; the last one counts; ORCO_RESUME holds the last checkpoint", async () => {
    const script = `echo x >> count; ${says({ type: "checkpoint", data: { at: 7 }, name: "c" })}; [ "$ORCO_ATTEMPT" = 3 ] || exit 1; cp "$ORCO_RESUME" resumed; exit 0`;
    const { run, step } = await rig.through([
      sh("a", script, { retry: { max: 2, backoff: { min_ms: 1, max_ms: 5, factor: 2 } } }),
      sh("b", "wc -l < count; cat resumed", { needs: ["a"] }),
    ]);
    expect([run.status, step("a").attempt]).toEqual(["completed", 3]);
    const lines = messagesIn(await rig.get(`/runs/${run.id}/logs?step=b`));
    expect([lines[0]?.trim(), JSON.parse(lines[1] ?? "")]).toEqual(["3", { at: 7 }]);
    const { body } = await rig.get(`/runs/${run.id}/checkpoints`);
    expect((body["checkpoints"] as Fields[]).map(({ step: of, attempt, name, data }) => [of, attempt, name, data])).toEqual(
      [1, 2, 3].map((n) => ["a", n, "c", { at: 7 }]),
    );
    const { step: other } = await rig.through([sh("a", "exit 1", { retry: { max: 1, backoff: { min_ms: 1 } } })]);
    expect([other("a").status, other("a").attempt]).toEqual(["failed", 2]);
  });

  test("while it waits for the next one the step says so", async () => {
    const id = await rig.plan([sh("a", "exit 1", { retry: { max: 1, backoff: { min_ms: 60_000, max_ms: 60_000 } } })]);
    const run = await rig.stepWhen(id, "a", "waiting");
    expect(stepOf(run, "a")["waiting"]).toMatchObject({ kind: "retry" });
    expect((await rig.delete(`/runs/${id}`)).status).toBe(200);
  });
});

test("a timeout ends the whole tree of a step", async () => {
  const { run, step } = await rig.through([
    sh("a", "sleep 300 & echo $! > pid; wait", { timeout_ms: 5000 }),
    sh("b", "cat pid", { needs: ["a"], when: "failure" }),
  ]);
  expect([run.status, step("a").error?.code, step("b").status]).toEqual(["failed", "timeout", "completed"]);
  expect(isAlive(readStat(Number(messagesIn(await rig.get(`/runs/${run.id}/logs?step=b`))[0])))).toBe(false);
});

test("a run's own timeout ends it and its steps", async () => {
  const file = join(rig.dir, "timed-out");
  const id = await rig.plan([sh("a", `echo $$ > ${file}; exec sleep 300`), sh("b", "true", { needs: ["a"] })], { timeout_ms: 5000 });
  const run = await rig.ended(id);
  expect([run.status, run.error?.code]).toEqual(["failed", "timeout"]);
  const pid = Number(readFileSync(file, "utf8"));
  await until("the step to be gone", () => !isAlive(readStat(pid)));
  expect(run.steps.map(({ status }) => status)).not.toContain("running");
});

describe("for_each", () => {
  test("executes each item, some at once, and gathers", async () => {
    const items = [{ n: 1 }, { n: 2 }, { n: 3 }];
    const script = `printf '{"type":"output","data":{"seen":"%s %s"}}\\n' "\${item.n}" "\${index}"`;
    const { run, step } = await rig.through([
      sh("list", output({ items })),
      sh("each", script, { needs: ["list"], for_each: { from: "${steps.list.outputs.items}", max_parallel: 2 } }),
      sh("fixed", `echo "\${item}" >> seen`, { needs: ["each"], for_each: { items: ["a b", 7, null], max_parallel: 1 } }),
      sh("none", "false", { needs: ["each"], for_each: { items: [] } }),
      sh("last", "cat seen", { needs: ["fixed", "none"] }),
    ]);
    expect(run.status).toBe("completed");
    expect(step("each[1]").outputs).toEqual({ seen: "2 1" });
    expect(run.steps.map(({ id }) => id).filter((id) => id.startsWith("each"))).toEqual(["each", "each[0]", "each[1]", "each[2]"]);
    expect(step("none").status).toBe("completed");
    expect(messagesIn(await rig.get(`/runs/${run.id}/logs?step=last`))).toEqual(["a b", "7", "null"]);
  });

  test("one item that fails fails it; what is no list fails it", async () => {
    const { step } = await rig.through([
      sh("a", output({ no: "list" })),
      sh("some", "[ ${item} != 2 ]", { for_each: { items: [1, 2, 3] } }),
      sh("bad", "true", { needs: ["a"], for_each: { from: "${steps.a.outputs.no}" } }),
    ]);
    expect([step("some").status, step("some[1]").status, step("some[2]").status, step("bad").status]).toEqual([
      "failed",
      "failed",
      "completed",
      "failed",
    ]);
  });
});

describe("NDJSON on stdout", () => {
  test("each kind of message does what it is for; all else is log", async () => {
    const lines = [
      says({ type: "output", data: { a: 1, b: 1 } }),
      says({ type: "output", data: { b: 2 } }),
      says({ type: "progress", percent: 40, message: "nearly" }),
      says({ type: "log", level: "warn", message: "careful" }),
      says({ type: "heartbeat" }),
      says({ type: "checkpoint" }),
      says({ type: "output", data: [1] }),
      says({ type: "other" }),
      'echo \'{"type":"output","data":{\'',
      "echo '  plain  '",
      "echo err >&2",
      "printf 'no newline'",
    ];
    const { run, step } = await rig.through([sh("a", lines.join("; "))]);
    expect(run.status).toBe("completed");
    expect(step("a").outputs).toEqual({ a: 1, b: 2 });
    const log = (await rig.get(`/runs/${run.id}/logs`)).text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Fields);
    const told = log.map(({ source, level, message }) => [source, level, message]);
    expect(told).toContainEqual(["stdout", "warn", "careful"]);
    expect(told.map(([, , message]) => message)).toEqual(
      expect.arrayContaining(["  plain  ", "no newline", '{"type":"other"}', '{"type":"output","data":[1]}', '{"type":"output","data":{']),
    );
    expect(told.find(([, , message]) => message === "err")?.[0]).toBe("stderr");
    expect((await rig.get(`/runs/${run.id}/checkpoints`)).body["checkpoints"]).toHaveLength(1);
  });

  test("promised outputs have to come", async () => {
    const { step } = await rig.through([
      sh("a", output({ x: 1 }), { outputs: ["x", "y"] }),
      sh("b", output({ x: 1, y: 0 }), { outputs: ["x", "y"] }),
    ]);
    expect([step("a").status, step("b").status]).toEqual(["failed", "completed"]);
    expect(step("a").error?.message).toContain("y");
  });
});

test("what cannot be started says so", async () => {
  const { run, step } = await rig.through([
    { id: "a", command: ["/no/such/program"] },
    { id: "b", command: ["true"], workdir: "/no/such/folder" },
    sh("c", "kill -9 $$"),
  ]);
  expect(run.status).toBe("failed");
  expect(step("a").error).toMatchObject({ code: "executable_not_found" });
  expect(step("b").error?.message).toContain("/no/such/folder");
  expect(step("c").error?.message).toContain("SIGKILL");
});

test("independent steps run at once, up to max_parallel", async () => {
  const meet = (me: string, other: string) =>
    sh(me, `mkfifo ${me} 2>/dev/null; touch ${me}.here; while [ ! -e ${other}.here ]; do sleep 0.01; done`);
  const id = await rig.create({ plan: { steps: [meet("a", "b"), meet("b", "a")], max_parallel: 2 }, timeout_ms: 10_000 });
  expect((await rig.ended(id)).status).toBe("completed");
  const alone = (me: string) => sh(me, `mkdir busy || exit 1; sleep 0.05; rmdir busy`);
  const one = await rig.create({ plan: { steps: ["a", "b", "c", "d"].map(alone), max_parallel: 1 } });
  expect((await rig.ended(one)).status).toBe("completed");
});

test("steps outlive their daemon: adopted, not executed again", async () => {
  const ledger = join(rig.dir, "ledger");
  const id = await rig.plan([
    sh("a", `echo begun >> ${ledger}; while [ ! -e ${ledger}.go ]; do sleep 0.02; done; ${output({ n: 1 })}`),
    sh("b", `echo b \${steps.a.outputs.n} >> ${ledger}`, { needs: ["a"] }),
  ]);
  await rig.stepWhen(id, "a", "running");
  await rig.again();
  await Bun.write(`${ledger}.go`, "");
  const run = await rig.ended(id);
  expect([run.status, run.attempt, stepOf(run, "a").attempt]).toEqual(["completed", 1, 1]);
  expect(readFileSync(ledger, "utf8")).toBe("begun\nb 1\n");
});
