import type { Client } from "../client/client.ts";
import type { InferenceClient } from "../client/inference.ts";
import type { RepairClient } from "../client/repair.ts";
import { OrcoError } from "../kernel/errors.ts";
import type { Context } from "./context.ts";
import { usageError } from "./exit.ts";

const WHOLE = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Fewer would mean another one tomorrow. */
const MIN_DIGITS = 4;
/** As many as the daemon lists at once; older ones are named by their whole id. */
const NEWEST = 500;
const SHOWN = 5;

interface Kind {
  readonly what: string;
  /** Where the ids are to be found. */
  readonly next: string;
  /** The newest, newest first. */
  readonly ids: () => Promise<readonly string[]>;
}

/** The run that the first argument names: by its id, or by the start or end of it. Errors: not_found; usage where it means several. */
export function runMeant({ args: [given = ""] }: Context, client: Client): Promise<string> {
  return idMeant(given, {
    what: "run",
    next: "the runs and their ids: orco runs --all",
    ids: async () => (await client.runs({ limit: NEWEST })).runs.map(({ id }) => id),
  });
}

/** As `runMeant`, of a schedule. */
export function scheduleMeant({ args: [given = ""] }: Context, client: Client): Promise<string> {
  return idMeant(given, {
    what: "schedule",
    next: "the schedules and their ids: orco schedule list",
    ids: async () => (await client.schedules({ limit: NEWEST })).map(({ id }) => id),
  });
}

/** As `runMeant`, of a repair. */
export function repairMeant({ args: [given = ""] }: Context, client: RepairClient): Promise<string> {
  return idMeant(given, {
    what: "repair",
    next: "the repairs and their ids: orco repairs",
    ids: async () => (await client.list({ limit: NEWEST })).runs.map(({ run_id: id }) => id),
  });
}

/** As `runMeant`, of a task of inference. */
export function taskMeant({ args: [given = ""] }: Context, client: InferenceClient): Promise<string> {
  return idMeant(given, {
    what: "task",
    next: "the tasks and their ids: orco tasks list",
    ids: async () => (await client.tasks({ limit: NEWEST })).tasks.map(({ task_id: id }) => id),
  });
}

async function idMeant(text: string, { what, next, ids }: Kind): Promise<string> {
  const given = text.toLowerCase();
  if (WHOLE.test(given)) return given;
  const none = (where: string): OrcoError => new OrcoError("not_found", `there is no ${what} ${JSON.stringify(text)}${where}`, { next });
  if (!isPart(given)) throw none("");
  const known = await ids();
  const [id, ...more] = known.filter((one) => one.startsWith(given) || one.endsWith(given));
  if (id === undefined) throw none(known.length < NEWEST ? "" : ` among the newest ${NEWEST}; an older one needs its whole id`);
  if (more.length === 0) return id;
  const shown = [id, ...more].slice(0, SHOWN).map((one) => `\n        ${one}`);
  const rest = more.length + 1 - shown.length;
  throw usageError(
    `${text} means ${more.length + 1} ${what}s; say more of the id:${shown.join("")}${rest > 0 ? `\n        and ${rest} more` : ""}`,
  );
}

function isPart(given: string): boolean {
  return /^[0-9a-f-]+$/.test(given) && given.replaceAll("-", "").length >= MIN_DIGITS;
}
