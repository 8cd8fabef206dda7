import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../../test/until.ts";
import { systemClock } from "../../kernel/clock.ts";
import { RunLogs } from "../logs/run-logs.ts";

const PROGRAMS = join(import.meta.dir, "../../../test/programs");
const KILLS = 6;

class Drive {
  readonly home = mkdtempSync(join(tmpdir(), "orco-drive-"));

  [Symbol.dispose](): void {
    rmSync(this.home, { recursive: true, force: true });
  }

  start(command: readonly string[]): Bun.Subprocess<"ignore", "pipe", "inherit"> {
    const argv = [process.execPath, join(PROGRAMS, "step-driver.ts"), this.home, ...command];
    return Bun.spawn(argv, { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  }

  /** Lines of the ledger so far. */
  told(): { readonly data?: unknown; readonly outputs?: unknown }[] {
    try {
      const text = readFileSync(join(this.home, "ledger"), "utf8");
      return text
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line) as { data?: unknown });
    } catch {
      return [];
    }
  }

  async log(source: "stdout" | "stderr"): Promise<string[]> {
    const logs = new RunLogs({ home: this.home, clock: systemClock(), hasEnded: () => true, onError: () => undefined });
    const records = await Array.fromAsync(logs.read("r", { source, signal: new AbortController().signal }));
    return records.map(({ message }) => message);
  }
}

test("a driver killed again and again: every checkpoint and every line once, and in order", async () => {
  using drive = new Drive();
  const rounds = 20_000;
  const command = [process.execPath, join(PROGRAMS, "step-talker.ts"), String(rounds), "40"];
  for (let kill = 1; kill <= KILLS; kill++) {
    const driver = drive.start(command);
    await until("some checkpoints", () => drive.told().length >= kill * 75 + ((kill * 37) % 50), 15_000);
    driver.kill("SIGKILL");
    await driver.exited;
  }
  const driver = drive.start(command);
  const said = await new Response(driver.stdout).text();
  expect(said).toBe('begun\n{"kind":"completed"}\n');
  const told = drive.told();
  expect(told.slice(0, -1).map(({ data }) => data)).toEqual(Array.from({ length: rounds / 10 }, (_, n) => n));
  expect(told.at(-1)?.outputs).toEqual({ done: true });
  expect(await drive.log("stdout")).toEqual(Array.from({ length: rounds }, (_, n) => `line ${n}`));
  expect(await drive.log("stderr")).toEqual(Array.from({ length: rounds }, (_, n) => `error ${n}`));
}, 60_000);

test("a step that ended while nobody drove it: its last words and its exit code are learned", async () => {
  using drive = new Drive();
  const go = join(drive.home, "go");
  const script = `while [ ! -e ${go} ]; do sleep 0.01; done; echo '{"type":"checkpoint","data":"late"}'; echo why >&2; echo > ${go}.done; exit 7`;
  const driver = drive.start(["/bin/sh", "-c", script]);
  const reader = driver.stdout.getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).toBe("begun\n");
  driver.kill("SIGKILL");
  await driver.exited;
  await Bun.write(go, "");
  await until("it has ended", () => Bun.file(join(drive.home, "runs/r/e1/exit")).exists());
  const next = drive.start(["/bin/sh", "-c", script]);
  const end = { kind: "failed", error: { code: "step_failed", message: "exit 7: why", facts: { exit: 7 } } };
  expect(await new Response(next.stdout).text()).toBe(`begun\n${JSON.stringify(end)}\n`);
  expect(drive.told().map(({ data }) => data)).toEqual(["late"]);
});
