import { expect, test } from "bun:test";
import type { Client } from "../client/client.ts";
import { OrcoError } from "../kernel/errors.ts";
import type { RunView } from "../workflow/view.ts";
import type { Context } from "./context.ts";
import { followRun } from "./run-watch.ts";

test("a run that is watched on a terminal is watched on when the daemon was away for a moment", async () => {
  const run = { id: "r", name: "n", status: "running", steps: [] } as unknown as RunView;
  const ended = Promise.withResolvers<RunView>();
  let asked = 0;
  const client = {
    waitRun: () => ended.promise,
    run: async () => {
      if (++asked === 3) ended.resolve({ ...run, status: "completed" });
      if (asked === 3) throw new OrcoError("unreachable", "the daemon does not answer");
      return run;
    },
  } as unknown as Client;
  const drawn: string[] = [];
  const io = { tty: true, color: false, columns: () => 80, out: (text: string) => void drawn.push(text), err: () => undefined };
  const context = { io, global: {}, note: () => undefined } as unknown as Context;
  expect(await followRun(context, client, "r")).toBe(0);
  expect(drawn.join("")).toContain("completed");
});
