import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Audit } from "../kernel/audit.ts";
import { type Clock, FakeClock } from "../kernel/clock.ts";
import type { JournalEvent } from "../kernel/event.ts";
import { uuidv7 } from "../kernel/id.ts";
import { Journal } from "../kernel/journal.ts";
import { quickFolder } from "../kernel/quick-folder.fake.ts";
import type { Queryable } from "../kernel/rows.ts";
import { Redactor } from "../supervise/logs/redact.ts";
import { Runs } from "../workflow/execute.ts";
import { RunStore } from "../workflow/store.ts";
import { RepairBook } from "./book.ts";
import { RepairDesk } from "./desk.ts";
import { RepairFiles } from "./files.ts";
import { LifeClock, LifeJournal } from "./repair-life.fake.ts";
import { checkGivenPlan } from "./given-plan.ts";
import type { OpenTarget, RepairHost } from "./host.ts";
import { outdatedBy } from "./outdated.ts";
import { baseCommit, preImages } from "./patch/pre-images.ts";
import type { ServiceProfile, ServiceRef } from "./project.ts";
import { repairWorkflow } from "./repair.ts";
import { BROKEN, configOf, FakeDocker, type Mood, type Mortal, SCRIPT, type Service, SERVICES } from "./repair-engine.fake.ts";

export const EXPIRES_MS = 3_600_000;
export const COOLDOWN_MS = 5000;
const BREAKER_MS = 600_000;
const PLAIN: ServiceProfile = {
  protected: false,
  roles: [],
  selfApproval: false,
  expiresMs: EXPIRES_MS,
  allow: [],
  block: [],
  allowCompose: [],
  buildTimeoutMs: 60_000,
  restartTimeoutMs: 5000,
  settleMs: 500,
  repair: "off",
};

/** One daemon. */
export interface RepairLife extends Mortal {
  readonly runs: Runs;
  readonly book: RepairBook;
  readonly desk: RepairDesk;
  readonly files: RepairFiles;
  readonly clock: LifeClock;
}

/** One workspace with two services, `gate` protected, and one daemon after the other. */
export class RepairLives implements Disposable {
  readonly root = realpathSync(mkdtempSync(join(quickFolder(), "orco-repair-model-")));
  readonly workspace = join(this.root, "shop");
  readonly clock = new FakeClock();
  readonly docker: FakeDocker;
  readonly errors: unknown[] = [];
  /** Values that no diff may hold. */
  readonly secrets: string[] = [];
  life: RepairLife;
  private journal: Journal | undefined;
  /** Number of the daemon, from 1. */
  generation = 0;
  private readonly deaths: number[];

  constructor({
    moods,
    deaths,
    onChange,
  }: {
    moods: ReadonlyMap<number, Mood>;
    deaths: readonly number[];
    onChange: (run: string) => void;
  }) {
    this.deaths = [...deaths];
    for (const service of SERVICES) this.put(service, { Dockerfile: BROKEN, "start.sh": SCRIPT });
    this.docker = new FakeDocker(this.workspace, moods, onChange);
    for (const service of SERVICES) this.docker.up(service, this.clock);
    this.life = this.next();
  }

  put(service: Service, texts: Readonly<Record<string, string>>): void {
    mkdirSync(join(this.workspace, service), { recursive: true });
    for (const [name, text] of Object.entries(texts)) writeFileSync(join(this.workspace, service, name), text);
  }

  dockerfile(service: Service): string {
    return readFileSync(join(this.workspace, service, "Dockerfile"), "utf8");
  }

  /** Everything below the service's folder, to the byte. */
  tree(service: Service): string {
    const folder = join(this.workspace, service);
    const names = readdirSync(folder).toSorted();
    return JSON.stringify(names.map((name) => [name, statSync(join(folder, name)).mode, readFileSync(join(folder, name), "utf8")]));
  }

  /** The next daemon on what the one before has left. */
  next(): RepairLife {
    this.end();
    const [from, folder] = [join(this.root, `repairs-${this.generation++}`), join(this.root, `repairs-${this.generation}`)];
    // A dead daemon that was in the midst of copying finds nothing to go on with.
    if (existsSync(from)) renameSync(from, folder);
    this.journal = Journal.open({ path: join(this.root, "orco.db"), clock: this.clock });
    this.life = this.born(this.journal, folder);
    this.life.runs.resume();
    this.life.desk.start();
    return this.life;
  }

