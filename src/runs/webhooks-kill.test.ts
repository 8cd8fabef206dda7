import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../test/until.ts";

const TELLER = join(import.meta.dir, "../../test/programs/webhook-teller.ts");
const COUNT = 120;
const KILLS = 4;

test("every end of a run is told although the teller is killed again and again", async () => {
  const home = mkdtempSync(join(tmpdir(), "orco-webhooks-"));
  const told: string[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async (request) => {
      told.push(((await request.json()) as { run: { id: string } }).run.id);
      return new Response();
    },
  });
  const begin = () =>
    Bun.spawn([process.execPath, TELLER, home, `http://127.0.0.1:${server.port}/`, String(COUNT)], {
      stdout: "inherit",
      stderr: "inherit",
    });
  try {
    for (let kill = 1; kill <= KILLS; kill++) {
      const child = begin();
      await until("some are told", () => told.length >= (kill * COUNT) / (KILLS + 2), 10_000);
      child.kill("SIGKILL");
      await child.exited;
    }
    expect(await begin().exited).toBe(0);
    expect(new Set(told).size).toBe(COUNT);
    // Of those under way when it was killed, eight at most, some are told twice.
    expect(told.length - COUNT).toBeLessThanOrEqual(KILLS * 8);
  } finally {
    await server.stop(true);
    rmSync(home, { recursive: true, force: true });
  }
});
