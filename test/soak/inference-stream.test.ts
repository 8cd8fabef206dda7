import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { systemClock } from "../../src/kernel/clock.ts";
import { InferenceRig } from "../chaos/inference-rig.ts";

/** `npm run soak` streams for half an hour (issue 7, "Must hold"); in the gate it is a glance. */
const MINUTES = Number(process.env["ORCO_SOAK_MINUTES"] ?? 0.1);
const STREAMS = 40;
const SAMPLES = 60;
const TOKENS = 200;
/** Of the resident memory of the last third over that of the second; a glance sees caches and code still filling. */
const GROWTH = MINUTES >= 10 ? 1.05 : 1.5;
const clock = systemClock();

test(
  `${STREAMS} streams for ${MINUTES} minutes: the daemon's memory stays flat`,
  async () => {
    await using rig = new InferenceRig([{ slots: STREAMS, tokensPerS: 100 }]);
    const pid = await rig.beginAll();
    const end = performance.now() + MINUTES * 60_000;
    const told = { tokens: 0, streams: 0 };
    const streams = Array.from({ length: STREAMS }, async (_, n) => {
      while (performance.now() < end) {
        const tokens = n % 2 === 0 ? await overV1(rig) : await overV2(rig);
        told.tokens += tokens;
        told.streams++;
      }
    });
    const rss: number[] = [];
    const fds: number[] = [];
    for (let sample = 0; sample < SAMPLES; sample++) {
      await clock.sleep((MINUTES * 60_000) / SAMPLES);
      rss.push(rssOf(pid));
      fds.push(fdsOf(pid));
    }
    await Promise.all(streams);
    const [second, last] = [median(rss.slice(SAMPLES / 3, (2 * SAMPLES) / 3)), median(rss.slice((2 * SAMPLES) / 3))];
    console.log(
      `${told.streams} streams, ${told.tokens} tokens; RSS ${rss[0]} MiB at first, ${second} in the second third, ${last} in the last, ${Math.max(...rss)} at most; ${Math.max(...fds)} descriptors at most`,
    );
    expect(told.tokens).toBeGreaterThan(MINUTES * 60 * STREAMS * 20);
    expect(last / second).toBeLessThan(GROWTH);
  },
  MINUTES * 60_000 + 120_000,
);

async function overV1(rig: InferenceRig): Promise<number> {
  const body = { model: "chain", stream: true, max_tokens: TOKENS, messages: [{ role: "user", content: "loop" }] };
  const response = await fetch(`${rig.url}/v1/chat/completions`, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "content-type": "application/json" },
  });
  return countIn(response, '"content":" ');
}

async function overV2(rig: InferenceRig): Promise<number> {
  const body = { model_ref: "chain", prompt: "loop", max_tokens: TOKENS, session_id: crypto.randomUUID() };
  const { body: accepted } = await rig.ask("/v2/tasks", { method: "POST", body });
  return countIn(await fetch(`${rig.url}/v2/tasks/${accepted.task_id}/events`), "event: token");
}

async function countIn(response: Response, mark: string): Promise<number> {
  const text = await response.text();
  return text.split(mark).length - 1;
}

function rssOf(pid: number): number {
  const [, kib = "0"] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Math.round(Number(kib) / 1024);
}

function fdsOf(pid: number): number {
  return [...new Bun.Glob("*").scanSync({ cwd: `/proc/${pid}/fd`, onlyFiles: false })].length;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}
