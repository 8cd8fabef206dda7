import { expect, test } from "bun:test";
import { until } from "../../test/until.ts";
import { disproves, identify, proves } from "./identity.ts";
import { bootId, isAlive, readStat } from "./proc.ts";
import { signalName, signalNumber, Signals } from "./signal.ts";

const boot = bootId();
const signals = new Signals(boot);

function sleeper(detached = false) {
  return Bun.spawn(["sleep", "3600"], { stdin: "ignore", stdout: "ignore", detached });
}

test("signals a proven process and nobody else", async () => {
  await using child = sleeper();
  const identity = identify(child.pid, boot);
  if (!identity) throw new Error("no identity");
  expect(signals.send({ ...identity, startTime: identity.startTime - 1 }, "SIGKILL")).toBe(false);
  expect(signals.send({ ...identity, bootId: "another" }, "SIGKILL")).toBe(false);
  expect(proves(identity, boot)).toBe(true);
  expect(signals.send(identity, "SIGTERM")).toBe(true);
  await child.exited;
  expect(child.signalCode).toBe("SIGTERM");
  expect([proves(identity, boot), signals.send(identity, "SIGKILL")]).toEqual([false, false]);
});

test("one that shows no environment, as in the midst of an exec, is neither proven nor gone", async () => {
  await using child = Bun.spawn(["sleep", "3600"], { stdin: "ignore", stdout: "ignore", env: {} });
  const identity = identify(child.pid, boot);
  if (!identity) throw new Error("no identity");
  const proof = { ...identity, marker: "01a1" };
  await until("sleep", () =>
    Bun.file(`/proc/${child.pid}/comm`)
      .text()
      .then((name) => name === "sleep\n"),
  );
  expect([proves(proof, boot), disproves(proof, boot), signals.send(proof, "SIGKILL")]).toEqual([false, false, false]);
  expect(disproves({ ...proof, startTime: 1 }, boot)).toBe(true);
  child.kill();
  await child.exited;
  expect(disproves(proof, boot)).toBe(true);
});

test("a group is killed by its leader's identity, and by a hold even after the leader is reaped", async () => {
  const script = ["sh", "-c", "sleep 3600 & echo $!; read wait"];
  await using first = Bun.spawn(script, { stdin: "pipe", stdout: "pipe", detached: true });
  const identity = identify(first.pid, boot);
  if (!identity) throw new Error("no identity");
  expect(signals.sendGroup(identity, "SIGKILL")).toBe(true);
  await first.exited;

  await using second = Bun.spawn(script, { stdin: "pipe", stdout: "pipe", detached: true });
  const held = signals.holdGroup(second.pid);
  const { value } = await second.stdout.getReader().read();
  const left = Number(new TextDecoder().decode(value));
  second.kill("SIGKILL");
  await second.exited;
  expect(isAlive(readStat(left))).toBe(true);
  held?.kill();
  held?.release();
  if (!held) process.kill(left, "SIGKILL");
  await until("the member that was left", () => !isAlive(readStat(left)));
});

test("names and numbers", () => {
  expect([signalNumber("SIGTERM"), signalName(9), signalName(200)]).toEqual([15, "SIGKILL", undefined]);
  expect(() => signalNumber("SIGNOPE")).toThrow("unknown signal SIGNOPE");
});
