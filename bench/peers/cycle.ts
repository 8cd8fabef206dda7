import { messageOf } from "../../src/kernel/errors.ts";
import type { Subject } from "./cast.ts";
import { allAnswer, allGone, timeBoth } from "./observe.ts";
import { PATIENCE_MS, type Session } from "./peer.ts";
import { memory, supervisors } from "./proc.ts";
import { makeStack, type BenchStack, type Ground, type Shape } from "./stack.ts";

/** Figures of one up and one down. */
export interface Cycle {
  readonly up: Up;
  readonly down: Down;
  /** PSS and RSS of everything that supervises, right after the start. */
  readonly rssMiB: number;
  readonly pssMiB: number;
  /** Services still running after the tool had gone; they were killed by the bench. */
  readonly left: number;
}

export interface Up {
  /** Until the tool itself called everything up. */
  readonly saysMs: number | undefined;
  /** Until every port had answered the outside observer. */
  readonly answersMs: number;
}

export interface Down {
  /** Until the command returned, and until every service process was gone. */
  readonly returnsMs: number;
  readonly goneMs: number;
}

export type Rounds = Map<Subject, (Cycle | { error: string })[]>;

/** Every subject once per round, in turn. A subject that failed is not asked again. */
export async function cycles(
  ground: Ground,
  subjects: readonly Subject[],
  shape: Omit<Shape, "probes"> & { rounds: number },
): Promise<Rounds> {
  const rounds: Rounds = new Map(subjects.map((subject) => [subject, []]));
  for (let round = 0; round < shape.rounds; round++) {
    for (const subject of subjects) {
      const done = rounds.get(subject) ?? [];
      if (done.some((cycle) => "error" in cycle)) continue;
      done.push(await cycle(ground, subject, shape).catch((error: unknown) => ({ error: messageOf(error) })));
      await ground.sweep();
    }
  }
  return rounds;
}

export function good(rounds: Rounds, subject: Subject): Cycle[] {
  return (rounds.get(subject) ?? []).filter((cycle): cycle is Cycle => !("error" in cycle));
}

/** One line for each subject that failed. */
export function failures(rounds: Rounds): string[] {
  return [...rounds].flatMap(([subject, done]) =>
    done.flatMap((cycle) => ("error" in cycle ? [`${subject.label} failed: ${cycle.error}`] : [])),
  );
}

async function cycle(ground: Ground, subject: Subject, shape: Omit<Shape, "probes">): Promise<Cycle> {
  const stack = await makeStack(ground, { ...shape, probes: subject.probes });
  const session = await subject.peer.open(ground, stack);
  ground.closing(session.close);
  let left = 0;
  try {
    const up = await timeUp(session, stack);
    const services = ground.services();
    const { daemon, shims } = supervisors(services);
    const used = memory([...daemon, ...shims]);
    const down = await timeDown(session, services);
    await session.close();
    left = await ground.sweep();
    return { up, down, ...used, left };
  } finally {
    await session.close();
  }
}

async function timeUp(session: Session, stack: BenchStack): Promise<Up> {
  const { toolMs, seenMs } = await timeBoth(session.up, (signal) => allAnswer(stack, PATIENCE_MS, signal));
  return { saysMs: session.says === undefined ? undefined : toolMs, answersMs: seenMs };
}

async function timeDown(session: Session, services: readonly number[]): Promise<Down> {
  const { toolMs, seenMs } = await timeBoth(session.down, (signal) => allGone(services, PATIENCE_MS, signal));
  return { returnsMs: toolMs, goneMs: seenMs };
}
