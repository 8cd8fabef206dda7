import { Compose } from "../../src/repair/compose/detect.ts";
import type { ComposeCommand } from "../../src/repair/compose/run.ts";
import { systemClock } from "../../src/kernel/clock.ts";
import { OrcoError } from "../../src/kernel/errors.ts";
import type { Engine } from "../../src/supervise/docker/engine.ts";

/** Every compose of this machine, `docker compose` first. None is no failure but in CI; it is said aloud. */
export async function composesHere(engine: Engine | undefined): Promise<ComposeCommand[]> {
  if (!engine) return [];
  const found: ComposeCommand[] = [];
  for (const configured of ["docker compose", "docker-compose"]) {
    const command = await findCompose(engine, configured);
    if (command && !found.some(({ version }) => version === command.version)) found.push(command);
    if (!command) console.log(`skipped: tests with \`${configured}\`, which is not here`);
  }
  if (found.length === 0 && process.env["CI"] === "true") throw new Error("neither docker compose nor docker-compose is here");
  return found;
}

async function findCompose(engine: Engine, configured: string): Promise<ComposeCommand | undefined> {
  try {
    return await new Compose({ configured, engine, env: process.env, clock: systemClock() }).find();
  } catch (error) {
    if (error instanceof OrcoError && error.code === "docker_unavailable") return undefined;
    throw error;
  }
}
