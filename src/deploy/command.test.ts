import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../test/until.ts";
import { FakeClock, systemClock } from "../kernel/clock.ts";
import { Redactor } from "../supervise/logs/redact.ts";
import { isAlive, readStat } from "../supervise/proc.ts";
import { runSlotCommand, type SlotCommand } from "./command.ts";

const dirs: string[] = [];

afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});

function slot(): string {
  const dir = mkdtempSync(join(tmpdir(), "orco-command-"));
  dirs.push(dir);
  return dir;
}

function run(command: string, over: Partial<SlotCommand> = {}) {
  return runSlotCommand({ command, cwd: slot(), env: { PATH: "/usr/bin:/bin" }, timeoutMs: 20_000, clock: systemClock(), ...over });
}

test("runs in the slot with its environment and no other", async () => {
  const cwd = slot();
  const result = await run("pwd; env | cut -d= -f1 | sort | tr '\\n' ' '; echo; echo $PORT", {
    cwd,
    env: { PATH: "/usr/bin:/bin", PORT: "3901" },
  });
  expect(result).toMatchObject({ ok: true, ended: "exited", code: 0, lines: [cwd, "ORCO_INSTANCE PATH PORT PWD", "3901"] });
  expect(run("true", { cwd: "/no/such/slot" })).rejects.toMatchObject({ code: "start_failed" });
});

test("lines come as they are written, clean, and the last 30 are kept", async () => {
  const seen: string[] = [];
  const command = `printf 'a\\r\\n\\033[31m  b\\033[0m\\n10%%\\r20%%\\r30%%\\nlong '; head -c 20000 /dev/zero | tr '\\0' x; printf '\\nno end' >&2; exit 3`;
  const result = await run(command, { onLine: (line) => seen.push(line) });
  expect(result).toMatchObject({ ok: false, ended: "exited", code: 3 });
  expect(seen.toSorted((a, b) => a.length - b.length).map((line) => line.slice(0, 8))).toEqual(
    expect.arrayContaining(["a", "  b", "10%", "20%", "30%", "no end", "long xxx"]),
  );
  expect(Math.max(...seen.map(({ length }) => length))).toBe(8192);
  expect(seen.join("").match(/x/g)).toHaveLength(20_000);
  const many = await run("seq 1 100");
  expect(many.lines).toEqual(Array.from({ length: 30 }, (_, index) => String(71 + index)));
});

test("a build that writes a lot is read to its end", async () => {
  let count = 0;
  const result = await run("seq 1 200000", { onLine: () => count++ });
  expect([result.ok, count, result.lines.at(-1)]).toEqual([true, 200_000, "200000"]);
});

for (const how of ["at the timeout", "when it is aborted"]) {
  test(`the whole tree ends ${how}, strays included`, async () => {
    const abort = new AbortController();
    const clock = new FakeClock();
    const pids: number[] = [];
    // The inner shell leaves its group, its session and its parent, and holds the output open.
    const command = "setsid -f sh -c 'echo $$; exec sleep 3600'; sleep 3600 & echo $!; wait";
    const onLine = (line: string): void => {
      if (pids.push(Number(line)) < 2) return;
      if (how === "at the timeout") void clock.advance(20_000);
      else abort.abort();
    };
    const result = await run(command, { clock, onLine, signal: abort.signal });
    expect(result).toMatchObject({ ok: false, ended: how === "at the timeout" ? "timeout" : "cancelled" });
    expect(pids).toHaveLength(2);
    await until("everything to be gone", () => pids.every((pid) => !isAlive(readStat(pid))));
  });
}

test("what a build leaves in the background ends with it, and is not waited for", async () => {
  expect(await run("setsid -f sleep 3600; echo built", { clock: new FakeClock() })).toMatchObject({ ok: true, lines: ["built"] });
});

test("one that is already cancelled does not start", async () => {
  expect(await run("echo x", { signal: AbortSignal.abort() })).toMatchObject({ ok: false, ended: "cancelled", lines: [] });
});

test("a secret that lies across the cut of a very long line is taken out whole", async () => {
  const secret = "s3cret-".repeat(8);
  const seen: string[] = [];
  const redactor = new Redactor([secret]);
  const command = `head -c 8170 /dev/zero | tr '\\0' x; printf '%s' "$TOKEN"; head -c 9000 /dev/zero | tr '\\0' y; echo; printf 'end \\033[31m%s\\033[0m%s' "$(echo "$TOKEN" | cut -c1-9)" "$(echo "$TOKEN" | cut -c10-)"`;
  const result = await run(command, { env: { PATH: "/usr/bin:/bin", TOKEN: secret }, onLine: (line) => seen.push(line), redactor });
  for (const text of [seen.join(""), result.lines.join("")]) {
    expect(text).not.toContain("s3cret-");
    expect(text.match(/\[redacted\]/g)).toHaveLength(2);
  }
});
