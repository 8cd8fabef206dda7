import { closeSync, mkdirSync, openSync, readdirSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { errnoOf, OrcoError } from "../../kernel/errors.ts";
import type { StepExecution } from "../ports.ts";

/** Of the folder of a run: its log, which outlives what its steps leave behind. */
const LOG = /^log.*\.ndjson$/;
const WORK = "work";
/** Ids come from plans and from other machines' requests; as names of folders they must stay where they are put. */
const PLAIN_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** `$ORCO_HOME/runs/<run>`. Throws `invalid` for an id that is no name. */
export function runFolder(home: string, run: string): string {
  return join(home, "runs", plainName(run));
}

/** What one execution is given and leaves: `$ORCO_HOME/runs/<run>/<execution>/`. */
export class StepFiles {
  readonly dir: string;
  readonly input: string;
  readonly resume: string;
  readonly cursor: string;
  /** Shared by the steps of the run. */
  readonly work: string;

  constructor(home: string, { run, execution }: Pick<StepExecution, "run" | "execution">) {
    const folder = runFolder(home, run);
    this.dir = join(folder, plainName(execution));
    this.input = join(this.dir, "input.json");
    this.resume = join(this.dir, "resume.json");
    this.cursor = join(this.dir, "cursor.json");
    this.work = join(folder, WORK);
  }

  /** Throws what the file system throws. */
  write({ input, resume, spec }: StepExecution): void {
    mkdirSync(this.dir, { recursive: true, mode: 0o700 });
    if (spec.workdir === undefined) mkdirSync(this.work, { recursive: true, mode: 0o700 });
    writePrivate(this.input, JSON.stringify(input));
    if (resume !== undefined) writePrivate(this.resume, JSON.stringify(resume));
  }
}

/** Executions of the run that have a folder, ended or not. */
export function executionsOf(home: string, run: string): string[] {
  return listed(runFolder(home, run)).filter((name) => name !== WORK && !LOG.test(name));
}

/** Removes all of a run but its log. */
export function removeFiles(home: string, run: string): void {
  const folder = runFolder(home, run);
  for (const name of listed(folder)) if (!LOG.test(name)) rmSync(join(folder, name), { recursive: true, force: true });
  removeEmptyFolder(folder);
}

export function removeEmptyFolder(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    if (!["ENOENT", "ENOTEMPTY", "EEXIST"].includes(errnoOf(error) ?? "")) throw error;
  }
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
}

function plainName(name: string): string {
  if (PLAIN_NAME.test(name)) return name;
  throw new OrcoError("invalid", `${JSON.stringify(name)} is no id`, { id: name });
}

/** Never through a link that is there already. */
function writePrivate(path: string, text: string): void {
  rmSync(path, { force: true });
  const fd = openSync(path, "wx", 0o600);
  try {
    writeFileSync(fd, text);
  } finally {
    closeSync(fd);
  }
}
