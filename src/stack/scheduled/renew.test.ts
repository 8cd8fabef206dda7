import { expect, test } from "bun:test";
import type { Supervisor } from "../../supervise/supervisor.ts";
import type { Stack } from "../stack.ts";
import { renew } from "./renew.ts";

/** What renewing needs of a stack whose disk takes its time. */
function slowStack(): { stack: Stack; slots: () => string[]; use: (config: string) => void } {
  let config = "old";
  const supervisors: Supervisor[] = [];
  const disk = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const add = async ({ command }: { command: string }, replica: number): Promise<void> => {
    await disk();
    supervisors.push({ slot: { replica, config: command, state: "Stopped", wanted: "stop", service: "job" } } as unknown as Supervisor);
  };
  const stack = {
    get record() {
      return { spec: { services: { job: { name: "job", command: config, replicas: 1 } } } };
    },
    supervisorsOf: () => [...supervisors],
    add,
    async drop(one: Supervisor) {
      supervisors.splice(supervisors.indexOf(one), 1);
      await disk();
    },
  };
  return {
    stack: stack as unknown as Stack,
    slots: () => supervisors.map(({ slot }) => `${slot.replica} ${slot.config}`),
    use: (next) => (config = next),
  };
}

test("an apply and a run of the schedule at one time leave one slot, with the new config", async () => {
  const { stack, slots, use } = slowStack();
  const { signal } = new AbortController();
  const host = { configHash: ({ command }: { command?: unknown }) => String(command) };
  const again = (): Promise<void> => renew(host, { stack, service: "job", signal });
  await again();
  expect(slots()).toEqual(["0 old"]);
  use("new");
  await Promise.all([again(), again(), again()]);
  expect(slots()).toEqual(["0 new"]);
});
