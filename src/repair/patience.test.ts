import { expect, test } from "bun:test";
import { FakeClock } from "../kernel/clock.ts";
import { OrcoError } from "../kernel/errors.ts";
import { whileDockerIsAway } from "./patience.ts";

const away = new OrcoError("docker_unavailable", "docker is away");

async function tried(answers: (Error | string)[], aborted = new AbortController()) {
  const clock = new FakeClock(0);
  let tries = 0;
  const act = async (): Promise<string> => {
    const answer = answers[Math.min(tries++, answers.length - 1)] as Error | string;
    if (typeof answer === "string") return answer;
    throw answer;
  };
  let told = 0;
  const over = new AbortController();
  const waiting = whileDockerIsAway(act, { clock, signal: aborted.signal, onAway: () => void told++ })
    .catch((error: unknown) => error)
    .finally(() => over.abort());
  for (let n = 0; n < 1000 && !over.signal.aborted; n++) {
    await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(5000);
  }
  return { ended: await waiting, tries, told, ms: clock.monotonic() };
}

test("what docker did not answer is asked again until it does", async () => {
  const unanswered = new OrcoError("unavailable", "docker does not answer", { away: true });
  expect(await tried([away, unanswered, "done"])).toMatchObject({ ended: "done", tries: 3, told: 2 });
});

test("anything else is thrown at once, and docker that stays away after ten minutes", async () => {
  const other = new OrcoError("start_failed", "no");
  expect(await tried([away, other])).toMatchObject({ ended: other, tries: 2 });
  const { ended, ms } = await tried([away]);
  expect(ended).toBe(away);
  expect(ms).toBeWithin(600_000, 620_001);
});

test("who leaves waits no longer", async () => {
  const aborted = new AbortController();
  aborted.abort(new Error("canceled"));
  expect(await tried([away], aborted)).toMatchObject({ ended: away, tries: 1, told: 0 });
});
