import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { collect, readLines } from "../src/repair/evidence/collect.ts";
import type { ContainerState, Evidence } from "../src/repair/finding.ts";
import type { ServiceConfig } from "../src/repair/project.ts";
import type { ServiceSnapshot } from "../src/repair/snapshot.ts";

const FOLDER = join(import.meta.dir, "fixtures", "repair");

/** Beside `<name>.log`: how it came to be, and what the catalogue has to make of it. */
const Meta = z.strictObject({
  entry: z.number().int(),
  /** When; `unrecorded` or false: written after the tool's own words where the tool cannot be had here. */
  recorded: z.union([z.string(), z.boolean()]),
  how: z.string(),
  expect: z.strictObject({
    /** null: nothing must be found. */
    signature: z.string().nullable(),
    entry: z.number().int().optional(),
    verdict: z.enum(["fix", "approve", "report", "retry"]).optional(),
    /** What must stand in the new text of a file, by path; of edits and of a tool's. */
    edits: z.record(z.string(), z.array(z.string())).optional(),
    /** The whole new Dockerfile. */
    dockerfile: z.string().optional(),
  }),
  source: z.enum(["given", "build", "container"]).default("build"),
  /** The service's files by path; the Dockerfile is `Dockerfile`. */
  files: z.record(z.string(), z.string()).default({}),
  /** Octal, e.g. "755"; 644 unless named. */
  modes: z.record(z.string(), z.string()).default({}),
  config: z
    .strictObject({
      init: z.boolean().default(false),
      entrypoint: z.array(z.string()).optional(),
      command: z.array(z.string()).optional(),
      bindTargets: z.array(z.string()).default([]),
      environment: z.record(z.string(), z.string()).default({}),
    })
    .prefault({}),
  distributions: z.record(z.string(), z.enum(["debian", "alpine", "unknown"])).default({}),
});

/** As `docker inspect` writes `.State`. */
const State = z.object({
  Status: z.enum(["created", "running", "paused", "restarting", "removing", "exited", "dead"]),
  ExitCode: z.number(),
  OOMKilled: z.boolean(),
  Error: z.string(),
  StartedAt: z.string(),
  FinishedAt: z.string(),
  Health: z
    .object({
      Status: z.enum(["none", "starting", "healthy", "unhealthy"]),
      Log: z.array(z.object({ ExitCode: z.number(), Output: z.string() })).default([]),
    })
    .optional(),
});

export interface RepairFixture {
  readonly name: string;
  readonly meta: z.output<typeof Meta>;
  readonly evidence: Evidence;
  readonly snapshot: ServiceSnapshot;
}

/** Every fixture of the folder, by name. */
export function repairFixtures(): readonly RepairFixture[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith(".meta.json"))
    .map((name) => fixture(name.slice(0, -".meta.json".length)))
    .toSorted((a, b) => a.name.localeCompare(b.name));
}

export function fixture(name: string): RepairFixture {
  const meta = Meta.parse(JSON.parse(textOf(`${name}.meta.json`)));
  const text = existsSync(join(FOLDER, `${name}.log`)) ? textOf(`${name}.log`) : "";
  const stateFile = `${name}.state.json`;
  const state = existsSync(join(FOLDER, stateFile)) ? stateOf(JSON.parse(textOf(stateFile))) : undefined;
  const lines = text === "" ? [] : text.replace(/\n$/, "").split("\n");
  const evidence = collect({
    ...(meta.source === "given" && { given: lines }),
    ...(meta.source === "build" && { build: readLines(lines) }),
    inspection: { logs: meta.source === "container" ? lines : [], ...(state && { state }) },
  });
  return { name, meta, evidence, snapshot: snapshotOf(meta) };
}

export function snapshotOf(given: z.input<typeof Meta>): ServiceSnapshot {
  const meta = Meta.parse(given);
  const dockerfile = meta.files["Dockerfile"];
  return {
    service: "api",
    directory: "",
    ...(dockerfile !== undefined && { dockerfile: { path: "Dockerfile", text: dockerfile } }),
    buildArgs: {},
    paths: Object.keys(meta.files).toSorted(),
    files: new Map(Object.entries(meta.files)),
    modes: new Map(Object.keys(meta.files).map((path) => [path, Number.parseInt(meta.modes[path] ?? "644", 8)])),
    config: configOf(meta.config),
    distributions: new Map(Object.entries(meta.distributions)),
  };
}

function configOf({ entrypoint, command, ...config }: z.output<typeof Meta>["config"]): ServiceConfig {
  return { ...config, ...(entrypoint && { entrypoint }), ...(command && { command }), raw: {} };
}

function stateOf(json: unknown): ContainerState {
  const { Status, ExitCode, OOMKilled, Error: error, StartedAt, FinishedAt, Health } = State.parse(json);
  const log = Health?.Log.map((probe) => ({ exitCode: probe.ExitCode, output: probe.Output }));
  return {
    status: Status,
    exitCode: ExitCode,
    oomKilled: OOMKilled,
    error,
    restartCount: 0,
    startedAt: StartedAt,
    finishedAt: FinishedAt,
    ...(Health && { health: { status: Health.Status, log: log ?? [] } }),
  };
}

function textOf(name: string): string {
  return readFileSync(join(FOLDER, name), "utf8");
}
