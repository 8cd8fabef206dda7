import { stat } from "node:fs/promises";
import { OrcoError } from "../kernel/errors.ts";
import { RepairLives, COOLDOWN_MS, EXPIRES_MS, type RepairLife } from "./repair-lives.fake.ts";
import { BROKEN, type Service } from "./repair-engine.fake.ts";
import { type Act, planOf, type Story } from "./repair-model.fake.ts";
import { isOver } from "./status.ts";
import type { Scene, Told } from "./repair-told.fake.ts";
import type { RunSummary } from "./view.ts";

const TURN_MS = 250;
/** Turns after the last command, until what still goes on is cancelled, and in all. */
const PATIENCE = 400;
const MOST_TURNS = 8000;
/** What people may be told. */
const ANSWERS: ReadonlySet<string> = new Set([
  "approval_not_applicable",
  "approval_denied",
  "approval_void",
  "conflict",
  "patch_refused",
  "not_found",
]);

/** Tells a story, and looks on. */
export class Telling implements Disposable {
  readonly lives: RepairLives;
  readonly told: Told[] = [];
  readonly wrong: string[] = [];
  readonly marks: Record<Service, string[]> = { api: [], gate: [] };
  /** As it was when nothing was under way. */
  private readonly calm: Record<Service, Scene>;
  private turns = 0;
  private numbers = 0;

  constructor(private readonly story: Story) {
    const { moods, deaths } = story;
    this.lives = new RepairLives({ moods, deaths, onChange: (run) => this.mayChange(run) });
    this.calm = { api: this.scene("api"), gate: this.scene("gate") };
  }

  async tell(): Promise<void> {
    for (const { wait, act } of this.story.commands) {
      for (let turn = 0; turn < wait; turn++) await this.turn();
      await this.act(act);
    }
    for (let turn = 0; turn < PATIENCE && this.goesOn(); turn++) await this.turn();
    while (this.goesOn()) {
      for (const one of this.told) if (!isOver(one.status)) this.cancel(one);
      await this.turn(this.turns > PATIENCE * 4 ? 20_000 : TURN_MS);
      if (this.turns > MOST_TURNS) throw new Error(`it does not end: ${this.told.map(({ id, status }) => `${id} ${status}`).join(", ")}`);
    }
    // A lane that rests wakes once more.
    for (let turn = 0; turn < 4; turn++) await this.turn(COOLDOWN_MS);
  }

  [Symbol.dispose](): void {
    this.lives[Symbol.dispose]();
  }

  private get life(): RepairLife {
    return this.lives.life;
  }

  private goesOn(): boolean {
    return this.told.some(({ status }) => !isOver(status)) || this.life.book.unended().length > 0;
  }

  /** Nothing else goes on that could take too long. */
  private waitsForPeople(): boolean {
    for (const one of this.told) this.look(one);
    const open = this.told.filter(({ status }) => !isOver(status));
    const asked = new Set(open.flatMap(({ service, status }) => (status === "awaiting_approval" ? [service] : [])));
    return open.every(({ service, status }) => asked.has(service) && status !== "running");
  }

  private async turn(ms = TURN_MS): Promise<void> {
    this.turns++;
    await this.lives.clock.advance(ms);
    // Files take as long as they take: no time passes that they have not got.
    await stat(this.lives.root);
    if (!this.life.isAlive()) this.begin();
    for (const one of this.told) this.look(one);
  }

  /** The next daemon on what the one before has left. */
  private begin(): void {
    this.lives.next();
    for (const one of this.told) if (!one.after) this.watch(one);
  }

  /** What is there when it ends, before another can begin. */
  private watch(one: Told): void {
    const { life } = this;
    const ended = async (): Promise<void> => {
      await life.runs.settled(one.id);
      // One that never began may end while another is under way.
      if (!life.isAlive() || one.after || life.desk.summary(one.id).started_at === null) return;
      one.before = this.calm[one.service];
      one.after = this.calm[one.service] = this.scene(one.service);
    };
    if (this.summary(one.id)) void ended();
  }

