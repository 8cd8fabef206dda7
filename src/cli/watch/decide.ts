import type { WatchSpec } from "../../stack/spec.ts";

type Action = WatchSpec["action"];

/** Files that changed below one watched path. */
export interface Seen {
  /** Absent: a file the stack is made of. */
  readonly service?: string;
  readonly action: Action;
  readonly paths: readonly string[];
}

export interface Work {
  readonly service: string;
  readonly action: Action;
  /** Absolute, each once. */
  readonly paths: readonly string[];
}

export interface Todo {
  /** The stack is put again: once for all that ask for it, `files` being those the stack itself is made of. */
  readonly put?: { readonly files: readonly string[]; readonly work: readonly Work[] };
  readonly restarts: readonly Work[];
}

/** The strongest first: a service is built or applied anew, and then it has been restarted too. */
const STRENGTH: readonly Action[] = ["rebuild", "apply", "restart"];

/** One action a service for everything that changed of it. */
export function decide(seen: readonly Seen[]): Todo {
  const files = unique(seen.filter(({ service }) => service === undefined));
  const services = [...new Set(seen.flatMap(({ service, paths }) => (service === undefined || paths.length === 0 ? [] : [service])))];
  const work = services.sort().map((service): Work => {
    const own = seen.filter((one) => one.service === service && one.paths.length > 0);
    const action = STRENGTH.find((known) => own.some((one) => one.action === known)) ?? "restart";
    return { service, action, paths: unique(own) };
  });
  const put = work.filter(({ action }) => action !== "restart");
  return {
    ...((files.length > 0 || put.length > 0) && { put: { files, work: put } }),
    restarts: work.filter(({ action }) => action === "restart"),
  };
}

/** What was decided and not carried out, and what has come since, as one. */
export function merged(seen: readonly Seen[]): Seen[] {
  const found = new Map<string, Seen>();
  for (const one of seen) {
    const key = `${one.service ?? ""} ${one.action}`;
    const known = found.get(key);
    found.set(key, known ? { ...known, paths: unique([known, one]) } : one);
  }
  return [...found.values()];
}

function unique(seen: readonly Seen[]): string[] {
  return [...new Set(seen.flatMap(({ paths }) => paths))];
}
