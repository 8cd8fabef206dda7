import { expect, test } from "bun:test";
import { OrcoError } from "../../kernel/errors.ts";
import { Engine } from "./engine.ts";
import { hasRun, mayBeRefusal, neverRan, startRefused } from "./exec-refusal.ts";

const NOT_FOUND =
  'Error: runc: exec failed: unable to start container process: exec: "nope": executable file not found in $PATH: OCI runtime attempted to invoke a command that was not found\nError: read unixpacket: connection reset by peer\n';
const CRUN =
  "Error: crun: executable file `nope` not found in $PATH: No such file or directory: OCI runtime attempted to invoke a command\n";

async function ran(header: Record<string, string>, Pid: number, said: string): Promise<boolean> {
  using server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => new Response("OK", { headers: { "api-version": "1.41", ...header } }),
  });
  return await hasRun(new Engine(`tcp://127.0.0.1:${server.port}`), { Pid, ExitCode: 127 }, said);
}

test("what has a pid has run; else docker never ran it, and podman where it says so", async () => {
  const podman = { "libpod-api-version": "4.3.1" };
  expect(await ran({}, 7, "")).toBe(true);
  expect(await ran({}, 0, "")).toBe(false);
  expect(await ran(podman, 0, "nope\n")).toBe(true);
  for (const said of [NOT_FOUND, CRUN]) expect(await ran(podman, 0, said)).toBe(false);
});

test("the reason is told without what engines put around it", () => {
  const argv = ["nope"];
  for (const said of [NOT_FOUND, CRUN]) expect(neverRan({ argv }, said)).toMatchObject({ code: "executable_not_found" });
  const folder =
    'Error: runc: exec failed: unable to start container process: chdir to cwd ("/x") failed: no such file or directory: OCI runtime error';
  expect(neverRan({ argv }, folder).message).toBe(
    'nope cannot be started in the container: chdir to cwd ("/x") failed: no such file or directory',
  );
  const refused = new OrcoError("internal", "docker: unable to find user ghost: no matching entries in passwd file", { status: 500 });
  expect(startRefused(refused, { argv })).toMatchObject({ code: "start_failed", message: expect.stringContaining("user ghost") });
  const gone = new OrcoError("not_found", "docker: no such exec", { status: 404 });
  expect(startRefused(gone, { argv })).toBe(gone);
});

test("output is held back only while it begins as a reason does", () => {
  expect(mayBeRefusal(Buffer.from("Error: ru"))).toBe(true);
  expect(mayBeRefusal(Buffer.from(NOT_FOUND))).toBe(true);
  expect(mayBeRefusal(Buffer.from("Error: run failed"))).toBe(false);
});
