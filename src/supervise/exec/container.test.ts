import { afterAll, beforeAll, expect, test } from "bun:test";
import { Engine } from "../docker/engine.ts";
import { createContainer, removeContainer, startContainer } from "../docker/containers.ts";
import type { Exec, ExecRun } from "../runtime.ts";
import { execInside } from "./container.ts";

const engine = new Engine("unix:///var/run/docker.sock");
const NAME = `orco-test-exec-${crypto.randomUUID().slice(0, 8)}`;
let container = "";

beforeAll(async () => {
  const spec = { Image: "busybox:local", Cmd: ["sleep", "600"], Env: ["GREETING=hello"], HostConfig: { Init: true, NetworkMode: "none" } };
  container = await createContainer(engine, NAME, { spec });
  await startContainer(engine, container);
});
afterAll(() => removeContainer(engine, container));

const sh = (script: string, run: Partial<ExecRun> = {}): Promise<Exec> =>
  execInside(engine, container, { argv: ["sh", "-c", script], ...run });

async function said(exec: Exec): Promise<{ stdout: string; stderr: string }> {
  const all = { stdout: "", stderr: "" };
  for (let piece = await exec.read(); piece; piece = await exec.read()) all[piece.stream] += Buffer.from(piece.data).toString("latin1");
  return all;
}

test("it runs inside, with both streams, its own variables and folder, and its exit code", async () => {
  const exec = await sh('echo "$GREETING $MORE $PWD"; echo wrong >&2; exit 7', { env: { MORE: "x" }, cwd: "/tmp" });
  expect(await said(exec)).toEqual({ stdout: "hello x /tmp\n", stderr: "wrong\n" });
  expect(await exec.exited).toEqual({ code: 7 });
});

test("input goes in, to its end", async () => {
  const exec = await sh("cat; echo over");
  expect(await exec.write(Buffer.from("one\n"))).toBe(true);
  exec.end();
  expect((await said(exec)).stdout).toBe("one\nover\n");
  expect(await exec.exited).toEqual({ code: 0 });
});

test("a program that is not there, or a folder: it could not be started, and has no output", async () => {
  const missing = await execInside(engine, container, { argv: ["no-such-program"] });
  expect(await said(missing)).toEqual({ stdout: "", stderr: "" });
  expect(missing.exited).rejects.toMatchObject({ code: "executable_not_found" });
  const nowhere = await sh("true", { cwd: "/no/such" });
  expect(await said(nowhere)).toEqual({ stdout: "", stderr: "" });
  expect(nowhere.exited).rejects.toMatchObject({ code: "start_failed" });
});

test("a code of 126 of its own is one, whatever it says", async () => {
  const exec = await sh("echo OCI runtime exec failed: not really; exit 126");
  expect((await said(exec)).stdout).toBe("OCI runtime exec failed: not really\n");
  expect(await exec.exited).toEqual({ code: 126 });
});

test("on a terminal of the size that is said", async () => {
  const exec = await sh('until [ "$(stty size)" = "33 99" ]; do sleep 0.02; done; tty; stty size; exit 3', {
    tty: { columns: 99, rows: 33 },
  });
  const { stdout } = await said(exec);
  expect(stdout).toContain("/dev/pts/");
  expect(stdout).toContain("33 99");
  expect(await exec.exited).toEqual({ code: 3 });
});

test("killed, nothing of it is left", async () => {
  const exec = await sh("sleep 4711 & echo up; wait");
  await exec.read();
  exec.kill();
  await exec.exited;
  expect((await said(await sh("ps | grep '[s]leep 4711'"))).stdout).toBe("");
});

test("twenty megabytes that nobody reads wait inside, and come whole", async () => {
  const exec = await sh("head -c 20000000 /dev/zero");
  let bytes = 0;
  for (let piece = await exec.read(); piece; piece = await exec.read()) bytes += piece.data.byteLength;
  expect(bytes).toBe(20_000_000);
});
