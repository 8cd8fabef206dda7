/** The workload of containers: busybox's httpd with a health check, in layers; every service needs two of the layer before to be healthy. */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { IMAGE, needDocker } from "../rolling/image.ts";
import { compose } from "./compose.ts";
import { execute } from "./execute.ts";
import { orco as daemon } from "./orco.ts";
import { environment, PATIENCE_MS, type Peer } from "./peer.ts";
import { freePort, type Ground } from "./stack.ts";

export const CONTAINERS = { services: 20, layers: 3 };

const BIN = resolve(process.env["ORCO_BIN"] ?? join(import.meta.dir, "../../bin/orco"));
const SERVE = ["httpd", "-f", "-p", "8080", "-h", "/etc"];
const CALL_MS = 5 * PATIENCE_MS;

export interface ContainerTool extends Pick<Peer, "available" | "install" | "version"> {
  readonly name: string;
  readonly open: (ground: Ground) => Promise<ContainerSession>;
}

export interface ContainerSession {
  /** Each resolves when its command returns: all healthy, all gone. */
  readonly up: () => Promise<void>;
  readonly down: () => Promise<void>;
  /** Safe to call in any state. */
  readonly close: () => Promise<void>;
  /** Of the daemon above the containers; docker's own is nobody's. */
  readonly daemon?: () => number;
}

export const orcoContainers: ContainerTool = {
  name: "orco",
  available: async () => {
    await needDocker();
    return daemon.available();
  },
  install: () => daemon.install(),
  version: () => daemon.version(),
  open: openOrco,
};

export const composeContainers: ContainerTool = {
  name: "docker compose",
  available: async () => {
    await needDocker();
    return compose.available();
  },
  install: () => compose.install(),
  version: () => compose.version(),
  open: openCompose,
};

async function openOrco(ground: Ground): Promise<ContainerSession> {
  const home = ground.home("orco-containers");
  const file = join(home, "stack.yaml");
  const state = join(home, "state");
  const services = each((needs) => ({
    image: IMAGE,
    init: true,
    command: SERVE,
    health: { interval: "1s", http: { url: "http://localhost:8080/passwd" } },
    ports: ["8080"],
    dependsOn: needs.map((target) => ({ target, require: "ready" })),
  }));
  await Bun.write(file, JSON.stringify({ version: 0.1, stack: { name: "bench-containers" }, services })); // YAML is a superset of it
  const env = environment(home, { ORCO_HOME: state, ORCHD_BIND_ADDR: `127.0.0.1:${await freePort()}` });
  const call = async (...args: string[]) => void (await execute([BIN, "-f", file, ...args], { env, timeoutMs: CALL_MS }));
  const close = async () => {
    await call("down").catch(() => {});
    await call("shutdown").catch(() => {});
  };
  const pid = () => Number.parseInt(readFileSync(join(state, "lock"), "utf8"), 10);
  return { up: () => call("up", "-d", "--wait"), down: () => call("down"), close, daemon: pid };
}

async function openCompose(ground: Ground): Promise<ContainerSession> {
  const home = ground.home("compose-containers");
  const file = join(home, "compose.json");
  const services = each((needs) => ({
    image: IMAGE,
    init: true,
    command: SERVE,
    healthcheck: { test: ["CMD", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8080/passwd"], interval: "1s", timeout: "1s" },
    depends_on: Object.fromEntries(needs.map((target) => [target, { condition: "service_healthy" }])),
  }));
  await Bun.write(file, JSON.stringify({ services }));
  const argv = [compose.bin(), "-p", `orco-bench-containers-${process.pid}`, "-f", file];
  const call = async (...args: string[]) => void (await execute([...argv, ...args], { env: environment(home), timeoutMs: CALL_MS }));
  return { up: () => call("up", "-d", "--wait"), down: () => call("down"), close: () => call("down", "-t", "1").catch(() => {}) };
}

function each<Service>(service: (needs: readonly string[]) => Service): Record<string, Service> {
  const { services, layers } = CONTAINERS;
  const width = Math.ceil(services / layers);
  const name = (i: number) => `svc-${String(i).padStart(2, "0")}`;
  const before = (i: number) => (Math.floor(i / width) - 1) * width;
  const needs = (i: number) => (i < width ? [] : [before(i) + (i % width), before(i) + ((i + 1) % width)]);
  return Object.fromEntries(Array.from({ length: services }, (_, i) => [name(i), service(needs(i).map(name))]));
}
