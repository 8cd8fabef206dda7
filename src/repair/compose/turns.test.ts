import { expect, test } from "bun:test";
import { ProjectTurns } from "./turns.ts";

const never = new AbortController().signal;

test("of one project one after the other, whatever became of the one before; of another at once", async () => {
  const turns = new ProjectTurns();
  const told: string[] = [];
  const held = Promise.withResolvers<void>();
  const first = turns.take("shop", never, async () => {
    told.push("first");
    await held.promise;
    throw new Error("it failed");
  });
  const second = turns.take("shop", never, async () => void told.push("second"));
  await turns.take("wiki", never, async () => void told.push("other"));
  expect(told).toEqual(["first", "other"]);
  held.resolve();
  expect(await first.catch(String)).toBe("Error: it failed");
  await second;
  expect(told).toEqual(["first", "other", "second"]);
  await turns.take("shop", never, async () => void told.push("third"));
  expect(told.at(-1)).toBe("third");
});

test("who leaves while they wait is let go at once, and those behind still have their turn", async () => {
  const turns = new ProjectTurns();
  const held = Promise.withResolvers<void>();
  const leaving = new AbortController();
  const first = turns.take("shop", leaving.signal, () => held.promise.then(() => "done"));
  const gone = new AbortController();
  const second = turns.take("shop", gone.signal, async () => "never");
  const third = turns.take("shop", never, async () => "third");
  gone.abort(new Error("canceled"));
  expect(await second.catch(String)).toBe("Error: canceled");
  // Under way already: it ends by itself.
  leaving.abort(new Error("too late"));
  held.resolve();
  expect([await first, await third]).toEqual(["done", "third"]);
  expect(await turns.take("shop", gone.signal, async () => "no").catch(String)).toBe("Error: canceled");
});
