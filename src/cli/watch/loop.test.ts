import { expect, test } from "bun:test";
import { FakeClock } from "../../kernel/clock.ts";
import { until } from "../../../test/until.ts";
import type { Seen, Todo } from "./decide.ts";
import { WatchLoop } from "./loop.ts";

const seen = (path: string, action: Seen["action"] = "restart"): Seen[] => [{ service: "api", action, paths: [path] }];

/** Actions that end when the test says so, or when they give way. */
function rig() {
  const clock = new FakeClock();
  const done: Todo[] = [];
  let finish: (() => void) | undefined;
  const loop = new WatchLoop({
    clock,
    carryOut: async (todo, signal) => {
      done.push(todo);
      const ended = Promise.withResolvers<boolean>();
      finish = () => ended.resolve(true);
      signal.addEventListener("abort", () => ended.resolve(false));
      return ended.promise;
    },
  });
  return { clock, done, loop, finish: () => finish?.() };
}

test("while an action runs, all that changes is one more", async () => {
  const { done, loop, finish } = rig();
  for (const path of ["/1", "/2", "/3"]) loop.add(seen(path));
  expect(done.length).toBe(1);
  finish();
  await until("the second", () => done.length === 2);
  expect(done[1]?.restarts[0]?.paths).toEqual(["/2", "/3"]);
  finish();
  await loop.close();
  expect(done.length).toBe(2);
});

test("one that is not through after 5 s gives way to what is newer, and is done again with it", async () => {
  const { clock, done, loop } = rig();
  loop.add(seen("/1", "rebuild"));
  await clock.advance(10_000);
  expect(done.length).toBe(1);
  loop.add(seen("/2"));
  await clock.advance(0);
  await until("both", () => done.length === 2);
  expect(done[1]?.put?.work[0]?.paths).toEqual(["/1", "/2"]);
  loop.add(seen("/3"));
  await clock.advance(4999);
  expect(done.length).toBe(2);
  await loop.close();
  expect(done.length).toBe(2);
});
