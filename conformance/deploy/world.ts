import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Api } from "./api.ts";
import { Fixture } from "./fixture.ts";
import { closer } from "./leaving.ts";
import { Implementation, type Placeholders } from "./implementation.ts";
import { SetupError, type SuiteOptions } from "./options.ts";
import { freePorts, type Ports } from "./ports.ts";
import { Registration } from "./registration.ts";
import { LOOK_MS, sleep, START_MS } from "./timing.ts";

/** An orchestrator, a repository it deploys from, and the ways to reach both. */
export interface World {
  readonly fixture: Fixture;
  readonly api: Api;
  readonly proxy: URL;
  readonly contract: Readonly<Record<string, unknown>>;
  /** Only when the suite has started it. */
  readonly implementation?: Implementation;
  /** Resolves when GET /status is answered. */
  readonly answers: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Makes the repository and brings the orchestrator to where `POST /deploy` can be sent. Throws `SetupError`. */
export async function openWorld(options: SuiteOptions): Promise<World> {
  if (options.repo !== undefined) refuseUsed(options.repo);
  const ports = await portsOf(options);
  const folder = mkdtempSync(join(tmpdir(), "orco-conformance-"));
  const fixture = await Fixture.create(folder, { ...(options.repo !== undefined && { repo: options.repo }) });
  const contract = contractOf(fixture, ports, options);
  const values = placeholders(folder, fixture, ports);
  writeFileSync(values["contract"] as string, JSON.stringify(contract, undefined, 2));
  mkdirSync(values["home"] as string);
  await fixture.commit({}, contract);

  const api = apiOf(ports, options);
  const implementation = implementationOf(options, values, folder);
  const registration = new Registration(options, { api, fixture, contract, values });
  const close = closer(async () => {
    await registration.undo().catch(() => undefined);
    await implementation?.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  try {
    implementation?.start();
    await answers(api, implementation);
    await registration.make();
  } catch (error) {
    await close();
    throw error;
  }
  const proxy = new URL(options.proxy ?? `http://127.0.0.1:${ports.port}`);
  return { fixture, api, proxy, contract, close, answers: () => answers(api, implementation), ...(implementation && { implementation }) };
}

function implementationOf({ start, stop }: SuiteOptions, values: Placeholders, folder: string): Implementation | undefined {
  return start === undefined ? undefined : new Implementation({ start, ...(stop !== undefined && { stop }) }, values, folder);
}

function apiOf({ apiPort }: Ports, { url, headers, timing }: SuiteOptions): Api {
  const { healthTimeoutMs, drainTimeoutMs, killGraceMs } = timing;
  const patienceMs = healthTimeoutMs + drainTimeoutMs + killGraceMs + START_MS;
  return new Api({ url: url ?? `http://127.0.0.1:${apiPort}`, headers, patienceMs });
}

async function portsOf({ proxy }: SuiteOptions): Promise<Ports> {
  const free = await freePorts();
  return proxy === undefined ? free : { ...free, port: portOf(proxy) };
}

function contractOf(fixture: Fixture, ports: Ports, { timing, contract }: SuiteOptions): Record<string, unknown> {
  return {
    start_command: fixture.startCommand,
    port: ports.port,
    internal_port: ports.internalPort,
    health_endpoint: "/healthz",
    health_timeout_ms: timing.healthTimeoutMs,
    drain_timeout_ms: timing.drainTimeoutMs,
    ...contract,
  };
}

function placeholders(folder: string, { repo }: Fixture, { port, internalPort, apiPort }: Ports): Placeholders {
  const [home, contract] = [join(folder, "home"), join(folder, "contract.json")];
  return { repo, contract, home, port, internal_port: internalPort, api_port: apiPort };
}

/** Nobody's work is to get a commit of ours. */
function refuseUsed(repo: string): void {
  const found = existsSync(repo) ? readdirSync(repo).filter((name) => name !== ".git") : [];
  if (found.length > 0) throw new SetupError(`--repo takes an empty folder; ${repo} holds ${found[0]}`);
}

function portOf(proxy: string): number {
  const url = URL.parse(proxy);
  if (url?.protocol !== "http:") throw new SetupError(`--proxy takes an http URL such as http://127.0.0.1:3001, not ${proxy}`);
  return Number(url.port || 80);
}

async function answers(api: Api, implementation: Implementation | undefined): Promise<void> {
  for (const deadline = performance.now() + START_MS; ; await sleep(LOOK_MS)) {
    const answer = await api.status().catch((error: unknown) => String(error));
    if (typeof answer !== "string" && answer.status < 500) return;
    const log = implementation ? `; it printed:\n${implementation.log}` : "";
    if (implementation && implementation.exitCode !== null)
      throw new SetupError(`the start command ended with ${implementation.exitCode} before GET /status was answered${log}`);
    const last = typeof answer === "string" ? answer : `status ${answer.status} ${answer.text}`;
    if (performance.now() > deadline) throw new SetupError(`GET /status was not answered within ${START_MS / 1000} s: ${last}${log}`);
  }
}
