import { expect, test } from "bun:test";
import type { Clock } from "../kernel/clock.ts";
import { OrcoError } from "../kernel/errors.ts";
import { resumable } from "./resume.ts";

/** Pauses take their time and no other passes. */
function clockOfPauses(): Pick<Clock, "sleep" | "monotonic" | "random"> {
  let now = 0;
  return { sleep: async (ms) => void (now += ms), monotonic: () => now, random: () => 1 };
}

/** A daemon that answers with a word, or is away; then it is over. */
function daemon(...answers: readonly (string | undefined)[]) {
  const left = [...answers];
  return async function* connect(opened: () => void): AsyncGenerator<string, "done" | "cut"> {
    const answer = left.shift();
    if (answer === undefined) throw new OrcoError("unreachable", "the daemon does not answer");
    opened();
    yield answer;
    return left.length === 0 ? "done" : "cut";
  };
}

async function followed(connect: ReturnType<typeof daemon>): Promise<{ got: string[]; told: (string | undefined)[]; error?: unknown }> {
  const told: (string | undefined)[] = [];
  const got: string[] = [];
  const onAway = (why: string | undefined): void => void told.push(why);
  try {
    for await (const one of resumable({ clock: clockOfPauses(), connect, onAway })) got.push(one);
  } catch (error) {
    return { got, told, error };
  }
  return { got, told };
}

const AWAY = (times: number): undefined[] => Array.from({ length: times }, () => undefined);

test("a daemon that is away for a moment only is nothing to tell of", async () => {
  expect(await followed(daemon("a", ...AWAY(5), "b"))).toEqual({ got: ["a", "b"], told: [] });
});

test("one that is away for longer is told of once, and that it is back", async () => {
  const why = "the daemon does not answer";
  expect(await followed(daemon("a", ...AWAY(12), "b", ...AWAY(12), "c"))).toEqual({
    got: ["a", "b", "c"],
    told: [why, undefined, why, undefined],
  });
});

test("one that stays away is given up after half a minute; one that was never there, at once", async () => {
  expect(await followed(daemon("a", ...AWAY(100)))).toMatchObject({
    got: ["a"],
    told: [expect.any(String)],
    error: { code: "unreachable" },
  });
  expect(await followed(daemon(undefined, "a"))).toMatchObject({ got: [], told: [], error: { code: "unreachable" } });
});
