import { expect, test } from "bun:test";
import { FakeClock } from "../../kernel/clock.ts";
import { OrcoError } from "../../kernel/errors.ts";
import type { Admitted } from "../desk.ts";
import type { NewRepair } from "../service.ts";
import { CrashLoops, type Sighting } from "./crash-loops.ts";

const START = Date.UTC(2026, 0, 1);

type Answer = "off" | "propose" | "auto" | OrcoError;

function loops({ answer = "auto", busy = false, last }: { answer?: Answer; busy?: boolean; last?: number } = {}) {
  const clock = new FakeClock(START);
  const made: { request: NewRepair; propose: boolean }[] = [];
  const state = { answer, busy, errors: 0, failing: false };
  const crashes = new CrashLoops({
    clock,
    admit: () => {
      const { answer: found } = state;
      if (found instanceof OrcoError) return Promise.reject(found);
      return Promise.resolve({ kind: "stack", profile: { repair: found } } as unknown as Admitted);
    },
    create: (request, { propose }) => {
      if (state.failing) return Promise.reject(new TypeError("a defect"));
      return Promise.resolve(made.push({ request, propose }));
    },
    isBusy: () => state.busy,
    lastStarted: () => last,
    log: () => undefined,
    onError: () => state.errors++,
  });
  let run = 0;
  const fail = async (times: number, more: Partial<Sighting> = {}): Promise<void> => {
    for (let n = 0; n < times; n++) {
      const logs = (): Promise<readonly string[]> => Promise.resolve(["boom"]);
      crashes.saw({
        kind: "stack",
        project: "s",
        service: "api",
        run: `${++run}`,
        version: "a",
        gaveUp: false,
        how: "exit code 3",
        logs,
        ...more,
      });
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { clock, made, state, fail };
}

test("a loop starts one repair, which says what was seen", async () => {
  const { made, fail } = loops();
  await fail(2);
  expect(made).toEqual([]);
  await fail(20);
  expect(made).toHaveLength(1);
  expect(made[0]).toMatchObject({
    propose: false,
    request: { targetService: "s/api", requestedBy: { id: "orco" }, logs: "boom", instruction: expect.stringContaining("3 runs failed") },
  });
});

test("propose always asks; one run that is told of twice counts once", async () => {
  const { made, fail } = loops({ answer: "propose" });
  await fail(9, { run: "same" });
  expect(made).toEqual([]);
  await fail(3);
  expect(made[0]?.propose).toBe(true);
});

test("none where a repair is under way, or where a former daemon has answered this loop", async () => {
  for (const how of [{ busy: true }, { last: START }]) {
    const { made, fail } = loops(how);
    await fail(5);
    expect(made).toEqual([]);
  }
  const { made, fail, clock } = loops({ last: START + 1 });
  await clock.advance(3_600_000);
  await fail(3, { beganAt: START });
  expect(made).toEqual([]);
  await fail(3, { beganAt: START + 2, version: "b" });
  expect(made).toHaveLength(1);
});

test("where nobody asks, or docker is away, the next failures are looked at again", async () => {
  for (const answer of ["off", new OrcoError("docker_unavailable", "away")] as const) {
    const { made, fail, state } = loops({ answer });
    await fail(3);
    expect(made).toEqual([]);
    state.answer = "auto";
    await fail(3);
    expect(made).toHaveLength(1);
  }
});

test("one that could not be asked for is asked for again, a minute later, with its next failures", async () => {
  const { made, fail, state, clock } = loops({ answer: new OrcoError("disk_full", "no room") });
  await fail(3);
  state.answer = "auto";
  await fail(9);
  expect(made).toEqual([]);
  await clock.advance(60_000);
  await fail(3);
  expect(made).toHaveLength(1);
});

test("a repair that is noted as of a time to come, before the clock was set back, answers nothing", async () => {
  const { made, fail } = loops({ last: START + 365 * 86_400_000 });
  await fail(3, { beganAt: START });
  expect(made).toHaveLength(1);
});

test("nothing that goes wrong gets out", async () => {
  const refused = loops({ answer: new OrcoError("self_repair", "it is orco") });
  await refused.fail(9);
  expect([refused.made.length, refused.state.errors]).toEqual([0, 0]);
  const broken = loops();
  broken.state.failing = true;
  await broken.fail(3);
  expect(broken.state.errors).toBe(1);
});
