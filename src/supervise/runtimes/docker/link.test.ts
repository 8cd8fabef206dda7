import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FakeClock, systemClock } from "../../../kernel/clock.ts";
import { Engine } from "../../docker/engine.ts";
import { Link } from "./link.ts";
import { until } from "../../../../test/until.ts";

const NOWHERE = "unix:///nowhere/docker.sock";

test("a docker that is away stays so, since the same moment, while anybody asks; then nobody asks it any more", async () => {
  const clock = new FakeClock();
  const link = new Link({ engine: new Engine(NOWHERE), clock, homeId: "h", onTrouble: () => undefined, onError: () => undefined });
  const refused = await link.with(() => new Engine(NOWHERE).ping()).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: "engine_away" });
  const trouble = link.trouble();
  for (let second = 0; second < 30; second += 5) {
    await clock.advance(5000);
    expect(link.trouble()).toBe(trouble);
  }
  await clock.advance(10_000);
  expect(link.trouble()).toBeUndefined();
  await until("nothing to be left", () => clock.advance(0).then(() => clock.pendingTimers === 0));
});

test("a docker that hangs while an image is pulled is noticed, though nothing runs yet", async () => {
  const dir = mkdtempSync(join(tmpdir(), "orco-link-"));
  const host = join(dir, "docker.sock");
  const deaf = Bun.listen({ unix: host, socket: { data: () => undefined } });
  const link = new Link({
    engine: new Engine(`unix://${host}`),
    clock: systemClock(),
    homeId: "h",
    onTrouble: () => undefined,
    onError: () => undefined,
  });
  try {
    const pulling = Promise.withResolvers<string>();
    const asked = link.with(() => pulling.promise);
    await until("trouble", () => link.trouble());
    pulling.resolve("pulled");
    expect(await asked).toBe("pulled");
  } finally {
    link.close();
    deaf.stop(true);
    rmSync(dir, { recursive: true });
  }
});
