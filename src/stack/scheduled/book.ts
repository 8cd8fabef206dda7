import type { RunRow } from "../../workflow/run.ts";
import type { StackSpec } from "../spec.ts";

export interface ScheduleOwner {
  readonly stack: string;
  readonly service: string;
}

/** A schedule as it is kept. */
export interface Scheduled extends ScheduleOwner {
  readonly timezone: string;
  readonly paused: boolean;
  /** Epoch ms. */
  readonly nextAt?: number;
}

/** Who decides when services are due; another part of orco. Every change is on disk when it resolves, and safe to repeat. */
export interface ScheduleBook {
  /** Makes or changes the schedule; one that is paused stays so. Without a time zone: this machine's. Throws `disk_full`, `unprocessable`. */
  put(owner: ScheduleOwner, times: { readonly cron: string; readonly timezone?: string }): Promise<void>;
  /** Nothing is owed afterwards for the time it was paused. */
  pause(owner: ScheduleOwner, paused: boolean): Promise<void>;
  remove(owner: ScheduleOwner): Promise<void>;
  /** Those of all stacks. */
  all(): readonly Scheduled[];
}

/** The last run that a schedule made and that has ended. */
export interface LastRun {
  readonly run: string;
  /** When it ended, epoch ms. */
  readonly at: number;
  readonly outcome: "completed" | "failed" | "canceled";
  readonly message?: string;
}

export function scheduledOf(book: Pick<ScheduleBook, "all">, { stack, service }: ScheduleOwner): Scheduled | undefined {
  return book.all().find((one) => one.stack === stack && one.service === service);
}

/** Makes the schedules of a stack those that its spec declares; without a spec: none. */
export async function reconcile(book: ScheduleBook, stack: string, spec: StackSpec | undefined): Promise<void> {
  const wanted = Object.values(spec?.services ?? {}).flatMap(({ name, schedule }) => (schedule ? [{ service: name, schedule }] : []));
  const gone = book.all().filter((one) => one.stack === stack && !wanted.some(({ service }) => service === one.service));
  await Promise.all(gone.map((owner) => book.remove(owner)));
  await Promise.all(wanted.map(({ service, schedule }) => book.put({ stack, service }, schedule)));
}

/** The runs of a schedule, one after the other. */
export function scheduleLane({ stack, service }: ScheduleOwner): string {
  return `schedule/${stack}/${service}`;
}

/** Of runs of its lane, newest first. */
export function lastRunOf(rows: readonly RunRow[]): LastRun | undefined {
  const row = rows.find(({ endedAt }) => endedAt !== undefined);
  if (row?.endedAt === undefined) return undefined;
  const outcome = row.status === "completed" ? "completed" : row.status === "failed" ? "failed" : "canceled";
  return { run: row.id, at: row.endedAt, outcome, ...(row.error && { message: row.error.message }) };
}
