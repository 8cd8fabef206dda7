import { constants, realpathSync } from "node:fs";
import { access } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { OrcoError } from "../kernel/errors.ts";
import { diagnose } from "./catalogue/catalogue.ts";
import { snapshotOf } from "./copy/snapshot-of.ts";
import { textsOf } from "./evidence/log-reader.ts";
import { readLog } from "./evidence/read-log.ts";
import type { Diagnosis, FailingStep, Finding, ToolRun } from "./finding.ts";
import { diffOfChanges } from "./patch/diff.ts";
import type { ServiceConfig } from "./project.ts";
import type { ServiceSnapshot } from "./snapshot.ts";

export interface OfflineLog {
  readonly log: AsyncIterable<Uint8Array>;
  /** Absolute: the folder of the service, which is its build context. */
  readonly folder: string;
  /** Absolute; `Dockerfile` in the folder unless given. */
  readonly dockerfile?: string;
}

export interface OfflineAnalysis {
  /** Best first. */
  readonly findings: readonly Finding[];
  /** What mends the first of them, for `git apply` in the folder; "" where no edit does. */
  readonly diff: string;
  /** What would bring the lock file up to date after the diff is applied. */
  readonly tool?: Pick<ToolRun, "image" | "argv" | "cwd" | "writes">;
  readonly failing?: FailingStep;
}

/** What the catalogue makes of a log, without a daemon, docker or a network. Nothing is written. Throws `invalid` for a folder that is none. */
export async function analyzeOffline({ log, folder, dockerfile }: OfflineLog): Promise<OfflineAnalysis> {
  const workspace = await realFolder(folder);
  const snapshot = await pictured(workspace, dockerfile);
  const read = await readLog(log);
  const found = diagnose({ texts: textsOf(read, "given") }, snapshot);
  const [best] = found;
  const { instruction, stage, step } = read.failing ?? {};
  return {
    findings: found.map(({ finding }) => finding),
    ...remedyOf(best, snapshot),
    ...(instruction !== undefined && {
      failing: { instruction, ...(stage !== undefined && { stage }), ...(step !== undefined && { step }) },
    }),
  };
}

async function realFolder(folder: string): Promise<string> {
  try {
    await access(`${folder}/.`, constants.R_OK);
    return realpathSync(folder);
  } catch (error) {
    throw new OrcoError("invalid", `${folder} is no folder that can be read`, { usage: true }, { cause: error });
  }
}

async function pictured(workspace: string, dockerfile: string | undefined): Promise<ServiceSnapshot> {
  const place = relative(workspace, dockerfile === undefined ? resolve(workspace, "Dockerfile") : realFile(dockerfile));
  if (place.startsWith("../"))
    throw new OrcoError("invalid", `${dockerfile} lies outside of ${workspace}: name its folder with --dir`, { usage: true });
  const build = { context: workspace, dockerfile: place, args: {} };
  const config: ServiceConfig = { build, init: false, bindTargets: [], environment: {}, raw: {} };
  return snapshotOf({ root: workspace }, { service: "service", config, workspace, distributions: new Map() });
}

function realFile(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    throw new OrcoError("invalid", `${path} is not there, or cannot be read`, { usage: true }, { cause: error });
  }
}

function remedyOf(best: Diagnosis | undefined, { dockerfile, files }: ServiceSnapshot): Pick<OfflineAnalysis, "diff" | "tool"> {
  const { remedy } = best ?? {};
  const edits = remedy?.kind === "tool" ? remedy.run.edits : (remedy?.edits ?? []);
  const before = (path: string): string | null => (path === dockerfile?.path ? dockerfile.text : (files.get(path) ?? null));
  const diff = diffOfChanges(edits.map(({ path, text }) => ({ path, before: before(path), after: text })));
  if (remedy?.kind !== "tool") return { diff };
  const { image, argv, cwd, writes } = remedy.run;
  return { diff, tool: { image, argv, cwd, writes } };
}
