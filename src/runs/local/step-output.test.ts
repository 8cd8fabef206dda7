import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../../test/until.ts";
import { OrcoError } from "../../kernel/errors.ts";
import type { Json } from "../../kernel/event.ts";
import { Heard, StepRig } from "./rig.suite.ts";

const folder = mkdtempSync(join(tmpdir(), "orco-scripts-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A program of Bun, as a command. */
async function program(name: string, code: string): Promise<string[]> {
  const path = join(folder, `${name}.ts`);
  await Bun.write(
    path,
    `import { writeSync } from "node:fs";\nconst all = (fd: number, text: string | Uint8Array) => { const bytes = Buffer.from(text); for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at); };\n${code}`,
  );
  return [process.execPath, path];
}

test("half a million lines: all of them, in order, and the disk is given back", async () => {
  using rig = new StepRig();
  const heard = new Heard();
  let lines = 0;
  let wrong = 0;
  heard.log = ({ message, offset = 0 }) => {
    if (message !== `line ${lines} of many` || offset <= 0) wrong += 1;
    lines += 1;
  };
  const code = `for (let n = 0; n < 500_000; n += 500) all(1, Array.from({ length: 500 }, (_, i) => "line " + (n + i) + " of many\\n").join(""));`;
  const execution = rig.execution(await program("flood", code));
  const step = await rig.steps.start(execution, heard);
  expect(await step.ended).toEqual({ kind: "completed" });
  expect([lines, wrong]).toEqual([500_000, 0]);
  const spool = statSync(join(rig.home, "runs", rig.run, execution.execution, "stdout.spool"));
  expect(spool.size).toBeGreaterThan(9_000_000);
  expect(spool.blocks * 512).toBeLessThan(600_000);
});

test("checkpoints of 900 kB; a line that is longer than any message is log, in pieces", async () => {
  using rig = new StepRig();
  const heard = new Heard();
  const code = `
    all(1, JSON.stringify({ type: "checkpoint", data: "é".repeat(450_000) }) + "\\n");
    all(1, JSON.stringify({ type: "checkpoint", data: "x".repeat(2_500_000) }) + "\\n");
    all(1, JSON.stringify({ type: "checkpoint", data: { n: 2 } }) + "\\n");`;
  const step = await rig.steps.start(rig.execution(await program("large", code)), heard);
  expect(await step.ended).toEqual({ kind: "completed" });
  expect(heard.checkpoints.map(({ data }) => data)).toEqual(["é".repeat(450_000), { n: 2 }]);
  expect(heard.messages().length).toBe(3);
  expect(heard.messages().join("")).toBe(JSON.stringify({ type: "checkpoint", data: "x".repeat(2_500_000) }));
});

test("bytes that are no text, and both outputs at once", async () => {
  using rig = new StepRig();
  const heard = new Heard();
  const code = `
    const noise = new Uint8Array(300_000).map((_, at) => (at * 7919) % 256);
    all(1, noise); all(1, "\\n");
    for (let n = 0; n < 2000; n++) { all(1, "out " + n + "\\r\\n"); all(2, "err " + n + "\\n"); if (n % 100 === 0) all(1, JSON.stringify({ type: "checkpoint", data: n }) + "\\n"); }
    all(2, "last, without a line break");`;
  const step = await rig.steps.start(rig.execution(await program("noise", code)), heard);
  expect(await step.ended).toEqual({ kind: "completed" });
  const numbers = Array.from({ length: 2000 }, (_, n) => n);
  expect(heard.messages().filter((message) => message.startsWith("out "))).toEqual(numbers.map((n) => `out ${n}`));
  expect(heard.messages("stderr")).toEqual([...numbers.map((n) => `err ${n}`), "last, without a line break"]);
  expect(heard.checkpoints.map(({ data }) => data)).toEqual(numbers.filter((n) => n % 100 === 0) as Json[]);
});

test("a full disk holds it up; then it goes on where it was", async () => {
  using rig = new StepRig();
  const heard = new Heard();
  let full = 2;
  heard.before = () => {
    if (heard.checkpoints.length === 1 && full-- > 0) throw new OrcoError("disk_full", "no space");
  };
  const script = `for n in 1 2 3; do echo "{\\"type\\":\\"checkpoint\\",\\"data\\":$n}"; done; echo '{"type":"output","data":{"a":1}}'; echo end`;
  const step = await rig.steps.start(rig.sh(script), heard);
  expect(await step.ended).toEqual({ kind: "completed" });
  expect([heard.checkpoints.map(({ data }) => data), heard.outputs, heard.messages()]).toEqual([[1, 2, 3], [{ a: 1 }], ["end"]]);
  expect(full).toBe(-1);
});

test("refused for good: it is ended, and nothing it said afterwards is recorded", async () => {
  using rig = new StepRig();
  const script = `echo '{"type":"checkpoint","data":1}'; echo '{"type":"checkpoint","data":2}'; sleep 60`;
  const refusedWith = async (code: "conflict" | "too_large"): Promise<unknown> => {
    const heard = new Heard();
    heard.before = () => {
      if (heard.checkpoints.length === 0) throw new OrcoError(code, "it may not");
    };
    const step = await rig.steps.start(rig.sh(script), heard);
    const end = await step.ended;
    expect(heard.checkpoints).toEqual([]);
    return end;
  };
  expect(await refusedWith("conflict")).toEqual({ kind: "lost", message: "it may not" });
  const message = "what it said was refused, and it was stopped: it may not";
  expect(await refusedWith("too_large")).toEqual({ kind: "failed", error: { code: "too_large", message, facts: {} } });
});

test("a spool that the step has taken away ends with the step", async () => {
  using rig = new StepRig();
  const heard = new Heard();
  const spool = "$(readlink /proc/$$/fd/1)";
  const step = await rig.steps.start(rig.sh(`rm -f "${spool}"; ln -s /etc/passwd "${spool}"; echo hi`), heard);
  const end = await step.ended;
  expect(end.kind).toBe("completed");
  expect(heard.messages().join("\n")).not.toContain("root:");
}, 60_000);

test("a step that writes faster than it can be read is ended before it fills the disk", async () => {
  using rig = new StepRig();
  rig.steps.close();
  rig.steps = rig.open({ maxBacklogBytes: 4 * 1024 * 1024 });
  const heard = new Heard();
  const taken = Promise.withResolvers<void>();
  heard.before = () => taken.promise;
  const execution = rig.sh(`echo '{"type":"checkpoint"}'; yes | head -c 20000000; sleep 60`);
  const step = await rig.steps.start(execution, heard);
  const exit = Bun.file(join(rig.home, "runs", rig.run, execution.execution, "exit"));
  await until("it was ended", async () => (await exit.stat()).size > 1);
  taken.resolve();
  const message =
    "what it said was refused, and it was stopped: more than 4194304 bytes of its stdout waited to be taken; write less, or more slowly";
  expect(await step.ended).toEqual({ kind: "failed", error: { code: "too_large", message, facts: { source: "stdout" } } });
  // None where all of it was there at the first look.
  expect(heard.checkpoints.length).toBeLessThanOrEqual(1);
  expect(heard.lines).toEqual([]);
});

test("what a step writes to /dev/stderr opened anew is taken though that cuts its file off, also by the next daemon", async () => {
  using rig = new StepRig();
  const heard = new Heard();
  const gate = join(rig.home, "gate");
  const wait = (name: string): string => `until [ -e ${gate}.${name} ] || [ ! -d ${rig.home} ]; do sleep 0.01; done`;
  const script = `
    echo one >&2; echo '{"type":"checkpoint","data":1}'; ${wait("a")}
    echo two > /dev/stderr; echo three >&2; echo '{"type":"checkpoint","data":2}' > /dev/stdout; ${wait("b")}
    echo '{"type":"checkpoint","data":3}'; echo four >&2; ${wait("c")}; echo five > /dev/stderr; exit 3`;
  const execution = rig.sh(script);
  await rig.steps.start(execution, heard);
  await until("the first words", () => heard.checkpoints.length === 1 && heard.messages("stderr").length === 1);
  writeFileSync(`${gate}.a`, "");
  await until("those of a file cut off", () => heard.checkpoints.length === 2 && heard.messages("stderr").length === 3);
  await new Promise((resolve) => setImmediate(resolve));
  rig.reopen();
  writeFileSync(`${gate}.b`, "");
  const next = new Heard();
  const adopted = await rig.steps.adopt({ ...execution, consumed: heard.checkpoints.at(-1)?.consumed ?? 0 }, next);
  await until("the words to the next daemon", () => next.messages("stderr").at(-1) === "four");
  writeFileSync(`${gate}.c`, "");
  expect(await adopted?.ended).toMatchObject({ kind: "failed", error: { message: "exit 3: five" } });
  expect(heard.messages("stderr")).toEqual(["one", "two", "three"]);
  expect(heard.messages("orco").length).toBe(2);
  expect(next.checkpoints.map(({ data }) => data)).toEqual([3]);
  // Told again with the offsets that they had, by which a log knows them.
  const last = Math.max(...heard.lines.map(({ offset = 0 }) => offset));
  expect(next.lines.flatMap(({ offset = 0, message }) => (offset > last ? [message] : []))).toEqual(["four", "five"]);
  const ends = [...heard.checkpoints, ...next.checkpoints].map(({ consumed = 0 }) => consumed);
  expect(ends).toEqual(ends.toSorted((a, b) => a - b));
});
