import { posix } from "node:path";
import { readLines } from "../evidence/collect.ts";
import { textsOf } from "../evidence/log-reader.ts";
import type { Diagnosis, Source, ToolRun } from "../finding.ts";
import type { ServiceSnapshot } from "../snapshot.ts";
import { DEPENDENCY_ENTRIES } from "./dependency-entries.ts";
import { snapshotOf as serviceOf } from "./system-fixture.fake.ts";

export const PYTHON =
  'FROM python:3.11-slim\nWORKDIR /app\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\nCOPY . .\nCMD ["python", "app.py"]\n';
export const NODE = 'FROM node:20-slim\nWORKDIR /app\nCOPY package*.json ./\nRUN npm ci --omit=dev\nCOPY . .\nCMD ["node", "server.js"]\n';

export interface DependencyCase {
  readonly log: string;
  readonly source?: Extract<Source, "given" | "build" | "container">;
  /** Below `directory`. */
  readonly files?: Readonly<Record<string, string>>;
  readonly directory?: string;
}

/** What the entries about dependencies make of a log, read as any other. */
export function diagnosed({ log, source = "container", files = {}, directory = "" }: DependencyCase): readonly Diagnosis[] {
  const snapshot = snapshotOf(directory, files);
  const evidence = { texts: textsOf(readLines(log.split("\n")), source) };
  return DEPENDENCY_ENTRIES.flatMap((entry) => entry.match(evidence, snapshot) ?? []);
}

/** `verdict signature`, of all that were found. */
export function told(one: DependencyCase): readonly string[] {
  return diagnosed(one).map(({ finding }) => `${finding.verdict} ${finding.signature}`);
}

/** The files that the first of them changes, by path; those of a tool's run, too. */
export function changed(one: DependencyCase): Readonly<Record<string, string>> {
  const [first] = diagnosed(one);
  const edits = first?.remedy?.kind === "tool" ? first.remedy.run.edits : (first?.remedy?.edits ?? []);
  return Object.fromEntries(edits.map(({ path, text }) => [path, text]));
}

export function toolOf(one: DependencyCase): ToolRun | undefined {
  const remedy = diagnosed(one)[0]?.remedy;
  return remedy?.kind === "tool" ? remedy.run : undefined;
}

function snapshotOf(directory: string, below: Readonly<Record<string, string>>): ServiceSnapshot {
  const files = Object.fromEntries(Object.entries(below).map(([path, text]) => [posix.join(directory, path), text]));
  const { Dockerfile: text } = below;
  return serviceOf(files, { directory, ...(text !== undefined && { dockerfile: { path: posix.join(directory, "Dockerfile"), text } }) });
}
