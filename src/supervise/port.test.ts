import { expect, test } from "bun:test";
import { freePort, portHolder } from "./port.ts";

test("names who listens on a port", () => {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  expect(portHolder(server.port)).toMatchObject({ pid: process.pid, command: expect.stringContaining("bun") });
  expect(portHolder(server.port, "127.0.0.1")?.pid).toBe(process.pid);
  expect(portHolder(server.port, "127.0.0.2")).toBeUndefined();
  server.stop(true);
  expect(portHolder(server.port)).toBeUndefined();
});

test("all addresses, v6 too", () => {
  const server = Bun.listen({ hostname: "::", port: 0, socket: { data: () => undefined } });
  expect(portHolder(server.port, "127.0.0.1")?.pid).toBe(process.pid);
  server.stop(true);
});

test("a free port can be bound", () => {
  const port = freePort();
  expect(portHolder(port)).toBeUndefined();
  Bun.listen({ hostname: "127.0.0.1", port, socket: { data: () => undefined } }).stop(true);
});
