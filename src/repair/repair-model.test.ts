import { expect, test } from "bun:test";
import fc from "fast-check";
import { type Story, story } from "./repair-model.fake.ts";
import { wrongIn } from "./repair-verdict.fake.ts";
import { Telling } from "./repair-story.fake.ts";

const RUNS = Number(process.env["ORCO_MODEL_RUNS"] ?? 1000);
const LIMIT_MS = Number(process.env["ORCO_MODEL_MS"] ?? 4000);

async function live(told: Story): Promise<void> {
  using telling = new Telling(told);
  await telling.tell();
  expect(wrongIn(telling)).toEqual([]);
}

test(
  "whatever is asked, decided, edited, fails or dies: repaired, or as it was, and nothing before it may be",
  async () => {
    // A story that has begun is told to its end; more than fit into the time are left out.
    const end = performance.now() + LIMIT_MS;
    const tell = async (told: Story): Promise<void> => (performance.now() < end ? live(told) : undefined);
    await fc.assert(fc.asyncProperty(story, tell), { numRuns: RUNS });
  },
  LIMIT_MS * 2 + 30_000,
);
