import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../../test/until.ts";
import { systemClock } from "../../kernel/clock.ts";
import { isAlive, readStat } from "../proc.ts";
import type { Exec, ExecRun, LaunchSpec } from "../runtime.ts";
import { execProcess } from "./process.ts";

const dir = mkdtempSync(join(tmpdir(), "orco-exec-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const LAUNCH: LaunchSpec = {
  instance: "i1",
  stack: "demo",
  service: "api",
  replica: 0,
  argv: ["true"],
  cwd: dir,
  env: { PATH: process.env["PATH"] ?? "", ORCO_SERVICE: "api", PORT: "4711" },
};
const TTY = { columns: 40, rows: 10 };

function sh(script: string, run: Partial<ExecRun> = {}): Exec {
  return execProcess(LAUNCH, { argv: ["sh", "-c", script], ...run }, systemClock());
}

/** All it writes, by stream. */
async function said(exec: Exec): Promise<{ stdout: string; stderr: string }> {
  const all = { stdout: "", stderr: "" };
  for (let piece = await exec.read(); piece; piece = await exec.read()) all[piece.stream] += Buffer.from(piece.data).toString("latin1");
  return all;
}

/** Bytes that a process has written when it writes no more, though it lives. */
async function heldAt(pid: number): Promise<number> {
  const written = (): number => Number(/^wchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, "latin1"))?.[1]);
  let [last, same] = [-1, 0];
  await until("the process to be held back", () => {
    const now = written();
    same = now === last ? same + 1 : 0;
    last = now;
    return same > 20;
  });
  expect(isAlive(readStat(pid))).toBe(true);
  return last;
}

describe("with pipes", () => {
  test("it has the environment and the folder of the instance, its own variables, both streams and its exit code", async () => {
    const exec = sh('echo "$ORCO_SERVICE $PORT $MORE $PWD"; echo wrong >&2; exit 7', { env: { MORE: "x" } });
    expect(await said(exec)).toEqual({ stdout: `api 4711 x ${dir}\n`, stderr: "wrong\n" });
    expect(await exec.exited).toEqual({ code: 7 });
  });

  test("it reads what is written until its end", async () => {
    const exec = sh("cat; echo over");
    expect(await exec.write(Buffer.from("one "))).toBe(true);
    expect(await exec.write(Buffer.from("two\n"))).toBe(true);
    exec.end();
    expect((await said(exec)).stdout).toBe("one two\nover\n");
    expect(await exec.exited).toEqual({ code: 0 });
  });

  test("a signal is its number and 128", async () => {
    expect(await sh("kill -TERM $$").exited).toEqual({ code: 143, signal: "SIGTERM" });
  });

  test("who does not read holds it back, and loses nothing", async () => {
    const exec = sh(`echo $$ >${dir}/writer; exec head -c 20000000 /dev/zero`);
    const first = await exec.read();
    expect(await heldAt(Number(readFileSync(join(dir, "writer"), "utf8")))).toBeLessThan(8e6);
    expect((await said(exec)).stdout.length + (first?.data.byteLength ?? 0)).toBe(20_000_000);
  });

  test("a command that reads no more says so, whether it ends or not", async () => {
    const deaf = sh("exec <&-; echo closed; exec sleep 60");
    await deaf.read();
    expect(await deaf.write(Buffer.from("x"))).toBe(false);
    deaf.kill();
    const full = sh("exec sleep 60");
    const written = full.write(new Uint8Array(4_000_000));
    full.kill();
    expect(await written).toBe(false);
    expect(await full.exited).toEqual({ code: 137, signal: "SIGKILL" });
    expect(await full.write(Buffer.from("x"))).toBe(false);
  });

  test("nothing it started outlives it, not even in a session of its own", async () => {
    const exec = sh(`setsid sh -c 'echo $$ >${dir}/stray; exec sleep 60' & while [ ! -s ${dir}/stray ]; do sleep 0.01; done; exit 0`);
    await exec.exited;
    expect(isAlive(readStat(Number(readFileSync(join(dir, "stray"), "utf8"))))).toBe(false);
  });

  test("killed, it is gone with its children", async () => {
    const exec = sh(`sleep 60 & echo $! >${dir}/child; echo up; wait`);
    await exec.read();
    exec.kill();
    expect((await exec.exited).signal).toBe("SIGKILL");
    expect(isAlive(readStat(Number(readFileSync(join(dir, "child"), "utf8"))))).toBe(false);
    expect(await exec.read()).toBeUndefined();
  });

  test("what cannot be started says why", () => {
    expect(() => execProcess(LAUNCH, { argv: ["no-such-program"] }, systemClock())).toThrow(/no-such-program: not found in PATH/);
    expect(() => execProcess(LAUNCH, { argv: ["true"], cwd: "/no/such" }, systemClock())).toThrow(
      /working directory \/no\/such does not exist/,
    );
    expect(() => execProcess(LAUNCH, { argv: ["true"], user: "nobody-of-this-name" }, systemClock())).toThrow(/nobody-of-this-name/);
  });
});

describe("on a terminal", () => {
  test("it is one, of the size that is said, and of another one later", async () => {
    const exec = sh("tty; stty size; read line; stty size; echo bye", { tty: TTY });
    let text = "";
    while (!text.includes("10 40")) text += Buffer.from((await exec.read())?.data ?? []).toString();
    exec.resize({ columns: 99, rows: 33 });
    await exec.write(Buffer.from("go\r"));
    text += (await said(exec)).stdout;
    expect(text).toMatch(/\/dev\/pts\/\d+/);
    expect(text).toContain("33 99");
    expect(text).toEndWith("bye\r\n");
    expect(await exec.exited).toEqual({ code: 0 });
  });

  test("Ctrl-C is the command's", async () => {
    const exec = sh("trap 'echo caught; exit 3' INT; echo up; while :; do sleep 0.05; done", { tty: TTY });
    await exec.read();
    await exec.write(Buffer.from("\x03"));
    expect((await said(exec)).stdout).toContain("caught");
    expect(await exec.exited).toEqual({ code: 3 });
  });

  test("a flood that nobody reads waits in the terminal", async () => {
    const exec = sh(`stty raw; echo $$ >${dir}/flood; exec head -c 6000000 /dev/zero`, { tty: TTY });
    let bytes = (await exec.read())?.data.byteLength ?? 0;
    expect(await heldAt(Number(readFileSync(join(dir, "flood"), "utf8")))).toBeLessThan(4e6);
    for (let piece = await exec.read(); piece; piece = await exec.read()) bytes += piece.data.byteLength;
    expect(bytes).toBe(6_000_000);
  });

  test("killed, its jobs are gone and its terminal too", async () => {
    const exec = sh(`set -m; sleep 60 & echo $! >${dir}/job; echo up; wait`, { tty: TTY });
    await exec.read();
    exec.kill();
    await exec.exited;
    const job = Number(readFileSync(join(dir, "job"), "utf8"));
    await until("the job to be gone", () => !isAlive(readStat(job)));
  });
});
