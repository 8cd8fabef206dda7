import { expect, test } from "bun:test";
import { freePort } from "../../test/free-port.ts";
import { until } from "../../test/until.ts";
import { systemClock } from "../kernel/clock.ts";
import { daemonQueue } from "./daemon-queue.ts";

/** The machine's own, in which a pause of the worker takes 20 s and is over at once. */
function fastClock() {
  const clock = systemClock();
  let now = 0;
  const sleep = async (_: number, signal?: AbortSignal): Promise<void> => {
    await clock.sleep(1, signal);
    now += 20_000;
  };
  return { ...clock, monotonic: () => now, sleep };
}

test("a daemon that does not answer is named at once, then once a minute, and it is said when it answers", async () => {
  const port = freePort();
  const url = `http://127.0.0.1:${port}`;
  const said: { at: number; text: string }[] = [];
  const clock = fastClock();
  const warn = (message: string, facts: object): void =>
    void said.push({ at: clock.monotonic(), text: `${message} ${JSON.stringify(facts)}` });
  const queue = daemonQueue({ url, clock, warn }, new AbortController().signal);
  await until("it was said three times", () => said.length >= 3);
  expect(said.slice(0, 3).map(({ at }) => at)).toEqual([0, 60_000, 120_000]);
  expect(said[0]?.text).toContain(`no runs from the daemon at ${url}`);
  expect(said[0]?.text).toContain("--api");
  using server = Bun.serve({ port, hostname: "127.0.0.1", fetch: () => Response.json({ queue: "q", runs: [] }) });
  expect(await queue).toBe("q");
  expect(said.at(-1)?.text).toContain("the daemon answers");
  expect(server.port).toBe(port);
});

test("a daemon that answers at once, and one that refuses, are no reason to warn", async () => {
  const said: string[] = [];
  const one = { clock: systemClock(), warn: (message: string) => void said.push(message) };
  const { signal } = new AbortController();
  using good = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => Response.json({ queue: "q" }) });
  using bad = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => Response.json({ code: "unauthorized" }, { status: 401 }) });
  expect(await daemonQueue({ ...one, url: `http://127.0.0.1:${good.port}` }, signal)).toBe("q");
  const refused: unknown = await daemonQueue({ ...one, url: `http://127.0.0.1:${bad.port}` }, signal).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: "unauthorized" });
  expect(said).toEqual([]);
});
