import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isAlive, readStat } from "../../src/supervise/proc.ts";
import { sharedRig } from "./rig.ts";

const PROGRAMS = join(import.meta.dirname, "../programs");
const rig = sharedRig();

test("hooks run in order around an instance, in its folder and environment", async () => {
  const say = (name: string): string =>
    `${name}: { command: "echo ${name} $$ORCO_SERVICE $$OWN >> said; test -z \\"$$ORCO_PID\\" || true" }`;
  const stack = rig.stack(`
    services:
      one:
        command: "echo service >> said; exec sleep 1000"
        env: { OWN: mine }
        hooks: { ${["preStart", "postStart", "preStop", "postStop"].map(say).join(", ")} }
  `);
  await stack.up();
  await stack.ok("down");
  const said = readFileSync(join(stack.dir, "said"), "utf8").trim().split("\n");
  expect(said.filter((line) => line !== "service")).toEqual(
    ["preStart", "postStart", "preStop", "postStop"].map((name) => `${name} one mine`),
  );
  expect(said.indexOf("preStart one mine")).toBeLessThan(said.indexOf("service"));
});

test("a failing preStart counts as a failed start, with its last line; the service never runs", async () => {
  const stack = rig.stack(`
    services:
      one:
        command: "touch ran; exec sleep 1000"
        hooks: { preStart: { command: "echo no licence; exit 2" } }
        restartPolicy: { maxRetries: 1, backoff: { min: 10ms } }
  `);
  const said = await stack.orco("up", "-d", "--wait");
  expect(said).toMatchObject({ code: 1, err: expect.stringContaining("preStart exited 2: no licence") });
  expect(await stack.service("one")).toMatchObject({ state: "Failed", restarts: 1 });
  expect(existsSync(join(stack.dir, "ran"))).toBe(false);
});

test("a failing postStart stops the instance; a failing preStop or postStop does not keep it from stopping", async () => {
  const stack = rig.stack(`
    services:
      one:
        command: "exec sleep 1000"
        hooks: { postStart: { command: "exit 2" } }
        restartPolicy: { condition: never }
      two:
        command: "exec sleep 1000"
        hooks: { preStop: { command: "sleep 10", timeout: 100ms }, postStop: { command: [no-such-program] } }
  `);
  expect((await stack.orco("up", "-d", "--wait")).code).toBe(1);
  expect(await stack.service("one")).toMatchObject({ state: "Failed", replicas: { live: 0 }, instances: [{ reason: "hook_failed" }] });
  await stack.whenService("two", "to run", ({ ready }) => ready);
  await stack.ok("stop", "two");
  const notes = (await stack.records("logs", "two")).filter(({ source }) => source === "orco").map(({ message }) => message);
  expect(notes).toEqual([expect.stringContaining("preStop timed out after 100ms"), expect.stringContaining("postStop")]);
});

test("the stop signal, its timeout and the stop command", async () => {
  const stack = rig.stack(`
    services:
      hup: { command: "trap 'echo got hup; exit 0' HUP; while :; do sleep 0.02; done", stop: { signal: SIGHUP } }
      deaf: { command: [sh, ${PROGRAMS}/ignore-term.sh], stop: { timeout: 200ms } }
      told: { command: "while [ ! -e quit ]; do sleep 0.02; done; echo told", stop: { command: "touch quit" } }
  `);
  await stack.up();
  await stack.line(({ service }) => service === "deaf");
  await stack.ok("stop", "hup");
  expect(await stack.lines("hup")).toContain("got hup");
  const began = performance.now();
  await stack.ok("stop", "deaf");
  expect(performance.now() - began).toBeGreaterThanOrEqual(200);
  expect((await stack.service("deaf")).instances[0]?.exit).toMatchObject({ signal: "SIGKILL" });
  await stack.ok("stop", "told");
  expect(await stack.lines("told")).toEqual(["told"]);
  expect((await stack.service("told")).instances[0]?.exit).toMatchObject({ code: 0 });
});

test("down --force kills at once", async () => {
  const stack = rig.stack(`services: { deaf: { command: [sh, ${PROGRAMS}/ignore-term.sh], stop: { timeout: 60s } } }`);
  await stack.up();
  await stack.line(({ message }) => message === "ready");
  const politely = stack.start("down");
  await stack.whenService("deaf", "to be stopping", ({ state }) => state === "Stopping");
  await stack.ok("down", "--force");
  expect((await politely.ended).code).toBe(0);
});

test("what a service forked away dies with it", async () => {
  const stack = rig.stack(`services: { forks: { command: [sh, ${PROGRAMS}/double-fork.sh] } }`);
  await stack.up();
  const { message } = await stack.line(() => true);
  await stack.ok("down");
  expect(isAlive(readStat(Number(message)))).toBe(false);
});

test("an exit by a signal, and one by code, are told apart; restart makes a new instance of the same slot", async () => {
  const stack = rig.stack(`
    services:
      killed: { command: "kill -KILL $$$$", restartPolicy: { condition: never } }
      left: { command: "exit 42", restartPolicy: { condition: never } }
      fine: { command: "exec sleep 1000" }
  `);
  await stack.ok("up", "-d");
  await stack.when("both to end", ({ services }) => services.filter(({ state }) => state === "Failed").length === 2);
  expect((await stack.service("killed")).instances[0]?.exit).toEqual({ code: 137, signal: "SIGKILL", reason: "signaled" });
  expect((await stack.service("left")).instances[0]?.exit).toEqual({ code: 42, reason: "exited" });
  await stack.whenService("fine", "to run", ({ ready }) => ready);
  const before = (await stack.service("fine")).instances[0];
  await stack.ok("restart", "fine");
  const after = (await stack.service("fine")).instances[0];
  expect(after?.id).not.toBe(before?.id as string);
  expect(after).toMatchObject({ replica: 0, restarts: 1, ready: true });
});

test("what this version cannot do is refused by up and lint with field, line and reason; nothing is started", async () => {
  const refused: [field: string, feature: RegExp][] = [
    [`command: x\n        replicas: 2\n        ports: ["8080:80/udp"]`, /2 replicas cannot all bind UDP port 8080/],
    ["command: x\n        watch: [{ path: none, action: restart }]", /none does not exist/],
    ['command: x\n        schedule: "0 3 31 2 *"', /never fires/],
    ["command: x\n        volumes: [data:/data]", /volume/],
  ];
  for (const [text, reason] of refused) {
    const stack = rig.stack(`services:\n  one:\n        ${text}\n`);
    const up = await stack.orco("up", "-d");
    expect(up.code).toBe(1);
    expect(up.err).toMatch(reason);
    expect(up.err).toMatch(/stack\.yaml:\d+:\d+: (unsupported|error): /);
    expect((await stack.orco("status")).code).toBe(4);
    if (!text.includes("none")) expect((await stack.orco("lint")).code).toBe(1);
  }
});