  private look(one: Told): void {
    const summary = this.summary(one.id);
    if (!summary) return;
    if (isOver(one.status) && summary.status !== one.status) this.wrong.push(`${one.id} was ${one.status} and is ${summary.status}`);
    if (isOver(one.status)) return;
    one.status = summary.status;
    if (!isOver(one.status)) this.untouched(one);
  }

  private summary(id: string): RunSummary | undefined {
    try {
      return this.life.desk.summary(id);
    } catch (error) {
      if (error instanceof OrcoError && error.code === "not_found") return undefined;
      throw error;
    }
  }

  private scene(service: Service): Scene {
    const { docker } = this.lives;
    const text = this.lives.dockerfile(service);
    const imageId = docker.containers.get(service)?.imageId;
    return { tree: this.lives.tree(service), look: docker.look(service), text, imageId, wasLost: docker.lost.has(service) };
  }

  /** Before somebody agreed, where somebody has to. */
  private untouched(one: Told): void {
    const holder = this.told.find(
      ({ service, status }) => service === one.service && (status === "running" || status === "awaiting_approval"),
    );
    if (one !== holder || this.isAgreed(one.id)) return;
    const { tree, look } = this.scene(one.service);
    const { tree: before, look: looked } = this.calm[one.service];
    if (tree !== before || look !== looked)
      this.wrong.push(`${one.id} has changed something before it was approved: ${tree} instead of ${before}`);
  }

  private mayChange(run: string): void {
    if (!this.isAgreed(run)) this.wrong.push(`${run} changes what serves before it was approved`);
  }

  private isAgreed(id: string): boolean {
    const one = this.told.find((found) => found.id === id);
    const { approval } = this.life.book.get(id);
    if (!one?.asks && approval.reasons.length === 0) return true;
    const step = this.life.runs.steps(id).find(({ name }) => name === "approval");
    const given = step?.result as { decision?: string; approver?: { id: string } } | undefined;
    return given?.decision === "approve" && given.approver?.id !== one?.requester;
  }

  private async act(act: Act): Promise<void> {
    switch (act.do) {
      case "submit":
        return this.submit(act);
      case "decide":
        return this.decide(act);
      case "retry":
        return this.retry(act);
      case "cancel":
        return this.cancel(this.told[act.run]);
      case "edit":
        return this.edit(act.service);
      case "break":
        return this.breakIt(act.service);
      case "expire":
        return this.waitsForPeople() ? this.turn(EXPIRES_MS) : undefined;
      case "crash":
        this.life.die();
        return this.turn();
    }
  }

  private async submit({ service, how, priority, dryRun, propose }: Act & { do: "submit" }): Promise<void> {
    const text = this.lives.dockerfile(service);
    const id = crypto.randomUUID();
    const asks = !dryRun && (service === "gate" || propose);
    const request = { instruction: "mend it", targetService: service, priority, requestedBy: { id: "alice" }, dryRun };
    const plan = how === "rules" ? {} : { plan: planOf(service, how, text) };
    const known = { id, service, how, requester: "alice", asks, high: priority === "high", text: how === "rules" ? undefined : text };
    const one = this.know(known);
    await this.answered(one, this.life.desk.create({ ...request, ...plan }, id, { trigger: "api", propose }));
  }

  private async retry({ run, from }: Act & { do: "retry" }): Promise<void> {
    const former = this.told[run];
    if (!former) return;
    const id = crypto.randomUUID();
    const one = this.know({ ...former, id, how: "retry", requester: "carol", text: undefined });
    const how = { requestedBy: { id: "carol" }, ...(from && { from }) };
    await this.answered(one, this.life.desk.retry(former.id, how, id));
  }

