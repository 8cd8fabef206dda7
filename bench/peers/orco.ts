import { existsSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { execute } from "./execute.ts";
import { CACHE, environment, PATIENCE_MS, type Peer, type Session } from "./peer.ts";
import { freePort, type BenchService, type BenchStack, type Ground } from "./stack.ts";

/** `ORCO_BIN` names another one, e.g. `dist/orco`. */
const ROOT = join(import.meta.dir, "../..");
const BIN = resolve(process.env["ORCO_BIN"] ?? join(ROOT, "bin/orco"));

/** The least the loader takes. */
const BACKOFF_MIN = "1ms";

export const orco: Peer = {
  name: "orco",
  can: { graph: true, probes: true, restart: true, status: true },
  available: async () => existsSync(BIN),
  install: async () => {
    throw new Error(`${BIN} does not exist`);
  },
  version: async () => {
    const env = environment(CACHE, { ORCO_HOME: join(CACHE, "no-orco-home") }); // not the caller's daemon
    const said = await execute([BIN, "version"], { env, timeoutMs: 10_000 });
    return `${said.trim().split("\n")[0]} (${relative(ROOT, BIN)})`;
  },
  open,
};

async function open(ground: Ground, stack: BenchStack): Promise<Session> {
  const home = ground.home("orco");
  const file = join(home, "stack.yaml");
  await Bun.write(file, stackYaml(stack));
  // A free port of its own: another daemon may hold the default one.
  const env = environment(home, { ORCO_HOME: join(home, "state"), ORCHD_BIND_ADDR: `127.0.0.1:${await freePort()}` });
  const ask = (...args: string[]) => execute([BIN, "-f", file, ...args], { env, timeoutMs: PATIENCE_MS });
  const call = async (...args: string[]) => void (await ask(...args));
  return {
    env,
    says: "up -d --wait returns",
    status: [BIN, "-f", file, "status"],
    up: () => call("up", "-d", "--wait"),
    down: () => call("down"),
    logs: {
      last: (service) => [BIN, "-f", file, "logs", service, "--tail", "1"],
      kept: (service) => ask("logs", service),
    },
    readied: async () => readyEvents(await ask("events", "--json", "--since", "10m")),
    close: async () => {
      await execute([BIN, "shutdown"], { env, timeoutMs: PATIENCE_MS }).catch(() => "");
    },
  };
}

function readyEvents(lines: string): { service: string; at: number }[] {
  const events = lines
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { type: string; ts: string; service?: string });
  return events.flatMap(({ type, ts, service }) =>
    type === "instance.ready" && service !== undefined ? [{ service, at: Date.parse(ts) }] : [],
  );
}

function stackYaml(stack: BenchStack): string {
  const head = ["version: 0.1", "stack:", "  name: bench", "services:"];
  return `${[...head, ...stack.services.flatMap((service) => serviceYaml(service, stack.probes))].join("\n")}\n`;
}

function serviceYaml(service: BenchService, probes: boolean): string[] {
  const lines = [
    `  ${service.name}:`,
    "    runtime: process",
    `    command: ${JSON.stringify(service.command)}`,
    `    restartPolicy: {condition: always, maxRetries: -1, backoff: {min: ${BACKOFF_MIN}, max: 1s}}`,
  ];
  if (service.dependsOn.length > 0) lines.push("    dependsOn:");
  for (const target of service.dependsOn) lines.push(`      - {target: ${target}, require: ${probes ? "ready" : "started"}}`);
  if (probes) lines.push("    health:", "      interval: 1s", "      http:", `        url: http://127.0.0.1:${service.port}/`);
  return lines;
}
