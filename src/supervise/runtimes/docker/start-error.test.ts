import { expect, test } from "bun:test";
import { OrcoError } from "../../../kernel/errors.ts";
import { startError } from "./start-error.ts";

const launch = { service: "web", container: { image: "shop:1" } } as unknown as Parameters<typeof startError>[1];

function told(
  message: string,
  { code = "internal", path = "/v1.41/containers/x/start" } = {},
): { code: string; message: string; facts: object } {
  const error = startError(new OrcoError(code as "internal", `docker: ${message}`, { status: 500, path }), launch);
  return error as { code: string; message: string; facts: object };
}

test.each([
  [
    'OCI runtime create failed: container_linux.go:380: starting container process caused: exec: "nope": executable file not found in $PATH: unknown',
    {
      code: "executable_not_found",
      message: "nope: not found in PATH in shop:1: name another command or entrypoint, or add it to the image",
    },
  ],
  [
    'failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "/opt/x": stat /opt/x: no such file or directory: unknown',
    { code: "executable_not_found", message: expect.stringContaining("/opt/x: no such file in shop:1: ") },
  ],
  [
    'failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "/etc/passwd": permission denied: unknown',
    { code: "invalid", message: expect.stringContaining("/etc/passwd is not executable in shop:1: ") },
  ],
  [
    "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: unable to find user bob: no matching entries in passwd file: unknown",
    { code: "invalid", message: "the user bob does not exist in the container: give a number, or add it to the image" },
  ],
  [
    "driver failed programming external connectivity on endpoint s-web-0 (0a1b): Bind for 127.0.0.1:9 failed: port is already allocated",
    { code: "port_in_use", message: "port 9 is in use by another container" },
  ],
  [
    "driver failed programming external connectivity on endpoint s-web-0: Error starting userland proxy: listen tcp4 127.0.0.1:9: bind: address already in use",
    { code: "port_in_use", facts: { port: 9 } },
  ],
  [
    "crun: executable file `nope` not found in $PATH: No such file or directory: OCI runtime attempted to invoke a command that was not found",
    { code: "executable_not_found", message: expect.stringContaining("nope: not found in PATH in shop:1") },
  ],
  ["failed to copy files: write /data/x: no space left on device", { code: "disk_full" }],
])("%s", (message, expected) => {
  expect(told(message)).toMatchObject(expected);
});

test("what is told well already stays as it is", () => {
  const away = new OrcoError("unavailable", "docker does not answer", { away: true });
  expect(startError(away, launch)).toBe(away);
  expect(told("no such volume", { code: "not_found", path: "/v1.41/volumes/x" })).toMatchObject({ code: "not_found" });
});
