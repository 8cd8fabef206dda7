import { afterEach, expect, test } from "bun:test";
import { listeningPorts, listensElsewhere } from "./listening.ts";

const running: Bun.Subprocess[] = [];

afterEach(async () => {
  for (const child of running.splice(0)) {
    child.kill("SIGKILL");
    await child.exited;
  }
});

/** A shell above a program that listens on a port of the kernel's choice. */
async function listenBelowShell(hostname: string): Promise<{ pid: number; port: number }> {
  const program = `const server = Bun.listen({ hostname: "${hostname}", port: 0, socket: { data() {} } }); console.log(server.port); process.stdin.resume().on("end", () => process.exit())`;
  const child = Bun.spawn(["/bin/sh", "-c", `"$0" -e "$1"; true`, process.execPath, program], { stdin: "pipe", stdout: "pipe" });
  running.push(child);
  const { value } = await child.stdout.getReader().read();
  return { pid: child.pid, port: Number(Buffer.from(value ?? []).toString()) };
}

test("ports of the whole tree are found, and those elsewhere are named", async () => {
  const { pid, port } = await listenBelowShell("127.0.0.1");
  expect(listeningPorts(pid)).toEqual([port]);
  expect(listensElsewhere(pid, port)).toBeUndefined();
  expect(listensElsewhere(pid, 3901)).toBe(`it listens on ${port}, not on its PORT 3901: let start_command use \${PORT}`);
});

test("the right port on the wrong address is told apart", async () => {
  const wrong = await listenBelowShell("::1");
  expect(listensElsewhere(wrong.pid, wrong.port)).toContain("but not on 127.0.0.1");
  const all = await listenBelowShell("::");
  expect(listensElsewhere(all.pid, all.port)).toBeUndefined();
});

test("who listens nowhere, or is gone, shows nothing", async () => {
  const child = Bun.spawn(["/bin/sleep", "60"]);
  running.push(child);
  expect(listeningPorts(child.pid)).toEqual([]);
  expect(listensElsewhere(2 ** 22 + 1, 3901)).toBeUndefined();
});
