import { expect, test } from "bun:test";
import { freePort, FreePorts, portHolder } from "./port.ts";

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

test("a port that was given out is not given out again while its service is about to bind it", () => {
  const picks = [5001, 5001, 5002, 5001, 5002, 5003];
  const ports = new FreePorts(() => picks.shift() ?? 0);
  expect([ports.next(), ports.next(), ports.next()]).toEqual([5001, 5002, 5003]);
});

test("when every pick was given out, one of them is given again", () => {
  const ports = new FreePorts(() => 5001);
  expect([ports.next(), ports.next()]).toEqual([5001, 5001]);
});
