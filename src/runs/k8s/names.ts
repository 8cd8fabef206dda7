import type { StepExecution } from "../ports.ts";

/** Label keys of everything orco makes in a cluster. */
export const LABEL = { run: "orco.dev/run", dispatch: "orco.dev/dispatch", step: "orco.dev/step", home: "orco.dev/home" } as const;

export type Labels = Readonly<Record<(typeof LABEL)[keyof typeof LABEL], string>>;

export interface JobName {
  readonly name: string;
  /** What makes this Job ours, and this execution's. */
  readonly labels: Labels;
}

/**
 * `orco-run-<id8>-d<n>`. `id8` are the last eight letters and digits of the run's id: of a UUIDv7 the first ones are the time,
 * and runs of one minute share them. `n` is 48 bits of a hash of step and execution: both are on disk before the Job
 * is made, so a daemon that comes back finds the same name, and no counter has to be kept anywhere.
 */
export function jobName(execution: Pick<StepExecution, "run" | "step" | "execution">, home: string): JobName {
  const { run, step } = execution;
  const dispatch = String(Number.parseInt(digest([run, step, execution.execution]).slice(0, 12), 16));
  return {
    name: `orco-run-${lastEight(run)}-d${dispatch}`,
    labels: { [LABEL.run]: labelValue(run), [LABEL.dispatch]: dispatch, [LABEL.step]: labelValue(step), [LABEL.home]: home },
  };
}

/** Selects everything of this daemon. */
export function homeSelector(home: string): string {
  return `${LABEL.home}=${home}`;
}

export function runSelector(home: string, run: string): string {
  return `${homeSelector(home)},${LABEL.run}=${labelValue(run)}`;
}

export function podSelector(labels: Labels): string {
  return `${homeSelector(labels[LABEL.home])},${LABEL.run}=${labels[LABEL.run]},${LABEL.dispatch}=${labels[LABEL.dispatch]}`;
}

/** Kubernetes allows 63 letters, digits, `-`, `_` and `.`, an alphanumeric at both ends: `deploy[3]` becomes `deploy.3`. The exact step is an annotation. */
export function labelValue(text: string): string {
  return text
    .replace(/[^-A-Za-z0-9_.]+/g, ".")
    .slice(0, 63)
    .replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, "");
}

function lastEight(run: string): string {
  const plain = run.toLowerCase().replace(/[^a-z0-9]/g, "");
  return plain.slice(-8) || digest([run]).slice(0, 8);
}

function digest(parts: readonly string[]): string {
  return new Bun.CryptoHasher("sha256").update(JSON.stringify(parts)).digest("hex");
}
