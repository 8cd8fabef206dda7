import { join, resolve } from "node:path";
import type { Client } from "../../src/client/client.ts";
import { OrcoError } from "../../src/kernel/errors.ts";
import type { RunView } from "../../src/workflow/view.ts";
import { between } from "./rig.ts";

const PROGRAMS = resolve(import.meta.dirname, "../programs");
const CHURN = `replicas: 2, update: { maxSurge: 1 }, stop: { timeout: 2s }`;

/** Services nobody touches: they must come through everything as the very same processes. */
export const STEADY = ["web", "api", "db", "flood", "sleeper", "twins", "deaf"] as const;

/** A dozen services of every kind; `revision` is what an apply changes. */
export function busyStack(name: string, { port, revision }: { port: number; revision: number }): string {
  const program = (file: string): string => JSON.stringify(join(PROGRAMS, file));
  return `
version: 0.1
stack: { name: ${name} }
services:
  migrate: { command: [${program("exit-after.sh")}], restartPolicy: { condition: never } }
  web:
    command: [${JSON.stringify(process.execPath)}, ${program("http-server.ts")}, --port, "${port}"]
    dependsOn: [{ target: migrate, require: completed }]
    health: { interval: 200ms, timeout: 5s, failureThreshold: 20, http: { url: "http://127.0.0.1:${port}/" } }
  api:
    command: exec sleep 100000
    dependsOn: [db, web]
    health: { interval: 1s, timeout: 5s, failureThreshold: 20, command: { command: ["true"] } }
  db: { command: [${program("log-ready.sh")}, "0.1"], health: { log: { pattern: "listening on [0-9]+" } } }
  flood:
    command: "while :; do seq 500; sleep 0.05; done"
    logging: { maxFileSize: 1Mi, maxFiles: 3 }
  sleeper: { command: [sleep, "100000"] }
  twins: { command: [${program("double-fork.sh")}] }
  deaf: { command: [${program("ignore-term.sh")}], stop: { timeout: 200ms } }
  crash:
    command: [${program("exit-after.sh")}, "0.1", "3"]
    restartPolicy: { maxRetries: -1, backoff: { min: 100ms, max: 400ms } }
  slow: { command: [${program("log-ready.sh")}, "0.3"], health: { interval: 1s, log: { pattern: listening } }, ${CHURN} }
  pool: { command: exec sleep 100000, ${CHURN} }
  rev: { command: exec sleep 100000, env: { REVISION: "${revision}" }, health: { command: { command: ["true"] } }, ${CHURN} }
`;
}

interface Target {
  readonly client: Client;
  readonly stack: string;
  readonly port: number;
  /** The caller's environment for an apply. */
  readonly env: Readonly<Record<string, string>>;
  readonly onAcknowledged: (run: RunView) => void;
}

/** One random change at a time; what the daemon did not live to acknowledge does not count. */
export class Commands {
  private revision = 0;
  private stopped = false;
  private readonly done: Promise<void>;

  constructor(private readonly target: Target) {
    this.done = this.loop();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.done;
  }

  apply(revision: number): Promise<RunView> {
    const { client, stack, port, env } = this.target;
    return client.putStack(stack, { source: busyStack(stack, { port, revision }), workdir: "/", env }, { queue: true });
  }

  private async loop(): Promise<void> {
    while (!this.stopped) {
      const run = await this.one().catch(refusedOrGone);
      if (run) this.target.onAcknowledged(run);
      await new Promise((resolve) => setTimeout(resolve, between(20, 150)));
    }
  }

  private one(): Promise<RunView> {
    const { client, stack } = this.target;
    const kind = Math.floor(between(0, 4));
    if (kind === 0) return this.apply(++this.revision);
    if (kind === 1) return client.act({ stack, service: "pool", action: "scale", replicas: Math.round(between(1, 4)) }, { queue: true });
    if (kind === 2) return client.act({ stack, service: "slow", action: "restart" }, { queue: true });
    return client.act({ stack, service: "pool", action: "restart" }, { queue: true });
  }
}

/** The daemon was dead or dying, or too many changes wait already: no promise was made. */
function refusedOrGone(error: unknown): undefined {
  if (error instanceof OrcoError && ["unreachable", "busy", "unavailable"].includes(error.code)) return undefined;
  throw error;
}