  /** Every event of a topic, oldest first. */
  read(topic?: string): readonly JournalEvent[] {
    return this.journal?.read({ ...(topic !== undefined && { topic }), limit: 100_000 }) ?? [];
  }

  [Symbol.dispose](): void {
    this.end();
    rmSync(this.root, { recursive: true, force: true });
  }

  private end(): void {
    this.life?.die();
    this.journal?.close();
  }

  private born(journal: Journal, folder: string): RepairLife {
    const clock = new LifeClock(this.clock);
    const alive = { yes: true };
    const isAlive = (): boolean => alive.yes;
    const die = (): void => {
      if (!alive.yes) return;
      alive.yes = false;
      clock.end();
      runs.abandon();
    };
    const mortal: Mortal = { clock, isAlive, die };
    const parts = { journal: new LifeJournal(journal, { isAlive, die, deathAt: this.deaths.shift() }), clock };
    const files = new RepairFiles(join(this.root, "artifacts"));
    const book: RepairBook = new RepairBook({ ...parts, onChange: (record) => isAlive() && desk.announce(record) });
    const host = this.host(mortal, { ...parts, files, book, folder });
    const newId = (): string => uuidv7(clock);
    const runs: Runs = new Runs({
      store: new RunStore(parts.journal, undefined, new Set(["repair"])),
      clock,
      newId,
      onError: host.onError,
      workflows: { repair: repairWorkflow(host) },
      notBefore: ({ lane }) => (book.lastChange(lane) ?? -COOLDOWN_MS) + COOLDOWN_MS,
    });
    const desk: RepairDesk = this.desk(mortal, { host, newId, runs: () => runs });
    return { ...mortal, clock, runs, book, desk, files };
  }

  private host(
    mortal: Mortal,
    { journal, ...parts }: { journal: Queryable; clock: Clock; files: RepairFiles; book: RepairBook; folder: string },
  ): RepairHost {
    return {
      ...parts,
      meter: { status: () => undefined, step: () => undefined },
      audit: new Audit(journal),
      open: ({ service, id }, signal) =>
        this.docker.call(mortal, { what: "open", run: id, act: () => this.opened(service as Service, id, mortal), signal }),
      breakerMs: BREAKER_MS,
      githubApi: "http://127.0.0.1:1",
      knownHashes: (workspace) => parts.book.succeededHashes(workspace),
      isLeaving: () => !mortal.isAlive(),
      onError: (error) => void (mortal.isAlive() && this.errors.push(error)),
    };
  }

  private desk(mortal: Mortal, parts: Pick<ConstructorParameters<typeof RepairDesk>[0], "host" | "newId" | "runs">): RepairDesk {
    const { host } = parts;
    const { clock, book, files } = host;
    return new RepairDesk({
      ...parts,
      clock,
      book,
      files,
      admit: async (service) => {
        const opened = this.opened(service.replace(/^shop\//, "") as Service, "none", mortal);
        const checkPlan = (plan: unknown): ReturnType<typeof checkGivenPlan> => checkGivenPlan(opened, plan, { clock });
        return { ...opened.ref, kind: "compose", checkPlan, mask: (text) => text };
      },
      refOf: async ({ service }) => this.ref(service as Service),
      denied: async () => undefined,
      outdated: (record) => outdatedBy(record, { baseCommit, preImages }),
    });
  }

  private ref(service: Service): ServiceRef {
    const { workspace } = this;
    const project = { name: "shop", workspace, composeFile: join(workspace, "compose.yaml"), services: SERVICES, approvers: [] };
    return { project, service, profile: { ...PLAIN, protected: service === "gate" } };
  }

  private opened(service: Service, run: string, mortal: Mortal): OpenTarget {
    return {
      ref: this.ref(service),
      target: this.docker.target(service, run, mortal),
      config: configOf(this.workspace, service),
      redactor: new Redactor(this.secrets),
      secrets: [...this.secrets],
      others: [],
      tools: { distribution: async () => "debian", run: () => Promise.reject(new Error("no tool is run")) },
      addressOf: async () => undefined,
    };
  }
}
