import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { systemClock } from "../../src/kernel/clock.ts";
import { openProject } from "../../src/repair/project-open.ts";
import type { ServiceRef } from "../../src/repair/project.ts";
import { type ComposeCommand, runCompose } from "../../src/repair/compose/run.ts";
import { composeTarget } from "../../src/repair/compose/target.ts";
import { ProjectTurns } from "../../src/repair/compose/turns.ts";
import type { Target, Work } from "../../src/repair/target.ts";
import { type ContainerInfo, inspectContainer, listContainers, removeContainer } from "../../src/supervise/docker/containers.ts";
import type { Engine } from "../../src/supervise/docker/engine.ts";
import { Redactor } from "../../src/supervise/logs/redact.ts";

const clock = systemClock();

/** A compose project of a test's own, in a folder of its own. Nothing of it is left in docker at the end. */
export class ComposeRig {
  readonly project = `orcotest${crypto.randomUUID().slice(0, 6)}`;
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), "orco-compose-")));
  readonly workspace = join(this.folder, this.project);
  readonly home = join(this.folder, "home");
  readonly lines: string[] = [];
  private readonly targets: Target[] = [];

  constructor(
    readonly compose: ComposeCommand,
    readonly engine: Engine,
  ) {
    mkdirSync(this.workspace);
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.workspace, path)), { recursive: true });
    writeFileSync(join(this.workspace, path), text);
  }

  /** Without a profile file: `version: 1` in front is added. */
  async ref(service = "api"): Promise<ServiceRef> {
    const { compose, workspace } = this;
    return (await openProject({ workspace, commit: null, compose, env: process.env, clock })).ref(service);
  }

  work(signal = new AbortController().signal): Work {
    return { signal, onLine: (line) => void this.lines.push(line) };
  }

  /** Of a run of its own, unless it is named. */
  async target({
    run = `${this.project}-r${this.targets.length}`,
    secrets = [],
    compose = this.compose,
    engine = this.engine,
  }: {
    run?: string;
    secrets?: readonly string[];
    compose?: ComposeCommand;
    engine?: Engine;
  } = {}): Promise<Target> {
    const parts = { ref: await this.ref(), run, compose, engine, home: this.home, env: process.env, turns: new ProjectTurns() };
    const target = composeTarget({ ...parts, redactor: new Redactor(secrets), clock });
    this.targets.push(target);
    return target;
  }

  /** What the operator does by hand. */
  async operator(...args: string[]): Promise<void> {
    const project = { directory: this.workspace, files: [join(this.workspace, "docker-compose.yml")] };
    const { ok, lines } = await runCompose(this.compose, { project, args, timeoutMs: 60_000, clock });
    if (!ok) throw new Error(lines.join("\n"));
  }

  async containers(service = "api"): Promise<ContainerInfo[]> {
    const labels = { "com.docker.compose.project": this.project, "com.docker.compose.service": service };
    const rows = await listContainers(this.engine, labels);
    return Promise.all(rows.map(({ Id }) => inspectContainer(this.engine, Id)));
  }

  async only(service = "api"): Promise<ContainerInfo> {
    const found = await this.containers(service);
    if (found.length !== 1) throw new Error(`${found.length} containers of ${service}: ${found.map(({ Name }) => Name).join(", ")}`);
    return found[0] as ContainerInfo;
  }

  async images(): Promise<string[]> {
    const rows = await this.engine.call<{ RepoTags: string[] | null }[]>("GET", "/images/json");
    return rows.flatMap(({ RepoTags }) => RepoTags ?? []).filter((tag) => tag.includes(this.project));
  }

  async close(): Promise<void> {
    // What they keep in memory lies elsewhere.
    for (const target of this.targets) await target.forget(undefined, false).catch(() => undefined);
    for (const { Id } of await listContainers(this.engine, { "com.docker.compose.project": this.project }))
      await removeContainer(this.engine, Id);
    for (const tag of await this.images())
      await this.engine.call("DELETE", `/images/${encodeURIComponent(tag)}`, { query: { force: true } }).catch(() => undefined);
    const filters = JSON.stringify({ label: [`com.docker.compose.project=${this.project}`] });
    for (const { Id } of await this.engine.call<{ Id: string }[]>("GET", "/networks", { query: { filters } }))
      await this.engine.call("DELETE", `/networks/${Id}`);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
