/** From `kill -9` of a service to the next process answering in its place, with no backoff asked for. */
import { messageOf } from "../src/kernel/errors.ts";
import { assemble, type Subject } from "./peers/cast.ts";
import { allAnswer, answer, answersAnew, timeBoth } from "./peers/observe.ts";
import { PATIENCE_MS, type Session } from "./peers/peer.ts";
import { Ground, makeStack, type BenchStack } from "./peers/stack.ts";
import { median, quantile, ratio, type BenchOptions, type Cell, type Report } from "./table.ts";

const SHAPE = { services: 10, layers: 1 };
const PATIENCE_KILL_MS = 10_000;
/** The last kill's probe may still be on its way. */
const PROBE_MS = 1_500;

interface Kill {
  readonly service: string;
  /** Epoch ms. */
  readonly at: number;
  /** Until another process answered. */
  readonly answersMs: number;
  /** Until the tool's own probe had found it ready, where it keeps a history. */
  readyMs?: number;
}

interface Stand {
  readonly subject: Subject;
  readonly stack: BenchStack;
  readonly session: Session;
  readonly kills: Kill[];
  error?: string;
}

export async function run(options: BenchOptions = {}): Promise<Report> {
  const cast = await assemble(options, "restart");
  const subjects = cast.subjects.filter(({ peer, probes }) => probes || !peer.can.probes);
  const ground = new Ground();
  const stands: Stand[] = [];
  try {
    await ground.build();
    for (const subject of subjects) stands.push(await stand(ground, subject));
    // A service is killed once in a while, not in a storm: a tool may count quick deaths as a crash loop.
    for (let round = 0; round < (options.rounds ?? 20); round++) for (const one of stands) await kill(one, round);
    await Bun.sleep(PROBE_MS);
    for (const one of stands) await readied(one);
  } finally {
    for (const { session } of stands) await session.down().catch(() => {});
    await ground.close();
  }
  return report(stands, cast.versions);
}

async function stand(ground: Ground, subject: Subject): Promise<Stand> {
  const stack = await makeStack(ground, { ...SHAPE, probes: subject.probes });
  const session = await subject.peer.open(ground, stack);
  ground.closing(session.close);
  const one: Stand = { subject, stack, session, kills: [] };
  await timeBoth(session.up, (signal) => allAnswer(stack, PATIENCE_MS, signal)).catch((error: unknown) => (one.error = messageOf(error)));
  return one;
}

async function kill(one: Stand, round: number): Promise<void> {
  const service = one.stack.services[round % one.stack.services.length];
  if (one.error !== undefined || service === undefined) return;
  try {
    const pid = await answer(service.port);
    if (pid === undefined) throw new Error(`${service.name} does not answer before its kill`);
    const [at, started] = [Date.now(), performance.now()];
    process.kill(pid, "SIGKILL");
    await answersAnew(service.port, pid, PATIENCE_KILL_MS);
    one.kills.push({ service: service.name, at, answersMs: performance.now() - started });
    await Bun.sleep(50);
  } catch (error) {
    one.error = messageOf(error);
  }
}

async function readied({ session, subject, kills }: Stand): Promise<void> {
  if (!session.readied || !subject.probes || kills.length === 0) return;
  const events = await session.readied();
  for (const kill of kills) {
    const first = events.find(({ service, at }) => service === kill.service && at >= kill.at);
    if (first) kill.readyMs = first.at - kill.at;
  }
}

function report(stands: readonly Stand[], peers: Report["peers"]): Report {
  const figures = stands.map(({ subject, kills }) => ({
    subject,
    answers: kills.map(({ answersMs }) => answersMs),
    ready: kills.flatMap(({ readyMs }) => (readyMs === undefined ? [] : [readyMs])),
  }));
  const ours = figures.find(({ subject }) => subject.peer.name === "orco" && subject.probes);
  const base = at(ours?.answers ?? [], 0.5);
  return {
    title: "restart: kill -9 of a service → another process answers on its port",
    columns: ["tool", "answers p50 (ms)", "p99 (ms)", "max (ms)", "× orco", "ready by its probe p50 (ms)", "p99 (ms)", "kills"],
    rows: figures.map(({ subject, answers, ready }): Cell[] => [
      subject.label,
      ...[0.5, 0.99, 1].map((q) => at(answers, q)),
      ratio(at(answers, 0.5), base),
      ...[0.5, 0.99].map((q) => at(ready, q)),
      answers.length,
    ]),
    targets: [
      { claim: "orco with probes, answers again, p50", value: base, limit: 30, unit: "ms", must: "<=" },
      { claim: "orco with probes, ready by its own probe, p50", value: at(ours?.ready ?? [], 0.5), limit: 30, unit: "ms", must: "<=" },
    ],
    notes: [
      `${SHAPE.services} services a tool, all tools up at once, one kill at a time in turn; each service is hit every tenth round`,
      "backoff: orco min 1ms · pm2 restart_delay 0 · supervisord has none, but its loop looks once a second · process-compose cannot go below 1 s",
      ...stands.flatMap(({ subject, error }) => (error === undefined ? [] : [`${subject.label} failed: ${error}`])),
    ],
    ...(peers && { peers }),
    raw: Object.fromEntries(stands.map(({ subject, kills }) => [subject.label, kills])),
  };
}

function at(values: readonly number[], q: number): number | undefined {
  if (values.length === 0) return undefined;
  return q === 0.5 ? median(values) : quantile(values, q);
}
