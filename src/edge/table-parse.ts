import { isIP } from "node:net";
import type { RouteTable } from "./route.ts";

/**
 * A route table out of its file. The daemon wrote it, and an older or newer one may have: what a worker relies on is looked at, what it
 * does not know is left alone. By hand, for a schema library alone would cost a worker a third of its memory.
 * Throws `Error` with the path of the first value that is not right.
 */
export function parseTable(text: string): RouteTable {
  const table: unknown = JSON.parse(text);
  const fields = record(table, "table");
  check(isWhole(fields["version"]), "version");
  each(fields["trustedProxies"], "trustedProxies", (peer, path) => check(typeof peer === "string", path));
  check(fields["accessLog"] === undefined || typeof fields["accessLog"] === "string", "accessLog");
  each(fields["fronts"], "fronts", checkFront);
  return table as RouteTable;
}

function checkFront(value: unknown, path: string): void {
  const front = record(value, path);
  check(typeof front["id"] === "string" && front["id"] !== "", `${path}.id`);
  checkListen(front["listen"], `${path}.listen`);
  if (front["hosts"] !== undefined) each(front["hosts"], `${path}.hosts`, (host, at) => check(typeof host === "string" && host !== "", at));
  check(front["balance"] === "round-robin" || front["balance"] === "least-connections", `${path}.balance`);
  if (front["sticky"] !== undefined) checkSticky(front["sticky"], `${path}.sticky`);
  check(isDuration(front["holdTimeoutMs"]), `${path}.holdTimeoutMs`);
  const timeouts = record(front["timeouts"], `${path}.timeouts`);
  for (const name of ["connectMs", "responseHeadersMs", "bodyIdleMs", "clientMs"])
    check(isDuration(timeouts[name]), `${path}.timeouts.${name}`);
  each(front["targets"], `${path}.targets`, checkTarget);
}

function checkListen(value: unknown, path: string): void {
  const listen = record(value, path);
  check(typeof listen["address"] === "string" && isIP(listen["address"]) !== 0, `${path}.address`);
  check(isPort(listen["port"]), `${path}.port`);
  check(listen["protocol"] === "http" || listen["protocol"] === "tcp", `${path}.protocol`);
  if (listen["tls"] === undefined) return;
  check(Array.isArray(listen["tls"]) && listen["tls"].length > 0, `${path}.tls`);
  each(listen["tls"], `${path}.tls`, (files, at) => {
    const { cert, key } = record(files, at);
    check(typeof cert === "string" && typeof key === "string", at);
  });
}

function checkSticky(value: unknown, path: string): void {
  const { cookie, header } = record(value, path);
  check(typeof cookie === "string" || typeof header === "string", path);
}

function checkTarget(value: unknown, path: string): void {
  const target = record(value, path);
  check(typeof target["id"] === "string" && target["id"] !== "", `${path}.id`);
  check(typeof target["host"] === "string" && target["host"] !== "", `${path}.host`);
  check(isPort(target["port"]), `${path}.port`);
  check(isDuration(target["weight"]), `${path}.weight`);
  check(target["state"] === "active" || target["state"] === "draining", `${path}.state`);
  check(target["drainTimeoutMs"] === undefined || isDuration(target["drainTimeoutMs"]), `${path}.drainTimeoutMs`);
}

function record(value: unknown, path: string): Readonly<Record<string, unknown>> {
  check(typeof value === "object" && value !== null && !Array.isArray(value), path);
  return value as Record<string, unknown>;
}

function each(value: unknown, path: string, look: (item: unknown, path: string) => void): void {
  check(Array.isArray(value), path);
  for (const [at, item] of (value as unknown[]).entries()) look(item, `${path}[${at}]`);
}

function check(right: boolean, path: string): void {
  if (!right) throw new Error(`${path} is missing or not what it should be`);
}

function isWhole(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isPort(value: unknown): boolean {
  return isWhole(value) && Number(value) >= 1 && Number(value) <= 65_535;
}

/** Also weights: finite and not negative. */
function isDuration(value: unknown): boolean {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}
