import { expect, test } from "bun:test";
import fc from "fast-check";
import { serviceSpec, slotOf } from "../../../test/spec.ts";
import type { Slot } from "../../supervise/instance.ts";
import type { ServiceSpec } from "../spec.ts";
import { frontsOf, takesRequests, type Member } from "./front.ts";

const port = { host: 8080, container: 80, protocol: "tcp" as const };
const spec = serviceSpec("api", { replicas: 2, ports: [port] });
const direct = serviceSpec("api", { ports: [port], update: { ...spec.update, strategy: "recreate" } });

function member(replica: number, over: Partial<Slot> = {}, own: ServiceSpec = spec): Member {
  return { slot: slotOf("api", { replica, instance: `i${replica}`, ports: { "80": 4000 + replica }, wasReady: true, ...over }), spec: own };
}

const fronts = (members: readonly Member[], desired: ServiceSpec | undefined = spec) =>
  frontsOf({ stack: "demo", service: "api", spec: desired, members });
const shown = (members: readonly Member[], desired?: ServiceSpec): string[] =>
  fronts(members, desired).flatMap(({ targets }) => targets.map(({ id, state, weight, port: to }) => `${id} ${state} ${weight} ${to}`));

test("a front per host port, on loopback unless an address is declared, with the instances that are ready", () => {
  expect(fronts([member(0), member(1, { ready: false })])).toMatchObject([
    {
      id: "stack/demo/api/8080",
      listen: { address: "127.0.0.1", port: 8080, protocol: "tcp" },
      targets: [
        { id: "i0", host: "127.0.0.1", port: 4000, weight: 1, state: "active" },
        { id: "i1", state: "draining" },
      ],
    },
  ]);
  const wide = { ...spec, ports: [{ ...port, hostIp: "0.0.0.0", protocol: "http" as const }] };
  expect(fronts([], wide)).toMatchObject([{ listen: { address: "0.0.0.0", protocol: "http" }, targets: [] }]);
});

test.each([
  ["starting", { state: "Starting", ready: false, wasReady: false }, undefined],
  ["not ready any more", { ready: false }, "draining"],
  ["held", { traffic: "held" }, undefined],
  ["let in", { traffic: "in" }, "active"],
  ["not wanted any more", { wanted: "stop" }, "draining"],
  ["stopping for a restart", { state: "Stopping", ready: false }, "draining"],
  ["of a set that has been left", { traffic: "leaving" }, "draining"],
  ["ended", { state: "Pending", ready: false }, undefined],
  ["not known where", { ports: undefined }, undefined],
] as [string, Partial<Slot>, string | undefined][])("an instance that is %s", (_, over, state) => {
  expect(fronts([member(0, over)])[0]?.targets.map((target) => target.state)).toEqual(state === undefined ? [] : ([state] as never));
});

test("what goes has its drain timeout; what is only unready has none", () => {
  const [target] = fronts([member(0, { state: "Stopping", ready: false })])[0]?.targets ?? [];
  expect(target?.drainTimeoutMs).toBe(10_000);
  expect(fronts([member(0, { ready: false })])[0]?.targets[0]?.drainTimeoutMs).toBeUndefined();
});

test("a canary has its share whatever the number of the others, and all of it alone", () => {
  const share = { share: 0.1 };
  expect(shown([member(0, share), member(1), member(2)])).toEqual(["i0 active 0.1 4000", "i1 active 0.45 4001", "i2 active 0.45 4002"]);
  expect(shown([member(0, share), member(1, { ready: false })])).toEqual(["i0 active 1 4000", "i1 draining 1 4001"]);
  expect(shown([member(0), member(1), member(2)]).every((line) => line.includes("active 1 "))).toBe(true);
});

test("a port is not fronted while an instance binds it itself, and as long as one is behind it", () => {
  expect(fronts([member(0, {}, direct), member(1)])).toEqual([]);
  expect(fronts([member(0, { state: "Stopped", ready: false }, direct)])).toHaveLength(1);
  expect(fronts([member(0)], direct)).toHaveLength(1);
  expect(fronts([], direct)).toEqual([]);
});

test("while a port moves, each set is where its own version says", () => {
  const moved = { ...spec, ports: [{ ...port, host: 9090 }] };
  const found = fronts([member(0), member(1, {}, moved)], moved);
  expect(found.map(({ id, targets }) => `${id} ${targets.map((target) => target.id).join()}`)).toEqual([
    "stack/demo/api/8080 i0",
    "stack/demo/api/9090 i1",
  ]);
});

test("several ports of one instance are several targets", () => {
  const two = { ...spec, ports: [port, { ...port, host: 8081, container: 81 }] };
  const [first, second] = fronts([member(0, { ports: { "80": 1, "81": 2 } }, two)], two);
  expect([first?.targets[0]?.id, second?.targets[0]?.id]).toEqual(["i0", "i0/8081"]);
});

test("property: targets are unique, active ones take requests, and weights add up to the same for every share", () => {
  const slot = fc.record({
    state: fc.constantFrom("Pending", "Starting", "Running", "Stopping", "Stopped", "Failed"),
    ready: fc.boolean(),
    wanted: fc.constantFrom("run", "stop"),
    traffic: fc.constantFrom(undefined, "held", "in", "leaving"),
    share: fc.constantFrom(undefined, undefined, 0.25),
  }) as fc.Arbitrary<Partial<Slot>>;
  fc.assert(
    fc.property(fc.array(slot, { maxLength: 8 }), (slots) => {
      const members = slots.map((over, replica) => member(replica, over));
      const targets = fronts(members)[0]?.targets ?? [];
      expect(new Set(targets.map(({ id }) => id)).size).toBe(targets.length);
      const active = targets.filter(({ state }) => state === "active");
      expect(active.map(({ id }) => id)).toEqual(members.filter((one) => takesRequests(one.slot)).map((one) => one.slot.instance ?? ""));
      const canaries = members.filter((one) => takesRequests(one.slot) && one.slot.share !== undefined).length;
      const total = active.reduce((sum, { weight }) => sum + weight, 0);
      if (canaries > 0 && canaries < active.length) expect(total).toBeCloseTo(1);
    }),
  );
});
