import { expect, test } from "bun:test";
import type { Socket } from "bun";
import { freePort } from "../../test/free-port.ts";
import { until } from "../../test/until.ts";
import { EdgeRig, frontOf, targetOf } from "./control-fixture.ts";
import type { EdgeControl } from "./control.ts";

interface Held {
  readonly socket: Socket;
  readonly closed: Promise<void>;
}

/** A connection on which the target has answered: it is in flight in one of the workers. */
async function hold(port: number): Promise<Held> {
  const answered = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      open: (opened) => void opened.write("x"),
      data: () => answered.resolve(),
      close: () => closed.resolve(),
      error: () => undefined,
    },
  });
  await answered.promise;
  return { socket, closed: closed.promise };
}

/** Enough for both workers to have some: all in one would be a chance of 2^-23. */
function holdMany(port: number): Promise<Held[]> {
  return Promise.all(Array.from({ length: 24 }, () => hold(port)));
}

function echo() {
  return Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: (socket, bytes) => void socket.write(bytes) } });
}

/** Whether the promise settles before everything that is known to be on its way has been dealt with. */
async function settlesSoon(promise: Promise<unknown>, control: EdgeControl): Promise<boolean> {
  let settled = false;
  void promise.then(() => (settled = true));
  await control.families();
  return settled;
}

test("a target has drained when nothing is in flight on it in any worker", async () => {
  await using rig = new EdgeRig();
  using target = echo();
  const control = rig.control();
  await control.start();
  const port = freePort();
  await control.put([frontOf("a", port, [targetOf("old", target.port)])]);
  const held = await holdMany(port);
  const moved = [targetOf("old", target.port, { state: "draining" }), targetOf("new", target.port)];
  await control.put([frontOf("a", port, moved)]);
  const drained = control.drained("old");
  expect(await settlesSoon(drained, control)).toBe(false);
  const fresh = await hold(port);
  const last = held.pop();
  for (const { socket } of held) socket.end();
  expect(await settlesSoon(drained, control)).toBe(false);
  last?.socket.end();
  expect(await drained).toEqual({ cut: 0 });
  fresh.socket.end();
});

test("what is left at the drain timeout is cut and counted, over a restart of the daemon too", async () => {
  await using rig = new EdgeRig();
  using target = echo();
  const first = rig.control();
  await first.start();
  const port = freePort();
  await first.put([frontOf("a", port, [targetOf("old", target.port)])]);
  const held = await holdMany(port);
  await first.put([frontOf("a", port, [targetOf("old", target.port, { state: "draining", drainTimeoutMs: 300 })])]);
  first.close();
  const second = rig.control();
  await second.start();
  expect(await second.drained("old")).toEqual({ cut: held.length });
  await Promise.all(held.map(({ closed }) => closed));
});

test("a worker that dies has nothing in flight any more", async () => {
  await using rig = new EdgeRig();
  using target = echo();
  const control = rig.control();
  await control.start();
  const port = freePort();
  await control.put([frontOf("a", port, [targetOf("old", target.port)])]);
  await holdMany(port);
  await control.put([frontOf("a", port, [targetOf("old", target.port, { state: "draining" })])]);
  const drained = control.drained("old");
  for (const { pid } of control.status().workers) process.kill(pid, "SIGKILL");
  expect(await drained).toEqual({ cut: 0 });
});

test("waiting ends with its signal; an unknown target has drained; an active one does not drain", async () => {
  await using rig = new EdgeRig();
  using target = echo();
  const control = rig.control({ workers: 1 });
  await control.start();
  const port = freePort();
  await control.put([frontOf("a", port, [targetOf("old", target.port)])]);
  const { socket } = await hold(port);
  expect(await control.drained("never heard of")).toEqual({ cut: 0 });
  expect(control.drained("old")).rejects.toMatchObject({ code: "internal" });
  await control.put([frontOf("a", port, [targetOf("old", target.port, { state: "draining" })])]);
  const over = new AbortController();
  const waiting = control.drained("old", over.signal);
  over.abort(new Error("enough"));
  expect(waiting).rejects.toThrow("enough");
  await Promise.allSettled([waiting]);
  socket.end();
  expect(await control.drained("old")).toEqual({ cut: 0 });
});

test("a front that is removed lets its connections end by themselves", async () => {
  await using rig = new EdgeRig();
  using target = echo();
  const control = rig.control({ workers: 1 });
  await control.start();
  const port = freePort();
  await control.put([frontOf("a", port, [targetOf("old", target.port)]), frontOf("b", freePort(), [])]);
  const held = await hold(port);
  await control.remove(["a"]);
  const drained = control.drained("old");
  expect(await settlesSoon(drained, control)).toBe(false);
  held.socket.end();
  expect(await drained).toEqual({ cut: 0 });
  await until("the listener is gone", () => canBind(port));
});

function canBind(port: number): boolean {
  try {
    Bun.listen({ hostname: "127.0.0.1", port, socket: { data: () => undefined } }).stop(true);
    return true;
  } catch {
    return false;
  }
}

test("a worker that does not cut what it should is killed, and nothing waits for it", async () => {
  await using rig = new EdgeRig();
  using target = echo();
  const control = rig.control({ workers: 1, ackTimeoutMs: 300 });
  await control.start();
  const port = freePort();
  await control.put([frontOf("a", port, [targetOf("old", target.port)])]);
  const { closed } = await hold(port);
  await control.put([frontOf("a", port, [targetOf("old", target.port, { state: "draining", drainTimeoutMs: 1_500 })])]);
  const [stuck] = control.status().workers;
  process.kill(stuck?.pid ?? 0, "SIGSTOP");
  expect(await control.drained("old")).toEqual({ cut: 0 });
  await closed;
});
