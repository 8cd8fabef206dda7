import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { dockerHere, IMAGE } from "../../../test/docker/engine.ts";
import { until } from "../../../test/until.ts";
import { allPids, environOf } from "../proc.ts";
import { createContainer, inspectContainer, removeContainer, startContainer } from "./containers.ts";
import { Engine } from "./engine.ts";
import { execInContainer } from "./exec.ts";
import { openExec, type ExecSession } from "./exec-session.ts";

const docker = (await dockerHere()) ?? new Engine("unix:///nowhere/docker.sock");
const here = docker.host !== "unix:///nowhere/docker.sock";
let box = "";

beforeAll(async () => {
  if (!here) return;
  const spec = { Image: IMAGE, Cmd: ["sleep", "600"], Env: ["GREETING=hello"], HostConfig: { Init: true } };
  box = await createContainer(docker, `orco-exec-${crypto.randomUUID()}`, { spec });
  await startContainer(docker, box);
});

afterAll(async () => {
  if (box !== "") await removeContainer(docker, box);
});

const sh = (script: string): string[] => ["sh", "-c", script];

async function read({ output }: ExecSession): Promise<{ stdout: string; stderr: string }> {
  const said = { stdout: "", stderr: "" };
  for await (const { stream, data } of output) said[stream] += Buffer.from(data).toString();
  return said;
}

function carrying(text: string): number[] {
  return allPids().filter((pid) => environOf(pid)?.includes(text));
}

describe.skipIf(!here)("a command in a container", () => {
  test("ends with its code and its last words, as its user, where it was told to be", async () => {
    const script = 'echo "$GREETING $WHO $(id -u) $(pwd)"; echo oops >&2; exit 3';
    const result = await execInContainer(docker, box, {
      argv: sh(script),
      env: { WHO: "you" },
      user: "65534",
      cwd: "/tmp",
      timeoutMs: 5000,
    });
    expect(result).toMatchObject({ ended: "exited", code: 3, whole: true });
    // Docker carries the two streams on their own.
    expect(result.output.split("\n").toSorted()).toEqual(["hello you 65534 /tmp", "oops"]);
  });

  test("keeps the end of what it says", async () => {
    const { output } = await execInContainer(docker, box, { argv: sh("seq 1 100000"), timeoutMs: 10_000 });
    expect(output.length).toBeLessThanOrEqual(4096);
    expect(output.endsWith("99999\n100000")).toBe(true);
  });

  test("that is not there, or cannot be started, is said so", async () => {
    const run = (argv: string[], more: object = {}) => execInContainer(docker, box, { argv, timeoutMs: 5000, ...more });
    expect(run(["no-such-program"])).rejects.toMatchObject({ code: "executable_not_found", facts: { path: "no-such-program" } });
    expect(run(["/no/such/program"])).rejects.toMatchObject({ code: "executable_not_found" });
    expect(run(["ls"], { cwd: "/no/such/folder" })).rejects.toMatchObject({ code: "start_failed" });
    expect(run(["/etc/passwd"])).rejects.toMatchObject({ code: "start_failed", message: expect.stringContaining("permission denied") });
    expect(run(["ls"], { user: "ghost" })).rejects.toMatchObject({ code: "start_failed", message: expect.stringContaining("ghost") });
    expect(execInContainer(docker, "no-such-container", { argv: ["ls"], timeoutMs: 5000 })).rejects.toMatchObject({
      code: "not_found",
    });
  });

  test("is killed with all it started when its time is over, or nobody wants it any more", async () => {
    const [late, left] = [crypto.randomUUID(), crypto.randomUUID()];
    const script = "trap '' TERM; setsid sh -c 'trap \"\" TERM; sleep 300' & sleep 300";
    const timeout = await execInContainer(docker, box, { argv: sh(script), env: { OWN: late }, timeoutMs: 300 });
    expect(timeout.ended).toBe("timeout");
    expect(carrying(`OWN=${late}`)).toEqual([]);
    const leaving = new AbortController();
    const running = execInContainer(docker, box, { argv: sh(script), env: { OWN: left }, timeoutMs: 60_000, signal: leaving.signal });
    await until("it runs", () => carrying(`OWN=${left}`).length > 0);
    leaving.abort();
    expect((await running).ended).toBe("cancelled");
    expect(carrying(`OWN=${left}`)).toEqual([]);
  });

  test("leaves nothing behind where its container's process is known", async () => {
    const own = crypto.randomUUID();
    const { Pid: pid } = (await inspectContainer(docker, box)).State;
    const argv = sh("setsid sleep 300 >/dev/null 2>&1 </dev/null &");
    expect(await execInContainer(docker, box, { argv, env: { OWN: own }, timeoutMs: 5000, pid })).toMatchObject({
      ended: "exited",
      code: 0,
    });
    expect(carrying(`OWN=${own}`)).toEqual([]);
  });
});

describe.skipIf(!here)("a session in a container", () => {
  test("carries bytes both ways, and the exit code", async () => {
    const session = await openExec(docker, box, { argv: sh("cat; echo done >&2; exit 7"), tty: false });
    const reading = read(session);
    const sent = "x".repeat(3_000_000);
    await session.write(Buffer.from(sent));
    session.end();
    const { stdout, stderr } = await reading;
    expect(stdout === sent).toBe(true);
    expect(stderr).toBe("done\n");
    expect(await session.exited).toBe(7);
  });

  test("with a tty has its size", async () => {
    const session = await openExec(docker, box, { argv: sh("read line; stty size; exit 4"), tty: true });
    const reading = read(session);
    await session.resize(101, 33);
    await session.write(Buffer.from("go\r"));
    expect((await reading).stdout).toContain("33 101");
    expect(await session.exited).toBe(4);
  });

  test("is killed with all it started", async () => {
    const own = crypto.randomUUID();
    const session = await openExec(docker, box, { argv: sh("sleep 300 & sleep 300"), env: { OWN: own }, tty: false });
    await until("it runs", () => carrying(`OWN=${own}`).length > 1);
    await session.kill();
    expect(carrying(`OWN=${own}`)).toEqual([]);
    await read(session);
    expect(await session.exited).toBe(137);
  });

  test("that cannot be started ends with what docker says", async () => {
    const session = await openExec(docker, box, { argv: ["no-such-program"], tty: false });
    const { stdout, stderr } = await read(session);
    expect(stdout + stderr).toContain("not found");
    expect(await session.exited).toBeGreaterThanOrEqual(126);
  });
});
