import type { Clock } from "../../kernel/clock.ts";
import { messageOf, OrcoError } from "../../kernel/errors.ts";
import type { Engine } from "../../supervise/docker/engine.ts";
import { composeEnvironment } from "./environment.ts";
import { type ComposeCommand, runCompose } from "./run.ts";
import { ProjectTurns } from "./turns.ts";

const VERSION_TIMEOUT_MS = 15_000;
const PING_TIMEOUT_MS = 5000;
const VERSION = /\bv?((\d+)\.\d+[\w.+-]*)/;

export interface ComposeSource {
  /** ORCO_COMPOSE; looked for when absent. */
  readonly configured?: string | undefined;
  readonly engine: Engine;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
}

/** Finds `docker compose` (v2), else `docker-compose` (v2 by itself, or v1), and sees that docker answers. */
export class Compose {
  /** Of all who replace containers with it. */
  readonly turns = new ProjectTurns();
  private found: Promise<ComposeCommand> | undefined;

  constructor(private readonly source: ComposeSource) {}

  /** Looked for until it is found once. Throws `docker_unavailable` with what to install or start. */
  async find(): Promise<ComposeCommand> {
    await this.ping();
    this.found ??= this.look();
    const mine = this.found;
    try {
      return await mine;
    } catch (error) {
      if (this.found === mine) this.found = undefined;
      throw error;
    }
  }

  private async ping(): Promise<void> {
    try {
      await this.source.engine.ping({ timeoutMs: PING_TIMEOUT_MS });
    } catch (error) {
      throw new OrcoError("docker_unavailable", messageOf(error), { host: this.source.engine.host }, { cause: error });
    }
  }

  private async look(): Promise<ComposeCommand> {
    const { configured } = this.source;
    const candidates = configured === undefined ? [["docker", "compose"], ["docker-compose"]] : [configured.trim().split(/\s+/)];
    for (const argv of candidates) {
      const command = await this.ask(argv);
      if (command) return command;
    }
    const missing =
      configured === undefined
        ? "compose is not here: install docker-compose-plugin (Docker's packages) or docker-compose (Debian: apt-get install docker-compose), or say with ORCO_COMPOSE how it is called"
        : `ORCO_COMPOSE is ${JSON.stringify(configured)}, which does not answer to \`version\`: correct it, or leave it out to have compose looked for`;
    throw new OrcoError("docker_unavailable", missing, { tried: candidates.map((argv) => argv.join(" ")) });
  }

  private async ask(argv: readonly string[]): Promise<ComposeCommand | undefined> {
    const { engine, env, clock } = this.source;
    const command = { argv, major: 2, version: "", env: composeEnvironment(env, engine.host) } as const;
    try {
      const said = await runCompose(command, { args: ["version", "--short"], timeoutMs: VERSION_TIMEOUT_MS, clock, wantsAnswer: true });
      const [, version, major] = (said.ok && VERSION.exec(said.answer)) || [];
      return version === undefined ? undefined : { ...command, version, major: Number(major) < 2 ? 1 : 2 };
    } catch (error) {
      if (error instanceof OrcoError && (error.code === "docker_unavailable" || error.code === "start_failed")) return undefined;
      throw error;
    }
  }
}
