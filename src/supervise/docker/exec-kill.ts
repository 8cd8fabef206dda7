import { systemClock } from "../../kernel/clock.ts";
import { OrcoError } from "../../kernel/errors.ts";
import { identify, type Proof } from "../identity.ts";
import { bootId, descendantsOf, environOf } from "../proc.ts";
import { Signals } from "../signal.ts";
import { type ContainerInfo, inspectContainer } from "./containers.ts";
import type { Engine } from "./engine.ts";
import { createExec, inspectExec } from "./exec-calls.ts";

/** In the environment of a command and of all it starts: docker can end no exec, so orco finds what belongs to it. */
const MARK = "ORCO_EXEC";
const ROUNDS = 50;
const ROUND_MS = 10;
const KILL_INSIDE = `for p in /proc/[0-9]*; do grep -q "$0" "$p/environ" 2>/dev/null && kill -9 "\${p#/proc/}"; done`;

export function markOf(id: string): Readonly<Record<string, string>> {
  return { [MARK]: id };
}

export interface Marked {
  readonly exec: string;
  readonly container: string;
  readonly mark: string;
  /** Main process of the container on this machine, where it is known. */
  readonly pid?: number | undefined;
}

/** Kills what a command has started, wherever docker runs. Resolves when nothing is seen of it any more, or it cannot be helped. */
export async function killExec(engine: Engine, marked: Marked): Promise<void> {
  const { Running, Pid } = await inspectExec(engine, marked.exec);
  const pid = marked.pid ?? (await inspectContainer(engine, marked.container)).State.Pid;
  // Only on docker's own machine does its pid carry the mark.
  if (!Running || carries(Pid, marked.mark)) await killHere([Pid, pid], marked.mark);
  else await killInside(engine, marked);
}

/** Commands that a daemon did not live to end, with all they have started; only where docker runs on this machine. Somebody else's go on. */
export async function killFormer(engine: Engine, { ExecIDs, State }: Pick<ContainerInfo, "ExecIDs" | "State">): Promise<void> {
  if (!("unix" in engine.address) || !ExecIDs || ExecIDs.length === 0) return;
  const commands = await Promise.all(ExecIDs.map((exec) => inspectExec(engine, exec).catch(orNone)));
  const tops = commands.flatMap((state) => (state?.Running && state.Pid > 0 ? [state.Pid] : []));
  await killRounds(() => [...new Set([...tops, ...[...tops, State.Pid].flatMap(descendantsOf)])].filter(isMarked));
}

/** It has ended meanwhile. */
function orNone(error: unknown): undefined {
  if (!(error instanceof OrcoError) || error.code !== "not_found") throw error;
}

/** What the command left behind; its children pass to the container's main process. */
export function killHere(above: readonly number[], mark: string): Promise<void> {
  return killRounds(() => [...new Set(above.filter((pid) => pid > 0).flatMap(descendantsOf))].filter((pid) => carries(pid, mark)));
}

async function killRounds(find: () => readonly number[]): Promise<void> {
  let found = find();
  if (found.length === 0) return;
  const boot = bootId();
  const signals = new Signals(boot);
  const clock = systemClock();
  for (let round = 0; round < ROUNDS && found.length > 0; round++) {
    const proofs: Proof[] = found.flatMap((pid) => identify(pid, boot) ?? []);
    // Looked at again: the pid that was identified is the one that carries the mark.
    const still = new Set(find());
    for (const proof of proofs) if (still.has(proof.pid)) signals.send(proof, "SIGKILL");
    await clock.sleep(ROUND_MS);
    found = find();
  }
}

function carries(pid: number, mark: string): boolean {
  return pid > 0 && (environOf(pid)?.includes(`${MARK}=${mark}`) ?? false);
}

function isMarked(pid: number): boolean {
  return environOf(pid)?.some((line) => line.startsWith(`${MARK}=`)) ?? false;
}

async function killInside(engine: Engine, { container, mark }: Marked): Promise<void> {
  try {
    const argv = ["/bin/sh", "-c", KILL_INSIDE, `${MARK}=${mark}`];
    const killer = await createExec(engine, container, { argv, user: "0" });
    await engine.call("POST", `/exec/${killer}/start`, { body: { Detach: true }, timeoutMs: 10_000 });
    for (let round = 0; round < ROUNDS && (await inspectExec(engine, killer)).Running; round++) await systemClock().sleep(ROUND_MS);
  } catch (error) {
    // An image without a shell, elsewhere: nobody can reach into it. Or the container has ended, and the command with it.
    if (!(error instanceof OrcoError) || !["conflict", "not_found", "invalid", "internal"].includes(error.code)) throw error;
  }
}
