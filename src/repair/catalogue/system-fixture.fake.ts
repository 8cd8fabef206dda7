import { readdirSync, readFileSync } from "node:fs";
import { LogReader, textsOf } from "../evidence/log-reader.ts";
import type { Diagnosis, Evidence, Source } from "../finding.ts";
import type { ServiceSnapshot } from "../snapshot.ts";

const FOLDER = new URL("../../../test/fixtures/repair/", import.meta.url).pathname;

/** What lies beside a log: where it is from, of what Dockerfile, and what has to come of it. */
interface Meta {
  readonly entry: number;
  readonly recorded: string | false;
  readonly how: string;
  readonly source: Source;
  readonly files: Readonly<Record<string, string>>;
  readonly expect: { readonly signature: string; readonly verdict: string; readonly dockerfile?: string };
}

export interface Fixture extends Meta {
  readonly name: string;
  readonly log: string;
}

/** Fixtures of these entries, by name. */
export function fixturesOf(entries: readonly number[]): readonly Fixture[] {
  const names = readdirSync(FOLDER).flatMap((file) => (file.endsWith(".meta.json") ? [file.slice(0, -".meta.json".length)] : []));
  return names
    .toSorted()
    .filter((name) => entries.includes(Number(name.split("-")[0])))
    .map((name) => {
      const meta = JSON.parse(readFileSync(`${FOLDER}${name}.meta.json`, "utf8")) as Meta;
      return { ...meta, name, log: readFileSync(`${FOLDER}${name}.log`, "utf8") };
    });
}

/** A log as the collector of evidence reads it. */
export function evidenceOf(log: string, source: Source = "build"): Evidence {
  const reader = new LogReader();
  reader.push(Buffer.from(log));
  return { texts: textsOf(reader.end(), source) };
}

/** A service with these files, by their paths. */
export function snapshotOf(files: Readonly<Record<string, string>>, changes: Partial<ServiceSnapshot> = {}): ServiceSnapshot {
  const { Dockerfile: dockerfile } = files;
  return {
    service: "api",
    directory: "",
    ...(dockerfile !== undefined && { dockerfile: { path: "Dockerfile", text: dockerfile } }),
    buildArgs: {},
    paths: Object.keys(files).toSorted(),
    files: new Map(Object.entries(files)),
    modes: new Map(),
    config: { init: false, bindTargets: [], environment: {}, raw: {} },
    distributions: new Map(),
    ...changes,
  };
}

/** The new text of the Dockerfile. */
export function dockerfileOf(diagnosis: Diagnosis | undefined): string | undefined {
  const remedy = diagnosis?.remedy;
  return remedy?.kind === "edits" ? remedy.edits.find(({ path }) => path === "Dockerfile")?.text : undefined;
}
