import { expect, test } from "bun:test";
import fc from "fast-check";
import { Lanes, MAX_WAITING } from "./lane.ts";

test("the second run of a lane waits, or is refused naming the first", () => {
  const lanes = new Lanes();
  expect(lanes.admit("stack/a", "r1", { onBusy: "reject" })).toEqual({ kind: "go" });
  expect(lanes.admit("stack/b", "r2", { onBusy: "reject" })).toEqual({ kind: "go" });
  expect(lanes.admit("stack/a", "r3", { onBusy: "reject" })).toMatchObject({ kind: "refuse", holder: "r1" });
  expect(lanes.admit("stack/a", "r4", { onBusy: "queue" })).toEqual({ kind: "wait", position: 1 });
  expect(lanes.release("stack/a", "r1")).toBe("r4");
  expect(lanes.release("stack/a", "r1")).toBeUndefined();
  expect(lanes.holder("stack/a")).toBe("r4");
});

test("a queue is bounded", () => {
  const lanes = new Lanes();
  lanes.admit("l", "holder", { onBusy: "queue" });
  for (let n = 0; n < MAX_WAITING; n++) expect(lanes.admit("l", `r${n}`, { onBusy: "queue" }).kind).toBe("wait");
  expect(lanes.admit("l", "one too many", { onBusy: "queue" }).kind).toBe("refuse");
});

test("model: one holder a lane, everyone goes in order or gives up", () => {
  const command = fc.oneof(
    fc.record({ do: fc.constant("admit" as const), run: fc.integer({ min: 0, max: 30 }) }),
    fc.record({ do: fc.constant("release" as const), run: fc.integer({ min: 0, max: 30 }) }),
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
      const lanes = new Lanes();
      const queue: string[] = [];
      for (const step of commands) {
        const run = `r${step.run}`;
        if (step.do === "admit" && !queue.includes(run)) {
          queue.push(run);
          expect(lanes.admit("l", run, { onBusy: "queue" }).kind).toBe(queue.length === 1 ? "go" : "wait");
        } else if (step.do === "release") {
          const wasHolder = queue[0] === run;
          const at = queue.indexOf(run);
          if (at >= 0) queue.splice(at, 1);
          expect(lanes.release("l", run)).toBe(wasHolder ? queue[0] : undefined);
        }
        expect(lanes.holder("l")).toBe(queue[0]);
      }
    }),
  );
});

test("a higher priority goes before those that wait, equal ones in order", () => {
  const lanes = new Lanes();
  lanes.admit("l", "running", { onBusy: "queue" });
  lanes.admit("l", "normal", { onBusy: "queue" });
  expect(lanes.admit("l", "high", { onBusy: "queue", priority: 1 })).toEqual({ kind: "wait", position: 1 });
  lanes.admit("l", "also high", { onBusy: "queue", priority: 1 });
  lanes.admit("l", "last", { onBusy: "queue" });
  expect(lanes.waiting("l")).toEqual(["high", "also high", "normal", "last"]);
});

test("a lane that rests lets nobody go until it is woken; who comes meanwhile may overtake", () => {
  const lanes = new Lanes();
  lanes.admit("l", "first", { onBusy: "queue" });
  lanes.admit("l", "second", { onBusy: "queue" });
  expect(lanes.release("l", "first", true)).toBeUndefined();
  expect(lanes.holder("l")).toBeUndefined();
  lanes.admit("l", "urgent", { onBusy: "queue", priority: 1, rests: true });
  expect(lanes.wake("l")).toBe("urgent");
  expect(lanes.wake("l")).toBeUndefined();
  expect(lanes.release("l", "urgent")).toBe("second");
});
