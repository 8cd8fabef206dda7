import { join } from "node:path";
import type { HealthSpec } from "../supervise/health.ts";
import { OrcoError } from "../kernel/errors.ts";
import { inherited } from "../kernel/inherited.ts";
import { Redactor } from "../supervise/logs/redact.ts";
import { portHolder } from "../supervise/port.ts";
import { giveSecrets, type SecretRef } from "../supervise/secrets.ts";
import type { Prepared } from "../supervise/supervised.ts";
import type { AppContract } from "./contract.ts";
import { portOf, type Release } from "./record.ts";
import type { SlotName } from "./view.ts";

export interface SlotLaunchOptions {
  /** `$ORCO_HOME/instances`. */
  readonly instances: string;
  /** Worktree of a slot. */
  readonly dirOf: (app: string, slot: SlotName) => string;
  readonly daemonEnv: Readonly<Record<string, string | undefined>>;
}

export interface SlotLaunchRequest {
  readonly app: string;
  readonly slot: SlotName;
  readonly release: Release;
  readonly instance: string;
  readonly adopted: boolean;
}

/** After promotion the health endpoint is asked this often, and three failures in a row count. */
const HEALTH_INTERVAL_MS = 1000;
const HEALTH_PATIENCE_MS = 5000;
const FAILURES = 3;

/** Resolves everything one start of a slot needs. Throws `invalid` for a secret that cannot be read. */
export async function prepareSlot(request: SlotLaunchRequest, options: SlotLaunchOptions): Promise<Prepared> {
  const { app, slot, release, instance, adopted } = request;
  const { contract } = release;
  const port = portOf(slot, contract);
  if (!adopted) refuseStranger(port);
  const { variables, values } = await giveSecrets(secretRefs(contract), {
    instance,
    dir: join(options.instances, instance, "secrets"),
    daemonEnv: options.daemonEnv,
    write: !adopted,
  });
  const env = { ...slotEnv(request, options.daemonEnv), ...variables, ORCO_INSTANCE: instance };
  const argv = ["/bin/sh", "-c", contract.start_command];
  return {
    launch: { instance, stack: `app.${app}`, service: slot, replica: 0, argv, cwd: options.dirOf(app, slot), env },
    health: healthOf(contract, port),
    hooks: {},
    stop: { signal: contract.stop_signal, timeoutMs: contract.stop_timeout_ms },
    ports: { [String(port)]: port },
    clean: new Redactor(values).clean,
  };
}

/** Or its health would be asked of whoever holds the port. Tried again: the other one may go. */
function refuseStranger(port: number): void {
  const holder = portHolder(port, "127.0.0.1");
  if (!holder) return;
  const by = holder.pid === undefined ? holder.command : `pid ${holder.pid} (${holder.command})`;
  throw new OrcoError("unavailable", `port ${port} is held by ${by}; stop it, and the app starts again by itself`, { port, ...holder });
}

/** What the start command, the build and the hooks of a slot see, secrets aside. */
export function slotEnv(
  { app, slot, release }: Pick<SlotLaunchRequest, "app" | "slot" | "release">,
  daemonEnv: SlotLaunchOptions["daemonEnv"],
): Record<string, string> {
  return {
    ...inherited(daemonEnv),
    ...release.contract.env,
    PORT: String(portOf(slot, release.contract)),
    ORCO_APP: app,
    ORCO_SLOT: slot,
    ORCO_COMMIT: release.commit,
  };
}

export function secretRefs({ secrets }: AppContract): Record<string, SecretRef> {
  return Object.fromEntries(
    Object.entries(secrets).map(([name, secret]) => [
      name,
      { from: "file" in secret ? { file: secret.file } : { env: secret.env }, as: secret.as },
    ]),
  );
}

function healthOf({ health_endpoint: path, health_timeout_ms: graceMs }: AppContract, port: number): HealthSpec {
  const url = `http://127.0.0.1:${port}${path}`;
  return {
    gracePeriodMs: graceMs,
    intervalMs: HEALTH_INTERVAL_MS,
    timeoutMs: Math.min(graceMs, HEALTH_PATIENCE_MS),
    failureThreshold: FAILURES,
    successThreshold: 1,
    http: { url, method: "GET", headers: {}, expectStatus: [{ from: 200, to: 299 }] },
    onUnready: "restart",
  };
}
