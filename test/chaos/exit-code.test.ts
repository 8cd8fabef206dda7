import { expect, test } from "bun:test";
import { FakeClock } from "../../src/kernel/clock.ts";
import type { SupervisorPorts } from "../../src/supervise/supervised.ts";
import { Supervisor } from "../../src/supervise/supervisor.ts";
import { slotOf } from "../spec.ts";
import { FakeWorld } from "./fake-world.ts";

const POLICY = { condition: "never", maxRetries: 0, resetAfterMs: 0, backoff: { minMs: 0, maxMs: 0, factor: 1 } } as const;

/** What a daemon killed at each moment would leave: the state in the journal, and whether the instance is still on disk. */
class Moments {
  readonly seen: string[] = [];
  private onDisk = true;
  private state = "Running";

  constructor(private readonly world: FakeWorld) {}

  get ports(): SupervisorPorts {
    const { ports } = this.world;
    return {
      ...ports,
      record: async (slot, event) => {
        // A commit takes its time, and whatever can happen meanwhile does.
        await this.world.clock.sleep(10);
        this.state = slot.state;
        this.look();
        return ports.record(slot, event);
      },
      runtime: {
        ...ports.runtime,
        forget: async () => {
          this.onDisk = false;
          this.look();
        },
      },
    };
  }

  private look(): void {
    this.seen.push(`${this.state}, ${this.onDisk ? "exit code on disk" : "removed"}`);
  }
}

test("the exit code of an instance stays on disk until its end is in the journal", async () => {
  const world = new FakeWorld(new FakeClock(), POLICY);
  const moments = new Moments(world);
  new Supervisor(slotOf("once", { state: "Pending", ready: false, reason: "initial_start" }), moments.ports, () => undefined).start();
  await world.clock.advance(100);
  await world.crash();
  await world.clock.advance(100);
  expect(moments.seen).not.toContain("Running, removed");
  expect(moments.seen.slice(-2)).toEqual(["Failed, exit code on disk", "Failed, removed"]);
});

test("nor is an end that a daemon finds removed before it is journaled", async () => {
  const world = new FakeWorld(new FakeClock(), POLICY);
  const moments = new Moments(world);
  const supervisor = new Supervisor(slotOf("once", { instance: "i" }), moments.ports, () => undefined);
  supervisor.start({ kind: "exited", exit: { code: 0, reason: "exited", at: 0 }, spools: { stdout: "", stderr: "" } });
  await world.clock.advance(100);
  expect(moments.seen).toEqual(["Stopped, exit code on disk", "Stopped, removed"]);
});
