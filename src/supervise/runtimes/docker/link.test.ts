import { expect, test } from "bun:test";
import { FakeClock } from "../../../kernel/clock.ts";
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
