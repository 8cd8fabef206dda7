import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ContainerState, Diagnosis, Evidence, Verdict } from "./finding.ts";
import type { ServiceConfig } from "./project.ts";
import type { Inspection, OnLine, Target } from "./target.ts";

/** What a trial build of a copy does: reads files below its root, says lines, returns whether it builds. */
export type Build = (read: (path: string) => string, say: OnLine) => boolean;

/** A service of a real folder, whose builds are a function of its files. */
export class FakeService {
  builds = 0;
  readonly target: Target;
  state: ContainerState | undefined;
  logs: readonly string[] = [];
  /** Numbers of the builds that do not end in time, from 1. */
  hangs: readonly number[] = [];

  constructor(
    readonly workspace: string,
    readonly config: ServiceConfig,
    build: Build,
  ) {
    const refuse = (): never => {
      throw new Error("an analysis changes nothing");
    };
    this.target = {
      kind: "compose",
      inspect: async (): Promise<Inspection> => ({ config, logs: this.logs, ...(this.state && { state: this.state }) }),
      trial: async ({ root }, { onLine }) => {
        this.builds++;
        if (this.hangs.includes(this.builds)) return { ok: false, timedOut: true };
        const ok = build((path) => readFileSync(join(root, path), "utf8"), onLine);
        return { ok, exit: ok ? 0 : 1, timedOut: false };
      },
      record: refuse,
      build: refuse,
      restart: refuse,
      state: refuse,
      logs: refuse,
      restore: refuse,
      cleanUp: refuse,
      forget: refuse,
    };
  }
}

export function files(root: string, texts: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(texts)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

export function configOf(workspace: string, directory: string): ServiceConfig {
  const build = { context: join(workspace, directory), dockerfile: "Dockerfile", args: {} };
  return { build, init: false, bindTargets: [], environment: {}, raw: {} };
}

export function running(more: Partial<ContainerState> = {}): ContainerState {
  return { status: "running", exitCode: 0, oomKilled: false, error: "", restartCount: 0, startedAt: "", finishedAt: "", ...more };
}

/** A diagnosis of the last line `needs <what>` of the first text that has one: it lacks a line in a file. */
export function lacks(what: string, { verdict = "fix", path = "api/needs.txt" }: { verdict?: Verdict; path?: string } = {}) {
  return (evidence: Evidence, read: (path: string) => string): Diagnosis | undefined => {
    for (const { source, lines, firstLine } of evidence.texts) {
      const at = lines.findLastIndex((line) => line === `needs ${what}`);
      if (at < 0) continue;
      const finding = {
        signature: `lacks:${what}`,
        cause: `it lacks ${what}`,
        evidence: [`${source}:${firstLine + at}: ${lines[at]}`],
        confidence: 1,
        verdict,
        remedy: `add ${what}`,
      };
      const isMendable = verdict === "fix" || verdict === "approve";
      return { finding, ...(isMendable && { remedy: { kind: "edits", edits: [{ path, text: `${read(path)}${what}\n` }] } }) };
    }
    return undefined;
  };
}
