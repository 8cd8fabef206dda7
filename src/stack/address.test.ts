import { expect, test } from "bun:test";
import type { HealthSpec } from "../supervise/health.ts";
import { aimProbes } from "./address.ts";

const base: HealthSpec = { gracePeriodMs: 0, intervalMs: 1, timeoutMs: 1, failureThreshold: 1, successThreshold: 1, onUnready: "restart" };
const http = (url: string) => ({ ...base, http: { url, expectStatus: [], method: "GET", headers: {} } });
const ports = [{ host: 8080, container: 80, protocol: "tcp" as const }];

test("a loopback address that names a port of the service goes to this instance, any other stays as written", () => {
  const aimed = (url: string) => aimProbes(http(url), ports, { host: "127.0.0.1", ports: { "80": 4321 } }).http?.url;
  expect(aimed("http://localhost:8080/health?x=1")).toBe("http://127.0.0.1:4321/health?x=1");
  expect(aimed("http://[::1]:8080/")).toBe("http://127.0.0.1:4321/");
  expect(aimed("http://127.0.0.1/")).toBe("http://127.0.0.1:4321/");
  expect(aimed("http://localhost:9999/")).toBe("http://localhost:9999/");
  expect(aimed("http://example.com:8080/")).toBe("http://example.com:8080/");
});

test("tcp addresses likewise", () => {
  const aimed = (address: string) =>
    aimProbes({ ...base, tcp: { address } }, ports, { host: "127.0.0.1", ports: { "80": 4321 } }).tcp?.address;
  expect(aimed("localhost:8080")).toBe("127.0.0.1:4321");
  expect(aimed("[::1]:80")).toBe("127.0.0.1:4321");
  expect(aimed("10.0.0.1:8080")).toBe("10.0.0.1:8080");
});
