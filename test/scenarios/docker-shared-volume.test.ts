import { describe, expect, test } from "bun:test";
import { dockerHere } from "../docker/engine.ts";
import { sharedRig } from "./rig.ts";

const engine = await dockerHere();

describe.skipIf(!engine)("replicas that write to one volume", () => {
  const rig = sharedRig();

  test("scale and apply warn of them, and do what was asked", async () => {
    const box = 'db: { image: busybox:local, command: [sleep, "1000"], volumes: ["data:/data"], stop: { signal: SIGKILL }, replicas: N }';
    const stack = rig.stack(`\n  services:\n    ${box.replace("N", "1")}\n`);
    await stack.up();
    try {
      const scaled = await stack.orco("scale", "db", "2");
      expect(scaled.code).toBe(0);
      expect(scaled.err).toContain("warning: 2 replicas of db all write to volume data (databases do not survive that");
      expect((await stack.orco("scale", "db", "1")).err).not.toContain("warning");
      stack.edit(`\n  services:\n    ${box.replace("N", "2")}\n`);
      const applied = await stack.orco("apply");
      expect(applied.code).toBe(0);
      expect(applied.err).toMatch(/warning: stack\.yaml:\d+:\d+: 2 replicas of db all write to volume data/);
    } finally {
      await stack.ok("down", "--volumes");
    }
  });
});
