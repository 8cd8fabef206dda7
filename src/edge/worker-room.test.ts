import { expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { freePort } from "../../test/free-port.ts";
import { until } from "../../test/until.ts";
import { EdgeRig, frontOf, targetOf, WORKER_COMMAND } from "./control-fixture.ts";
import { requestOnce } from "./control-load.ts";
import { clientsAllowed, Room } from "./worker-room.ts";

test("as many as there is room for, counted anew when it may have become free", () => {
  let taken = 0;
  const warnings: string[] = [];
  const room = new Room({ clients: 2, taken: () => taken, warn: (message) => void warnings.push(message) });
  expect([room.take(), room.take()]).toEqual([true, true]);
  taken = 2;
  expect([room.take(), room.take()]).toEqual([false, false]);
  taken = 1;
  expect([room.take()]).toEqual([true]);
  expect(warnings).toHaveLength(1);
});

test("half of the open files, less those that the worker needs itself", () => {
  expect(clientsAllowed("Limit  Soft Limit\nMax open files            1024                 4096                 files\n")).toBe(480);
  expect(clientsAllowed("Max open files            unlimited            unlimited            files\n")).toBe(Infinity);
});

test("a worker with more clients than files still takes new routes, and new clients when others have gone", async () => {
  await using rig = new EdgeRig();
  using server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("ok") });
  const limited = join(rig.home, "limited.sh");
  writeFileSync(limited, `#!/bin/sh\nulimit -n 128\nexec ${WORKER_COMMAND.join(" ")} "$@"\n`);
  chmodSync(limited, 0o755);
  const control = rig.control({ workers: 1, command: [limited] });
  await control.start();
  const port = freePort();
  const front = frontOf("a", port, [targetOf("a-1", server.port ?? 0)], { listen: { address: "127.0.0.1", port, protocol: "http" } });
  await control.put([front]);
  let refused = 0;
  const clients = Array.from({ length: 200 }, () => connect(port, "127.0.0.1").on("error", () => void refused++));
  await until("refusals", () => refused === 200 - 32);
  await control.put([{ ...front, holdTimeoutMs: 1 }]);
  for (const client of clients) client.destroy();
  await until("an answer", async () => (await requestOnce(port)) === "ok");
});
