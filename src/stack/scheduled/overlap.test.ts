import { expect, test } from "bun:test";
import fc from "fast-check";
import { overlapOf } from "./overlap.ts";

const policy = fc.constantFrom("skip", "queue", "replace");

test("nothing in the way: it starts, whatever the policy", () => {
  fc.assert(fc.property(policy, (one) => expect(overlapOf(one, { running: false, waiting: false })).toBe("start")));
});

/** Times come and runs end in any order: never two at once, never more than one that waits, and a time is only lost for a reason. */
test("never two at once, and one waits at most", () => {
  fc.assert(
    fc.property(policy, fc.array(fc.constantFrom("time", "end")), (one, moments) => {
      let [running, waiting, skipped, made] = [0, 0, 0, 0];
      for (const moment of moments) {
        if (moment === "end" && running > 0) [running, waiting] = [waiting, 0];
        if (moment === "end") continue;
        const verdict = overlapOf(one, { running: running > 0, waiting: waiting > 0 });
        if (typeof verdict === "object") skipped += 1;
        else if (verdict === "replace") [running, waiting] = [1, 0];
        else if (running > 0) waiting += 1;
        else running += 1;
        if (typeof verdict === "string") made += 1;
        expect([running, waiting].every((count) => count <= 1)).toBe(true);
        if (one !== "queue") expect(waiting).toBe(0);
      }
      expect(made + skipped).toBe(moments.filter((moment) => moment === "time").length);
      if (one === "replace") expect(skipped).toBe(0);
    }),
  );
});
