import { expect } from "bun:test";
import type { ChaosRig } from "./rig.ts";
import type { Poster, Watcher } from "./run-clients.ts";
import type { RunApi } from "./run-api.ts";

const ENDS: ReadonlySet<string> = new Set(["run.completed", "run.failed", "run.canceled"]);
const PAGE = 100;

export interface Row {
  readonly seq: number;
  readonly n: number;
  readonly run: string;
  readonly type: string;
  readonly data: Record<string, unknown>;
}

/** What is on disk of all runs, by run and as a whole. */
export class RunHistory {
  readonly rows: readonly Row[];
  readonly byRun = new Map<string, Row[]>();

  constructor(private readonly rig: ChaosRig) {
    const rows = rig.rows<{ seq: number; topic: string; topic_seq: number; type: string; data: string }>(
      "SELECT seq, topic, topic_seq, type, data FROM events ORDER BY seq",
    );
    for (const [at, { seq }] of rows.entries()) if (seq !== at + 1) throw new Error(`seq ${seq} stands at place ${at + 1}`);
    this.rows = rows
      .filter(({ topic }) => topic.startsWith("run/"))
      .map(({ seq, topic, topic_seq: n, type, data }) => ({
        seq,
        n,
        run: topic.slice("run/".length),
        type,
        data: JSON.parse(data) as Record<string, unknown>,
      }));
    for (const row of this.rows) this.byRun.set(row.run, [...(this.byRun.get(row.run) ?? []), row]);
  }

  /** Each run's numbers are gapless, it ends once, nothing follows, and its row says so too. */
  checkRuns(): void {
    const status = new Map(this.rig.rows<{ id: string; status: string }>("SELECT id, status FROM runs").map((row) => [row.id, row.status]));
    expect([...this.byRun.keys()].toSorted()).toEqual([...status.keys()].toSorted());
    for (const [run, rows] of this.byRun) {
      const said = `${run}: ${rows.map(({ n, type }) => `${n} ${type}`).join(", ")}`;
      if (rows.some(({ n }, at) => n !== at + 1)) throw new Error(`numbers with gaps: ${said}`);
      const ends = rows.filter(({ type }) => ENDS.has(type));
      if (ends.length !== 1 || rows.at(-1) !== ends[0]) throw new Error(`not ended once, at last: ${said}`);
      expect(`run.${status.get(run)}`, said).toBe(ends[0]?.type as string);
    }
  }

  checkpoints(run: string): Row[] {
    return this.byRun.get(run)?.filter(({ type }) => type === "checkpoint") ?? [];
  }

  /** What a poster was told is there once and in its order; with keys nothing else is, and its attempts are those it asked for. */
  checkPoster({ runs, acknowledged }: Poster): void {
    for (const { id, keyed, posted, claims } of runs) {
      const found = this.checkpoints(id).map(({ data }) => ({ id: data["id"], i: (data["data"] as { i: number }).i }));
      const told = acknowledged.filter(({ run }) => run === id).map((one) => ({ id: one.id, i: one.i }));
      expect([id, told.length]).toEqual([id, posted]);
      const ids = new Set<unknown>(told.map((one) => one.id));
      expect([id, found.filter((one) => ids.has(one.id))]).toEqual([id, told]);
      if (keyed) expect([id, found]).toEqual([id, told]);
      expect(found.map(({ i }) => i)).toEqual(found.map(({ i }) => i).toSorted((a, b) => a - b));
      const attempts = this.byRun.get(id)?.filter(({ type }) => type === "run.running").length ?? 0;
      if (attempts < 1 || attempts > claims) throw new Error(`${id} has ${attempts} attempts, and was claimed ${claims} times`);
    }
  }

  /** What GET gives, page by page, is what was recorded, in that order. */
  async checkLists(api: RunApi, runs: Iterable<string>): Promise<void> {
    for (const run of runs) {
      const listed: unknown[] = [];
      for (let after = ""; ;) {
        const page = await api.insist(`/runs/${run}/checkpoints?limit=${PAGE}${after}`);
        const found = page?.body["checkpoints"] as { id: string }[];
        listed.push(...found.map(({ id }) => id));
        if (found.length < PAGE) break;
        after = `&after=${found.at(-1)?.id}`;
      }
      expect([run, listed]).toEqual([run, this.checkpoints(run).map(({ data }) => data["id"])]);
    }
  }

  /** A watcher of a run was given each of its events once, and the end. */
  checkRunWatcher(run: string, { seen, ended }: Watcher): void {
    const rows = this.byRun.get(run) ?? [];
    expect([run, seen.map(summary)]).toEqual([run, rows.map(({ n, data, type }) => [n, wireName(type), checkpointOf(type, data)])]);
    expect([run, `run.${ended}`]).toEqual([run, rows.at(-1)?.type as string]);
  }

  /** A watcher of all runs was given every event of every run once. */
  checkWatcher({ seen }: Watcher): void {
    expect(seen.map(summary)).toEqual(this.rows.map(({ seq, data, type }) => [seq, wireName(type), checkpointOf(type, data)]));
  }
}

function summary({ at, event, data }: Watcher["seen"][number]): unknown[] {
  return [at, event, checkpointOf(event, data)];
}

function checkpointOf(type: string, data: Record<string, unknown>): unknown {
  return type === "checkpoint" ? data["id"] : undefined;
}

function wireName(type: string): string {
  const [subject = "", what] = type.split(".");
  if (what === "progress") return "log";
  return subject === "run" ? "status" : subject;
}
