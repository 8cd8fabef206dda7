import { expect, test } from "bun:test";
import { until } from "../../test/until.ts";
import { ExitPoll } from "./exit-poll.ts";
import { identify } from "./identity.ts";
import { bootId } from "./proc.ts";

const boot = bootId();

test("tells which processes have ended, among those that were what they were said to be", async () => {
  const poll = new ExitPoll(boot);
  await using stays = Bun.spawn(["sleep", "3600"]);
  await using leaves = Bun.spawn(["sleep", "3600"]);
  const proofs = [stays, leaves].map(({ pid }) => {
    const identity = identify(pid, boot);
    if (!identity) throw new Error("no identity");
    return identity;
  });
  const [first, second] = proofs;
  if (!first || !second) throw new Error("unreachable");
  const wrong = { ...first, startTime: 1 };
  for (const proof of [first, second, wrong]) poll.add(proof);
  expect([poll.has(first), poll.has(wrong), poll.ended().size]).toEqual([true, false, 0]);
  leaves.kill("SIGKILL");
  await until("the end of one", () => poll.ended().has(second));
  expect([...poll.ended()]).toEqual([second]);
  poll.remove(second);
  expect(poll.ended().size).toBe(0);
  poll.remove(first);
});
