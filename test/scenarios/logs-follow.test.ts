import { expect, test } from "bun:test";
import { join } from "node:path";
import { until } from "../until.ts";
import { sharedRig } from "./rig.ts";

const rig = sharedRig();
/** Says a line of each kind when the file of that name is there. */
const says = (names: string[]): string =>
  `${names.map((name) => `while [ ! -e ${name} ]; do sleep 0.01; done; echo ${name} said`).join("; ")}; exec sleep 1000`;

test("-n 0 -F over a kill of the daemon: nothing from before, all from then on, once", async () => {
  const stack = rig.stack(`
    services:
      a: { command: "echo old; ${says(["one", "two", "three"])}" }
      b: { command: "echo old; ${says(["four"])}" }
  `);
  await stack.up();
  await until(
    "both to have spoken",
    async () => (await stack.records("logs")).filter(({ message }) => message === "old").length === 2,
    20_000,
  );
  const none = stack.start("logs", "-n", "0", "-F", "--json");
  const tail = stack.start("logs", "-n", "1", "-F", "a", "--json");
  await until("the followers to be there", async () => (await followers()) === 2 && tail.out().includes("old"), 20_000);
  stack.write("one", "");
  await until("a line", () => none.out().includes("one said"), 20_000);
  await rig.killDaemon();
  for (const name of ["two", "four"]) stack.write(name, "");
  await rig.serve();
  stack.write("three", "");
  for (const follower of [none, tail]) await until("the last line", () => follower.out().includes("three said"), 20_000);
  await until("the line of the other service", () => none.out().includes("four said"), 20_000);
  for (const follower of [none, tail]) follower.kill("SIGINT");
  const said = (out: string): string[] =>
    out
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as { source: string; message: string })
      .filter(({ source }) => source !== "orco")
      .map(({ message }) => message);
  expect(said((await none.ended).out).toSorted()).toEqual(["four said", "one said", "three said", "two said"]);
  expect(said((await tail.ended).out)).toEqual(["old", "one said", "two said", "three said"]);
});

test("a follower that saw nothing before the daemon was killed misses nothing either", async () => {
  const stack = rig.stack(`services: { a: { command: "echo old; ${says(["one"])}" } }`);
  await stack.up();
  await until("it to have spoken", async () => (await stack.records("logs")).some(({ message }) => message === "old"), 20_000);
  const follower = stack.start("logs", "-n", "0", "-F", "--json");
  await until("the follower to be there", async () => (await followers()) === 1, 20_000);
  const since = performance.now();
  await until("it to know that it is heard", () => performance.now() - since > 1000); // it says nothing of that
  await rig.killDaemon();
  stack.write("one", "");
  await rig.serve();
  await until("the line", () => follower.out().includes("one said"), 20_000);
  follower.kill("SIGINT");
  expect((await follower.ended).out).not.toContain("old");
});

test("an unknown service is told with the one that was meant", async () => {
  const stack = rig.stack(`services: { worker: { command: "seq 1 20000; exec sleep 1000" } }`);
  await stack.up();
  const { code, err } = await stack.orco("logs", "wroker");
  expect([code, err]).toEqual([4, expect.stringContaining("worker")]);
});

/** Streams that are open. */
async function followers(): Promise<number> {
  const answer = await fetch("http://orco/metrics", { unix: join(rig.home, "orco.sock") });
  return Number(/^orco_sse_connections (\d+)$/m.exec(await answer.text())?.[1]);
}
