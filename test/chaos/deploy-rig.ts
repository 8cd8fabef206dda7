import { expect } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { AppRow } from "../../src/deploy/record.ts";
import type { RouteTable } from "../../src/edge/route.ts";
import type { RunRow, StepRow } from "../../src/workflow/run.ts";
import { commandOf } from "../../src/supervise/proc.ts";
import type { AppUnderTest } from "../scenarios/app-under-test.ts";
import { until } from "../until.ts";
import { ChaosRig } from "./rig.ts";

const MORTAL = resolve(import.meta.dirname, "../programs/mortal-serve.ts");
const SETTLE_MS = 20_000;

export interface Death {
  readonly at: number;
  readonly when: "before" | "after";
}

/** A rig whose daemon can be told at which write to die. */
export class DeployRig extends ChaosRig {
  protected override get program(): readonly string[] {
    return [process.execPath, "--no-env-file", "--config=/dev/null", "--no-install", MORTAL];
  }

  /** The daemon dies at its n-th write from now on that has to do with runs and apps. */
  arm(death: Death): void {
    writeFileSync(join(this.dir, "death.json"), JSON.stringify(death));
  }

  disarm(): void {
    rmSync(join(this.dir, "death.json"), { force: true });
  }

  /** false: the daemon is dead, and reaped. */
  async answers(): Promise<boolean> {
    const alive = await this.client.health().then(
      () => true,
      () => false,
    );
    if (!alive) await this.death();
    return alive;
  }

  /** Writes about runs and apps so far. */
  writes(): number {
    return this.rows<{ n: number }>("SELECT count(*) AS n FROM events WHERE topic LIKE 'run/%' OR topic LIKE 'app/%'")[0]?.n ?? 0;
  }

  row(app: string): AppRow | undefined {
    const [found] = this.rows<{ row: string }>(`SELECT row FROM apps WHERE name = '${app}'`);
    return found && (JSON.parse(found.row) as AppRow);
  }

  /** Newest first. */
  runs(app: string): RunRow[] {
    return this.rows<{ row: string }>(`SELECT row FROM runs WHERE lane = 'app/${app}' ORDER BY id DESC`).map(
      ({ row }) => JSON.parse(row) as RunRow,
    );
  }

  isBusy(app: string): boolean {
    return this.runs(app).some(({ status }) => status === "queued" || status === "running");
  }

  step(run: string, name: string): StepRow | undefined {
    const [found] = this.rows<{ row: string }>(`SELECT row FROM run_steps WHERE run = '${run}' AND name = '${name}'`);
    return found && (JSON.parse(found.row) as StepRow);
  }

  /** What happened to an app, for a failure's message. */
  story(run: string): string {
    const rows = this.rows<{ type: string; data: string }>(
      `SELECT type, data FROM events WHERE topic = 'run/${run}' OR topic LIKE 'app/%' ORDER BY seq DESC LIMIT 60`,
    );
    return rows
      .map(({ type, data }) => {
        const { step, slot_name: slot, message } = JSON.parse(data) as Record<string, string>;
        return [type, step, slot, message].filter(Boolean).join(" ");
      })
      .toReversed()
      .join("\n");
  }

  /** The app is as its row and its runs say, and nothing else of it is there. Fails with what is wrong. */
  async assertSettled(app: AppUnderTest): Promise<AppRow> {
    await until("no run under way", async () => (await app.status()).run === undefined || undefined, SETTLE_MS);
    await until("the app to be healthy", async () => (await app.status()).healthy || undefined, SETTLE_MS);
    await until("nothing to be draining or aside", () => isQuiet(this.row(app.name)) || undefined, SETTLE_MS).catch(() => undefined);
    const row = this.row(app.name) as AppRow;
    const status = await app.status();
    const live = row.live && row.slots[row.live];
    const previous = row.previous && row.slots[row.previous];
    expect({ draining: row.draining, aside: row.aside, slots: Object.keys(row.slots).toSorted() }).toEqual({
      draining: undefined,
      aside: undefined,
      slots: [row.live, row.previous].filter((slot) => slot !== undefined).toSorted(),
    });
    expect([status.live_slot, status.live_commit]).toEqual([row.live ?? null, live?.commit ?? null]);
    expect([status.previous_slot, status.previous_commit]).toEqual([row.previous ?? null, previous?.commit ?? null]);
    for (const slot of Object.keys(row.slots) as ("blue" | "green")[])
      expect(`${slot} ${await this.treeIn(app, slot)}`).toBe(
        `${slot} ${await app.git("rev-parse", `${row.slots[slot]?.commit}^{tree}`)}`.trim(),
      );
    expect(this.folders(app.name).toSorted()).toEqual(Object.keys(row.slots).toSorted());
    await until("one process only", () => this.processes().length === 1 || undefined, SETTLE_MS).catch(() => undefined);
    expect(this.processes()).toHaveLength(1);
    expect(this.slotRows(app.name)).toEqual([String(row.live)]);
    return row;
  }

  /** Of the apps themselves, without the shims above them. */
  processes(): string[] {
    return this.instances().filter((line) => line.includes("deployed.ts") && line.split(" ")[1] === process.execPath);
  }

  /** Pids of the edge's workers. */
  workers(): number[] {
    return this.marked().flatMap(({ pid }) => (commandOf(pid).includes("edge-worker") ? [pid] : []));
  }

  /** Targets that get new requests, by the table on disk; undefined while there is none. */
  activeTargets(app: string): number | undefined {
    try {
      const table = JSON.parse(readFileSync(join(this.home, "edge/routes.json"), "utf8")) as RouteTable;
      return table.fronts.find(({ id }) => id === `app/${app}`)?.targets.filter(({ state }) => state === "active").length;
    } catch {
      return undefined; // no route was ever written
    }
  }

  private slotRows(app: string): string[] {
    return this.rows<{ service: string }>(`SELECT service FROM slots WHERE stack = 'app.${app}'`).map(({ service }) => service);
  }

  /** Of what is on disk, whoever wrote it. */
  private async treeIn(app: AppUnderTest, slot: string): Promise<string> {
    const worktree = join(this.home, "apps", app.name, "slots", slot);
    const scratch = mkdtempSync(join(this.dir, "index-"));
    try {
      const index = { GIT_INDEX_FILE: join(scratch, "index"), GIT_WORK_TREE: worktree, GIT_DIR: join(app.repo, ".git") };
      const run = async (...args: string[]): Promise<string> => {
        const child = Bun.spawn(["git", ...args], { cwd: worktree, env: { ...process.env, ...index }, stdout: "pipe", stderr: "pipe" });
        const [code, out, err] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()]);
        if (code !== 0) throw new Error(`git ${args.join(" ")}: ${err}`);
        return out.trim();
      };
      await run("add", "-A", "-f");
      return await run("write-tree");
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  }

  /** Worktrees and everything beside them, but for what is being removed. */
  private folders(app: string): string[] {
    const slots = join(this.home, "apps", app, "slots");
    return existsSync(slots) ? readdirSync(slots).filter((name) => !name.startsWith(".trash-")) : [];
  }
}

function isQuiet(row: AppRow | undefined): boolean {
  return row !== undefined && row.draining === undefined && row.aside === undefined;
}

/** Looks at the table every few milliseconds: how many targets of the app were active, ever. */
export class ActiveWatch {
  readonly seen = new Set<number | undefined>();
  private readonly timer: Timer;

  constructor(rig: DeployRig, app: string) {
    this.timer = setInterval(() => this.seen.add(rig.activeTargets(app)), 5);
  }

  stop(): void {
    clearInterval(this.timer);
  }
}
