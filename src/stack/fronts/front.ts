import { DEFAULT_HOLD_TIMEOUT_MS, DEFAULT_TIMEOUTS, type Front, type Target } from "../../edge/route.ts";
import { isLive, type Slot } from "../../supervise/instance.ts";
import type { ServiceSpec } from "../spec.ts";
import { directPorts, frontedPorts, type FrontedPort } from "./fronted.ts";

/** A slot with the spec its instance was started with. */
export interface Member {
  readonly slot: Slot;
  readonly spec: ServiceSpec;
}

export interface FrontsInput {
  readonly stack: string;
  readonly service: string;
  /** The desired spec; absent when the service is leaving the stack. */
  readonly spec?: ServiceSpec | undefined;
  readonly members: readonly Member[];
}

/** `stack/demo/api/8080` */
function frontId(stack: string, service: string, host: number): string {
  return `stack/${stack}/${service}/${host}`;
}

/**
 * The fronts of a service as its slots have it; the same slots give the same fronts, whichever daemon looks. A port is left out while an
 * instance still binds it itself, and stays while an instance of a former spec is behind it.
 */
export function frontsOf(input: FrontsInput): Front[] {
  const { stack, service, spec, members } = input;
  const live = members.filter(({ slot }) => isLive(slot.state));
  const wanted = new Map<number, FrontedPort>();
  for (const one of [...live.map((member) => member.spec), ...(spec ? [spec] : [])])
    for (const port of frontedPorts(one)) wanted.set(port.host, port);
  const bound = new Set(
    live.flatMap(({ spec: own }) => directPorts(own).flatMap(({ host, protocol }) => (protocol === "udp" ? [] : host))),
  );
  return [...wanted.values()]
    .filter(({ host }) => !bound.has(host))
    .map((port) => ({
      id: frontId(stack, service, port.host),
      listen: { address: port.hostIp ?? "127.0.0.1", port: port.host, protocol: port.protocol },
      balance: "round-robin",
      targets: shared(live.flatMap((member) => targetAt(member, port.host, spec ?? member.spec))),
      holdTimeoutMs: DEFAULT_HOLD_TIMEOUT_MS,
      timeouts: DEFAULT_TIMEOUTS,
    }));
}

/** Ids under which an instance stands in the table; its own for the first of its ports. */
export function targetIds({ slot, spec }: Member): string[] {
  const { instance } = slot;
  if (instance === undefined) return [];
  return frontedPorts(spec).map(({ host }, index) => (index === 0 ? instance : `${instance}/${host}`));
}

interface Shared extends Target {
  readonly share?: number | undefined;
}

function targetAt(member: Member, host: number, desired: ServiceSpec): Shared[] {
  const { slot, spec } = member;
  const ports = frontedPorts(spec);
  const index = ports.findIndex((one) => one.host === host);
  const port = slot.ports?.[String(ports[index]?.container)];
  const id = targetIds(member)[index];
  if (id === undefined || port === undefined || slot.traffic === "held") return [];
  const target = { id, host: slot.address ?? "127.0.0.1", port, weight: 1 };
  if (takesRequests(slot)) return [{ ...target, state: "active", share: slot.share }];
  if (slot.wasReady !== true) return [];
  const goes = slot.state === "Stopping" || slot.wanted === "stop" || slot.traffic === "leaving";
  return [{ ...target, state: "draining", ...(goes && { drainTimeoutMs: desired.update.drainTimeoutMs }) }];
}

/** Running, ready, wanted, and let in by the update that made it. */
export function takesRequests({ state, ready, wanted, traffic = "in" }: Slot): boolean {
  return state === "Running" && ready && wanted === "run" && traffic === "in";
}

/** Canaries get their share of new requests, whatever their number; the others what is left, in equal parts. */
function shared(targets: readonly Shared[]): Target[] {
  const active = targets.filter(({ state }) => state === "active");
  const canaries = active.filter(({ share }) => share !== undefined);
  const others = active.length - canaries.length;
  const part = Math.min(1, Math.max(0, ...canaries.map(({ share = 0 }) => share)));
  return targets.map(({ share, ...target }) => {
    if (target.state !== "active" || canaries.length === 0 || others === 0) return target;
    return { ...target, weight: share === undefined ? (1 - part) / others : part / canaries.length };
  });
}
