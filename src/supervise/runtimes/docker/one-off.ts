import { OrcoError } from "../../../kernel/errors.ts";
import type { CommandResult } from "../../command.ts";
import { containerOf } from "../../docker/container-spec.ts";
import { containerLogs, createContainer, startContainer, waitContainer } from "../../docker/containers.ts";
import { type Engine, isAway } from "../../docker/engine.ts";
import { OURS } from "../../docker/ownership.ts";
import type { CommandRun, LaunchSpec } from "../../runtime.ts";
import { containerFor, type CreatePorts } from "./create.ts";
import { startError } from "./start-error.ts";

/** Label of a container that carries out one command; its value is the daemon that waits for it. */
export const COMMAND = "orco.command";
/** How much of the output is kept: its end. */
const OUTPUT_BYTES = 4096;
const OUTPUT_LINES = 500;

export interface OneOffPorts extends CreatePorts {
  /** Of this daemon. */
  readonly nonce: string;
  readonly remove: (id: string) => Promise<void>;
}

/** Carries out a command in a container of its own, made like the service's: nobody finds it by the service's name, and it publishes nothing. */
export async function runOneOff(spec: LaunchSpec, run: CommandRun, ports: OneOffPorts): Promise<CommandResult> {
  if (run.signal?.aborted) return { ended: "cancelled", output: "", whole: true };
  const own = oneOffSpec(spec, run, ports.nonce);
  const key = commandSecrets(spec.instance);
  let id: string | undefined;
  try {
    const ready = await containerFor(own, { key, options: run.signal ? { signal: run.signal } : {} }, ports);
    id = await createContainer(ports.engine, undefined, { spec: ready.spec });
    await ready.own(id);
    await startContainer(ports.engine, id);
    const end = await endOf(ports.engine, id, run);
    return { ...end, output: await outputOf(ports.engine, id), whole: true };
  } catch (error) {
    if (run.signal?.aborted) return { ended: "cancelled", output: "", whole: true };
    throw startError(error, own);
  } finally {
    if (id !== undefined) await ports.remove(id);
    await ports.secrets.remove(key);
  }
}

/** The instance may run, and have secrets of its own. */
export function commandSecrets(instance: string): string {
  return `${instance}-command`;
}

function oneOffSpec(spec: LaunchSpec, { argv, env }: CommandRun, nonce: string): LaunchSpec {
  const container = containerOf(spec);
  const { [OURS.home]: home = "", [OURS.stack]: stack = "" } = container.labels;
  const labels = { [OURS.home]: home, [OURS.stack]: stack, [COMMAND]: nonce };
  return {
    ...spec,
    argv: [],
    env: { ...spec.env, ...env },
    container: { ...container, entrypoint: argv, labels, aliases: [], publish: [], dialled: [] },
  };
}

async function endOf(engine: Engine, id: string, { timeoutMs, signal }: CommandRun): Promise<Pick<CommandResult, "ended" | "code">> {
  try {
    const { exitCode } = await waitContainer(engine, id, { timeoutMs, ...(signal && { signal }) });
    return { ended: "exited", code: exitCode };
  } catch (error) {
    if (signal?.aborted) return { ended: "cancelled" };
    if (error instanceof OrcoError && error.code === "timeout" && !isAway(error)) return { ended: "timeout" };
    throw error;
  }
}

async function outputOf(engine: Engine, id: string): Promise<string> {
  let kept: Buffer = Buffer.alloc(0);
  // Podman leaves the last line out of a tail when it has no end.
  const tail = (await engine.isPodman()) ? {} : { tail: OUTPUT_LINES };
  for await (const frames of containerLogs(engine, id, tail))
    for (const { data } of frames) kept = Buffer.concat([kept, data]).subarray(-OUTPUT_BYTES);
  return kept.toString("utf8").trim();
}
