import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { RepairRequest } from "../../src/client/repair.ts";
import type { RunDetail } from "../../src/repair/view.ts";
import { Compose } from "../../src/repair/compose/detect.ts";
import { type ComposeCommand, runCompose } from "../../src/repair/compose/run.ts";
import { systemClock } from "../../src/kernel/clock.ts";
import { type ContainerInfo, inspectContainer, listContainers, removeContainer } from "../../src/supervise/docker/containers.ts";
import type { Engine } from "../../src/supervise/docker/engine.ts";
import { ChaosRig } from "../chaos/rig.ts";
import { dockerHere } from "../docker/engine.ts";
import { until } from "../until.ts";

const clock = systemClock();
const PROJECT = "com.docker.compose.project";
const ENDED = new Set(["succeeded", "failed", "rolled_back", "rollback_failed", "rejected", "canceled"]);
/** Of one repair on a busy machine. */
const PATIENCE_MS = 90_000;

/** What a compose project is before and after: every file byte for byte, and what its containers run. */
export interface Standing {
  readonly files: Readonly<Record<string, string>>;
  readonly images: Readonly<Record<string, string>>;
}

/** Undefined, with a line that says why, where there is no docker or no compose. */
export async function repairRig(env: Readonly<Record<string, string>> = {}): Promise<RepairRig | undefined> {
  const engine = await dockerHere();
  if (!engine) return undefined;
  try {
    const compose = await new Compose({ engine, env: process.env, clock }).find();
    return new RepairRig({ engine, compose, env });
  } catch (error) {
    if (process.env["CI"] === "true") throw error;
    console.log(`skipped: ${String(error)}`);
    return undefined;
  }
}

/** A daemon that knows one compose project, in git. Nothing of it is left in docker at the end. */
export class RepairRig extends ChaosRig {
  readonly project: string;
  readonly workspace: string;
  readonly engine: Engine;
  protected readonly compose: ComposeCommand;

  constructor({ engine, compose, env }: { engine: Engine; compose: ComposeCommand; env: Readonly<Record<string, string>> }) {
    const project = `orcorepair${crypto.randomUUID().slice(0, 6)}`;
    const more: Record<string, string> = { ORCO_REPAIR_COOLDOWN_MS: "0", ORCO_REPAIR_BREAKER_MS: "0", ...env };
    super(more);
    this.project = project;
    this.workspace = join(this.dir, project);
    mkdirSync(this.workspace);
    more["ORCO_REPAIR_WORKSPACE"] ??= this.workspace;
    Object.assign(this.env as Record<string, string>, more);
    this.engine = engine;
    this.compose = compose;
  }

  write(path: string, text: string, mode?: number): void {
    const file = join(this.workspace, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    if (mode !== undefined) chmodSync(file, mode);
  }

  read(path: string): string {
    return readFileSync(join(this.workspace, path), "utf8");
  }

  async commit(message = "as it is"): Promise<void> {
    const who = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"];
    for (const args of [
      ["init", "-q"],
      ["add", "-A"],
      [...who, "commit", "-q", "--allow-empty", "-m", message],
    ])
      await this.git(...args);
  }

  async git(...args: string[]): Promise<string> {
    const child = Bun.spawn(["git", ...args], { cwd: this.workspace, env: { ...this.base(), GIT_CONFIG_NOSYSTEM: "1" }, stderr: "pipe" });
    const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    if ((await child.exited) !== 0) throw new Error(`git ${args.join(" ")}: ${err}`);
    return out;
  }

  /** What the operator does by hand; a build that fails is none of our business. */
  async operator(...args: string[]): Promise<readonly string[]> {
    const place = { name: this.project, directory: this.workspace, files: [join(this.workspace, "compose.yaml")] };
    return (await runCompose(this.compose, { project: place, args, timeoutMs: 120_000, clock })).lines;
  }

  /** Admitted. */
  repair(service: string, more: Partial<RepairRequest> = {}): Promise<{ readonly run_id: string }> {
    return this.client.repair.create({ target_service: service, instruction: `${service} does not start: mend it`, ...more });
  }

  /** Where it stands when it has ended, or waits for an approval. Daemons may come and go meanwhile. */
  async settled(id: string): Promise<RunDetail> {
    return this.standing(id, (detail) => ENDED.has(detail.status) || detail.status === "awaiting_approval");
  }

  async ended(id: string): Promise<RunDetail> {
    return this.standing(id, (detail) => ENDED.has(detail.status));
  }

  async container(service: string): Promise<ContainerInfo | undefined> {
    const rows = await listContainers(this.engine, { [PROJECT]: this.project, "com.docker.compose.service": service });
    return rows[0] && inspectContainer(this.engine, rows[0].Id);
  }

  /** Files below the workspace without git's own, and the image that each container runs. */
  async look(): Promise<Standing> {
    const rows = await listContainers(this.engine, { [PROJECT]: this.project });
    const found = await Promise.all(rows.map(({ Id }) => inspectContainer(this.engine, Id)));
    const images = found.map(({ Name, Image }) => [Name, Image] as const).toSorted(([a], [b]) => a.localeCompare(b));
    return { files: Object.fromEntries(this.files("")), images: Object.fromEntries(images) };
  }

  async clean(): Promise<void> {
    for (const { Id } of await listContainers(this.engine, { [PROJECT]: this.project })) await removeContainer(this.engine, Id);
    await this.operator("down", "--timeout", "0", "--volumes");
    const rows = await this.engine.call<{ RepoTags: string[] | null }[]>("GET", "/images/json");
    const mine = rows
      .flatMap(({ RepoTags }) => RepoTags ?? [])
      .filter((tag) => tag.includes(this.project) || this.runs().some((run) => tag.endsWith(run)));
    for (const tag of mine) await this.engine.call("DELETE", `/images/${tag}`, { query: { force: true } }).catch(() => undefined);
  }

  private runs(): readonly string[] {
    try {
      return this.rows<{ run: string }>("SELECT run FROM repairs").map(({ run }) => run);
    } catch {
      return [];
    }
  }

  private async standing(id: string, isIt: (detail: RunDetail) => boolean): Promise<RunDetail> {
    let last: RunDetail | undefined;
    await until(
      `repair ${id} to settle`,
      async () => {
        last = (await this.client.repair.get(id).catch(() => undefined)) ?? last;
        return last !== undefined && isIt(last);
      },
      PATIENCE_MS,
    );
    return last as RunDetail;
  }

  private files(folder: string): [string, string][] {
    return readdirSync(join(this.workspace, folder), { withFileTypes: true }).flatMap((entry) => {
      const path = join(folder, entry.name);
      if (path === ".git") return [];
      if (entry.isDirectory()) return this.files(path);
      const bytes = readFileSync(join(this.workspace, path));
      const { mode } = statSync(join(this.workspace, path));
      return [[path, `${mode.toString(8)} ${createHash("sha256").update(bytes).digest("hex")}`] as [string, string]];
    });
  }
}
