import { expect, test } from "bun:test";
import * as fc from "fast-check";
import type { ContainerState } from "../finding.ts";
import { Settling } from "./settling.ts";
import { RUNNING } from "./target.fake.ts";

function lookAt(states: readonly (Partial<ContainerState> | undefined)[], { settleMs = 3000, everyMs = 1000 } = {}) {
  const settling = new Settling(settleMs);
  const looks = states.map((state, n) => settling.saw(state && { ...RUNNING, ...state }, n * everyMs));
  return { looks, last: looks.at(-1) };
}

test("one that runs is settled when it has run for so long, and not before", () => {
  const { looks } = lookAt([{}, {}, {}, {}]);
  expect(looks.map(({ ok }) => ok)).toEqual([false, false, false, true]);
  expect(looks[3]?.detail).toBe("it runs, and was not restarted within 3s");
  expect(lookAt([{}], { settleMs: 0 }).last).toEqual({ ok: true, detail: "it runs" });
});

test("a restart in between begins the time anew, whether docker counts it or only the start tells of it", () => {
  for (const anew of [{ restartCount: 1 }, { startedAt: "2026-01-01T00:00:09Z" }])
    expect(lookAt([{}, {}, {}, anew, anew, anew, anew]).looks.map(({ ok }) => ok)).toEqual([
      false,
      false,
      false,
      false,
      false,
      false,
      true,
    ]);
  expect(lookAt([{}, {}, undefined, {}]).last?.ok).toBe(false);
});

test("one that has ended, cannot be started or restarts again and again is not waited for", () => {
  expect(lookAt([{ status: "exited", exitCode: 137, oomKilled: true }]).last).toEqual({
    ok: false,
    final: true,
    detail: "it has ended: exit code 137, killed for want of memory",
  });
  const error = 'exec: "gunicorn": executable file not found in $PATH';
  expect(lookAt([{ status: "created", error }]).last).toEqual({ ok: false, final: true, detail: `docker could not start it: ${error}` });
  const loop = [0, 1, 2, 3].map((restartCount) => ({ status: "restarting" as const, restartCount, exitCode: 1 }));
  expect(lookAt(loop).last).toMatchObject({ final: true, detail: expect.stringContaining("started it anew 3 times, exit code 1") });
  expect(lookAt(loop.slice(0, 3)).last?.final).toBeUndefined();
});

test("what is to come yet is waited for", () => {
  for (const state of [undefined, { status: "created" as const }, { status: "restarting" as const }, { status: "paused" as const }])
    expect(lookAt([state]).last).toMatchObject({ ok: false, detail: expect.stringMatching(/no container|created|anew|paused/) });
});

test("whatever docker says, it is settled only after so many looks at one and the same run", () => {
  const state = fc.record({ status: fc.constantFrom("running" as const, "restarting" as const), restartCount: fc.nat(2) });
  fc.assert(
    fc.property(fc.array(state, { minLength: 1, maxLength: 12 }), (states) => {
      const { looks } = lookAt(states);
      const at = looks.findIndex(({ ok }) => ok);
      if (at === -1) return;
      const seen = states.slice(at - 3, at + 1);
      expect(at).toBeGreaterThanOrEqual(3);
      expect(new Set(seen.map((one) => JSON.stringify(one))).size).toBe(1);
      expect(seen[0]?.status).toBe("running");
    }),
  );
});
