import { afterAll, afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../kernel/clock.ts";
import type { ContainerInfo } from "./containers.ts";
import { endState } from "./end-state.ts";
import { Engine } from "./engine.ts";

const folder = mkdtempSync(join(tmpdir(), "orco-end-state-"));
let stop: (() => Promise<void>) | undefined;
afterEach(() => stop?.());
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function info(state: { ExitCode: number; OOMKilled: boolean; Running?: boolean }, memory: number): ContainerInfo {
  return { Id: "c", State: { Running: false, ...state }, HostConfig: { Memory: memory } } as unknown as ContainerInfo;
}

/** A docker that knows of the memory at the look of that number. */
async function ended(first: ContainerInfo, knownAt = Infinity): Promise<{ isOom: boolean; looks: number }> {
  let looks = 0;
  const server = Bun.serve({
    unix: join(folder, "docker.sock"),
    fetch: (request) =>
      new URL(request.url).pathname === "/_ping"
        ? new Response("OK", { headers: { "api-version": "1.41" } })
        : Response.json({ ...first, State: { ...first.State, OOMKilled: ++looks >= knownAt } }),
  });
  stop = () => server.stop(true);
  const clock = { ...systemClock(), sleep: async () => undefined };
  const found = await endState(new Engine(`unix://${join(folder, "docker.sock")}`), first, { clock });
  return { isOom: found.OOMKilled, looks };
}

test("who was killed and has a limit of memory is looked at until docker knows why, and no longer than half a second", async () => {
  expect(await ended(info({ ExitCode: 137, OOMKilled: false }, 2 ** 24), 3)).toEqual({ isOom: true, looks: 3 });
  await stop?.();
  expect(await ended(info({ ExitCode: 137, OOMKilled: false }, 2 ** 24))).toEqual({ isOom: false, looks: 5 });
});

test.each([
  ["has no limit", info({ ExitCode: 137, OOMKilled: false }, 0)],
  ["ended otherwise", info({ ExitCode: 1, OOMKilled: false }, 2 ** 24)],
  ["is known to have died of it", info({ ExitCode: 137, OOMKilled: true }, 2 ** 24)],
])("who %s is not", async (_, first) => {
  expect(await ended(first)).toMatchObject({ looks: 0 });
});
