/**
 * Predictions against what happened: a real daemon, two mock engines, tasks of mixed lengths from several users, interactive and batch, in bursts. What was promised in
 * the 202 (`predicted_start_ms`) is held against the `started` event of the task's stream.
 */
import { InferenceRig } from "../test/chaos/inference-rig.ts";
import { quantile, type BenchOptions, type Report } from "./table.ts";

const SECONDS = 40;
const ENGINES = 2;
const SLOTS = 2;
const TOKENS_PER_S = 100;
/** Below this both are at once, as far as a person can tell. */
const AT_ONCE_MS = 100;
/** Of the time of all slots. */
const BUSY = 0.9;
const TARGET = 0.9;

interface Kind {
  readonly name: string;
  readonly share: number;
  readonly priority: "interactive" | "batch";
  readonly tokens: () => number;
  /** Says so in `max_tokens`; else it ends at a stop word. */
  readonly sized: boolean;
}

interface Mix {
  readonly name: string;
  /** Tasks that come together. */
  readonly burst: number;
  readonly kinds: readonly Kind[];
}

interface Held {
  readonly kind: string;
  readonly predictedMs: number;
  readonly actualMs: number;
}

const between = (low: number, high: number) => (): number => Math.round(low + Math.random() * (high - low));
const MIXES: readonly Mix[] = [
  {
    name: "alike, interactive",
    burst: 1,
    kinds: [{ name: "chat", share: 1, priority: "interactive", tokens: between(40, 60), sized: true }],
  },
  {
    name: "short and long, interactive and batch",
    burst: 1,
    kinds: [
      { name: "chat", share: 0.6, priority: "interactive", tokens: between(5, 60), sized: true },
      { name: "report", share: 0.2, priority: "interactive", tokens: between(150, 300), sized: true },
      { name: "batch", share: 0.2, priority: "batch", tokens: between(50, 200), sized: true },
    ],
  },
  {
    name: "bursts of eight, nobody says how long",
    burst: 8,
    kinds: [
      { name: "chat", share: 0.8, priority: "interactive", tokens: between(5, 20), sized: false },
      { name: "report", share: 0.2, priority: "interactive", tokens: between(45, 62), sized: false },
    ],
  },
];

export async function run({ rounds = 1 }: BenchOptions = {}): Promise<Report> {
  const held = new Map<string, Held[]>();
  for (let round = 0; round < rounds; round++)
    for (const mix of MIXES) held.set(mix.name, [...(held.get(mix.name) ?? []), ...(await play(mix))]);
  const rows = [...held].map(([name, of]) => {
    const waited = of.filter(isWait);
    return [
      name,
      of.length,
      waited.length,
      share(of),
      share(waited),
      median(of.map(({ actualMs }) => actualMs)),
      median(waited.map(ratioOf)),
    ];
  });
  const all = [...held.values()].flat();
  const claim = (name: string, of: readonly Held[]) => ({
    claim: name,
    value: share(of),
    limit: TARGET,
    unit: "of tasks",
    must: ">=" as const,
  });
  return {
    title: `Predicted against real starts (${ENGINES} engines × ${SLOTS} slots, ${TOKENS_PER_S} tokens/s, ${SECONDS} s a mix, ${BUSY * 100} % busy)`,
    columns: ["mix", "tasks", "of them waited", "within 2×", "waiting ones within 2×", "median wait ms", "median predicted/real"],
    rows,
    targets: [claim("within a factor of two, all tasks", all), claim("within a factor of two, those that waited", all.filter(isWait))],
    notes: [`Prediction and start below ${AT_ONCE_MS} ms count as right: both are at once.`],
    raw: Object.fromEntries(held),
  };
}

async function play(mix: Mix): Promise<Held[]> {
  await using rig = new InferenceRig(
    Array.from({ length: ENGINES }, () => ({ slots: SLOTS, tokensPerS: TOKENS_PER_S })),
    { ORCHD_ADMISSION_CAPACITY: "10000" },
  );
  await rig.beginAll();
  const held: Promise<Held | undefined>[] = [];
  const end = performance.now() + SECONDS * 1000;
  const meanTokens = mix.kinds.reduce((sum, { share: of, tokens }) => sum + of * mean(Array.from({ length: 200 }, tokens)), 0);
  const perSecond = (BUSY * ENGINES * SLOTS * TOKENS_PER_S) / meanTokens;
  while (performance.now() < end) {
    for (let n = 0; n < mix.burst; n++) held.push(post(rig, pick(mix.kinds)));
    await Bun.sleep((-Math.log(1 - Math.random()) * mix.burst * 1000) / perSecond);
  }
  return (await Promise.all(held)).filter((one) => one !== undefined);
}

async function post(rig: InferenceRig, kind: Kind): Promise<Held | undefined> {
  const tokens = kind.tokens();
  const body = {
    model_ref: "chain",
    prompt: "loop",
    // The engine counts w00, w01, … up to w62.
    ...(kind.sized ? { max_tokens: tokens } : { stop: [`w${tokens}`.replace(/^w(\d)$/, "w0$1")] }),
    priority: kind.priority,
    session_id: `user-${Math.floor(Math.random() * 6)}-${Math.floor(Math.random() * 1e6)}`,
  };
  const { status, body: accepted } = await rig.ask("/v2/tasks", { method: "POST", body });
  if (status !== 202) return undefined;
  const at = performance.now();
  const startedAt = await begin(rig, accepted.task_id);
  return startedAt === undefined
    ? undefined
    : { kind: kind.name, predictedMs: accepted.predicted_start_ms, actualMs: Math.max(0, startedAt - at) };
}

/** When its first event came; it is read to its end. */
async function begin(rig: InferenceRig, id: string): Promise<number | undefined> {
  const response = await fetch(`${rig.url}/v2/tasks/${id}/events`);
  let at: number | undefined;
  let text = "";
  for await (const chunk of response.body ?? []) {
    if (at !== undefined) continue;
    text += new TextDecoder().decode(chunk);
    if (text.includes("event: started")) at = performance.now();
  }
  return at;
}

function pick(kinds: readonly Kind[]): Kind {
  let left = Math.random();
  for (const kind of kinds) if ((left -= kind.share) < 0) return kind;
  return kinds[0] as Kind;
}

function isWait({ predictedMs, actualMs }: Held): boolean {
  return predictedMs > AT_ONCE_MS || actualMs > AT_ONCE_MS;
}

function ratioOf({ predictedMs, actualMs }: Held): number {
  return Math.max(1, predictedMs) / Math.max(1, actualMs);
}

function share(held: readonly Held[]): number {
  const right = held.filter((one) => !isWait(one) || (ratioOf(one) >= 0.5 && ratioOf(one) <= 2));
  return held.length === 0 ? Number.NaN : right.length / held.length;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function median(values: readonly number[]): number {
  return Number(quantile(values, 0.5).toFixed(2));
}
