import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FakeClock } from "../kernel/clock.ts";
import { takeWorkerHome, type WorkerHome } from "./home.ts";

let home: string;
const signal = new AbortController().signal;

beforeEach(() => void (home = mkdtempSync(join(tmpdir(), "orco-worker-home-"))));
afterEach(() => rmSync(home, { recursive: true, force: true }));

function take(name: string | undefined, clock = new FakeClock(), stop = signal): Promise<WorkerHome> {
  return takeWorkerHome({ home, name, clock, signal: stop });
}

test("workers without a name take the first number that is free", async () => {
  const [one, two] = [await take(undefined), await take(undefined)];
  expect([one.slot, two.slot]).toEqual(["1", "2"]);
  one.lock.release();
  const third = await take(undefined);
  expect(third.slot).toBe("1");
  for (const { lock } of [two, third]) lock.release();
});

test("one that comes back under its name waits for the guard that ends what it left", async () => {
  const clock = new FakeClock();
  const guard = await take("w");
  const back = take("w", clock);
  await clock.advance(5000);
  guard.lock.release();
  await clock.advance(1000);
  const { folder, lock } = await back;
  expect(folder).toBe(join(home, "workers", "w"));
  lock.release();
});

test("a name that another worker keeps is refused, and a worker that is told to stop waits no longer", async () => {
  const clock = new FakeClock();
  const { lock } = await take("w");
  const refused = take("w", clock).catch((error: unknown) => error);
  await clock.advance(30_000);
  expect(await refused).toMatchObject({
    code: "already_running",
    message: expect.stringContaining(`another worker (pid ${process.pid})`),
    facts: { pid: process.pid },
  });
  const stop = new AbortController();
  const stopped = take("w", clock, stop.signal).catch((error: unknown) => error);
  stop.abort(new Error("told to stop"));
  expect(await stopped).toMatchObject({ message: "told to stop" });
  lock.release();
});