  private know(known: Pick<Told, "id" | "service" | "how" | "requester" | "asks" | "high" | "text">): Told {
    const before = this.calm[known.service];
    const one: Told = { ...known, status: "queued", edited: false, cancelled: false, decided: [], before, after: undefined };
    this.told.push(one);
    return one;
  }

  /** What was not admitted, or died on its way, was never there. */
  private async answered(one: Told, asked: Promise<unknown>): Promise<void> {
    const { life } = this;
    const over: { is?: true; refused?: true } = {};
    asked.then(
      () => (over.is = true),
      (error: unknown) => {
        over.is = over.refused = true;
        this.refused(error);
      },
    );
    while (over.is === undefined && life.isAlive()) await new Promise(setImmediate);
    if (!life.isAlive()) await this.turn();
    const isThere = over.refused === undefined && this.summary(one.id) !== undefined;
    if (over.is && over.refused === undefined && !isThere) this.wrong.push(`${one.id} was admitted and is not there`);
    if (isThere) this.watch(one);
    else this.told.splice(this.told.indexOf(one), 1);
  }

  private refused(error: unknown): void {
    if (!(error instanceof OrcoError) || !ANSWERS.has(error.code)) this.wrong.push(`refused with ${String(error)}`);
  }

  private async decide({ run, decision, who, hash }: Act & { do: "decide" }): Promise<void> {
    const one = this.told[run];
    const summary = one && this.summary(one.id);
    if (!one || !summary) return;
    const { planHash } = this.life.book.get(one.id);
    const seen = hash === "none" ? {} : { planHash: hash === "wrong" ? "0".repeat(64) : (planHash ?? "") };
    const approver = { id: who === "boss" ? "bob" : one.requester };
    const isAsked = summary.status === "awaiting_approval";
    const isRight = isAsked && hash !== "wrong" && !(who === "requester" && decision === "approve");
    await this.taken(
      this.life.desk.decide(one.id, { approver, decision, ...seen }).then(
        () => {
          one.decided.push(decision);
          if (!isRight) this.wrong.push(`${one.id} was decided by ${who} with ${hash} hash while it was ${summary.status}`);
        },
        (error: unknown) => {
          this.refused(error);
          const isStale = one.edited || this.lives.tree(one.service) !== this.calm[one.service].tree;
          const isOwn = one.decided.length > 0 || one.cancelled || isStale;
          if (isRight && !isOwn && this.summary(one.id)?.status !== "rejected")
            this.wrong.push(`${one.id} could not be decided: ${String(error)}`);
        },
      ),
    );
  }

  /** Waits for an answer, as long as there is a daemon. */
  private async taken(answer: Promise<unknown>): Promise<void> {
    const { life } = this;
    const over: { is?: true } = {};
    void answer.then(() => (over.is = true));
    for (let turn = 0; turn < 20 && over.is === undefined && life.isAlive(); turn++) await this.turn();
  }

  private cancel(one: Told | undefined): void {
    if (!one || isOver(one.status)) return;
    one.cancelled = true;
    void this.life.desk.cancel(one.id).catch((error: unknown) => this.refused(error));
  }

  private edit(service: Service): void {
    const mark = `# mine ${++this.numbers}\n`;
    this.marks[service].push(mark);
    this.lives.put(service, { Dockerfile: this.lives.dockerfile(service) + mark });
    const busy = this.told.filter((one) => one.service === service && !isOver(one.status));
    for (const one of busy) one.edited = true;
    if (busy.length === 0) this.calm[service] = this.scene(service);
    else this.calm[service] = { ...this.calm[service], tree: this.lives.tree(service) };
  }

  /** Only while nothing goes on: the operator deploys what does not start. */
  private breakIt(service: Service): void {
    if (this.told.some((one) => one.service === service && !isOver(one.status))) return;
    this.marks[service] = [];
    this.lives.put(service, { Dockerfile: BROKEN });
    this.lives.docker.up(service, this.lives.clock);
    this.calm[service] = this.scene(service);
  }
}
