import { expect, test } from "bun:test";
import fc from "fast-check";
import { dispatchId } from "./names.ts";
import { type JobState, reconcile } from "./reconcile.ts";

const state = fc.constantFrom<JobState>("waiting", "prioritized", "delayed", "active", "completed", "failed", "unknown");
const world = fc
  .uniqueArray(fc.record({ id: fc.uuid(), dispatch: fc.integer({ min: 0, max: 5 }) }), { selector: ({ id }) => id })
  .chain((runs) =>
    fc.tuple(fc.constant(runs), fc.array(fc.option(state, { nil: undefined }), { minLength: runs.length, maxLength: runs.length })),
  );

test("a run that waits gets exactly what makes a job of it wait, and nobody else's job is touched", () => {
  fc.assert(
    fc.property(world, ([runs, states]) => {
      const known = new Map(runs.flatMap((run, at): [string, JobState][] => (states[at] ? [[dispatchId(run), states[at]]] : [])));
      const { add, redispatch } = reconcile(runs, known);
      for (const run of runs) {
        const has = known.get(dispatchId(run)) ?? "unknown";
        expect(add.includes(run)).toBe(run.dispatch > 0 && has === "unknown");
        expect(redispatch.includes(run)).toBe(run.dispatch > 0 && (has === "completed" || has === "failed"));
      }
      expect(add.length + redispatch.length).toBeLessThanOrEqual(runs.length);
    }),
  );
});

test("what reconcile asks for, once done, leaves nothing to do", () => {
  fc.assert(
    fc.property(world, ([runs, states]) => {
      const known = new Map(runs.flatMap((run, at): [string, JobState][] => (states[at] ? [[dispatchId(run), states[at]]] : [])));
      const { add, redispatch } = reconcile(runs, known);
      const again = runs.map((run) => (redispatch.includes(run) ? { ...run, dispatch: run.dispatch + 1 } : run));
      for (const run of [...add, ...again.filter((run) => !runs.includes(run))]) known.set(dispatchId(run), "prioritized");
      expect(reconcile(again, known)).toEqual({ add: [], redispatch: [] });
    }),
  );
});
