import { closeSync, lstatSync, mkdirSync, openSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { OrcoError } from "../../kernel/errors.ts";
import type { StepExecution } from "../ports.ts";
import { isPlainName, plainName, removeEmptyFolder, runFolder, runsFolder } from "../run-folder.ts";

/** Of the folder of a run: its log, which outlives what its steps leave behind. */
const LOG = /^log.*\.ndjson$/;
const WORK = "work";

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

  /** Throws what the file system throws, and `conflict` where a step has put something else in the place of its run's folder. */
  write({ input, resume, spec }: StepExecution): void {
    mkdirSync(dirname(this.dir), { recursive: true, mode: 0o700 });
    if (!isFolder(dirname(this.dir)))
      throw new OrcoError("conflict", "the folder of the run was replaced by a link", { run: basename(dirname(this.dir)) });
    mkdirSync(this.dir, { recursive: true, mode: 0o700 });
    if (spec.workdir === undefined) mkdirSync(this.work, { recursive: true, mode: 0o700 });
    writePrivate(this.input, JSON.stringify(input));
    if (resume !== undefined) writePrivate(this.resume, JSON.stringify(resume));
  }
}

/** Executions of the run that have a folder, ended or not. */
export function executionsOf(home: string, run: string): string[] {
  const folder = runFolder(home, run);
  return listed(folder).filter((name) => name !== WORK && isPlainName(name) && isFolder(join(folder, name)));
}

/** Runs of which there is more than a log. */
export async function* runsWithFiles(home: string): AsyncGenerator<string> {
  for (const run of listed(runsFolder(home)).filter(isPlainName)) {
    const names = await readdir(runFolder(home, run)).catch(() => []); // gone meanwhile
    if (names.some((name) => !LOG.test(name))) yield run;
  }
}

/** Removes all of a run but its log. Where a step has put a link in the place of the folder, what that leads to is nobody's to remove. */
export function removeFiles(home: string, run: string): void {
  const folder = runFolder(home, run);
  if (!isFolder(folder)) return rmSync(folder, { force: true });
  for (const name of listed(folder)) if (!LOG.test(name)) rmSync(join(folder, name), { recursive: true, force: true });
  removeEmptyFolder(folder);
}

/** Nothing of what a link leads to. */
function listed(folder: string): string[] {
  return isFolder(folder) ? readdirSync(folder) : [];
}

function isFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
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
