import type { CancelTimer, Clock } from "../../kernel/clock.ts";
import { formatDuration } from "../../kernel/duration.ts";
import type { JsonObject } from "../../kernel/event.ts";
import { rfc3339 } from "../../kernel/rfc3339.ts";
import { failure } from "../failure.ts";
import type { Meter } from "../meter.ts";
import type { PoolFacts, PoolWork } from "../pools/pool.ts";
import { factsOf } from "./facts.ts";
import type { Heartbeat, HeartbeatPool, HeartbeatReply, NodeView, Registration } from "./node.ts";

/** More than these are refused, unless some of them are Offline. */
export const MAX_NODES = 1_000;
/** inference.md, "Nodes". */
const NEXT_HEARTBEAT_MS = 10_000;

export interface PoolReports {
  /** The pools of one reporter, in place of those it had. */
  replace(source: "node" | "manager", key: string, pools: readonly PoolFacts[]): void;
}

export interface NodesOptions {
  readonly clock: Clock;
  /** Silence after which a node is Offline. */
  readonly staleMs: number;
  readonly pools: PoolReports;
  readonly load: PoolWork["load"];
  readonly meter: Pick<Meter, "nodesOnline">;
  /** For the journal; must not block. */
  readonly tell: (type: string, data: JsonObject) => void;
}

interface Member {
  readonly registration: Registration;
  readonly pools: readonly HeartbeatPool[];
  /** Wall clock, only shown. */
  readonly registeredAt: number;
  readonly lastBeatAt: number;
  /** Monotonic: what staleness counts from. */
  readonly beatAt: number;
  readonly online: boolean;
}

/**
 *  unknown ──register──▶ Online ──silent for staleMs──▶ Offline
 *     ▲                  ▲   │                           │ │
 *     │                  ╰───┼──── heartbeat, register ──╯ │
 *     ╰──────── remove ──────┴──── remove, no room ────────╯
 *
 * The machines that say they have engines. They live in memory: after a restart of the daemon their next heartbeat gets 404, upon which they register again.
 */
export class Nodes {
  private readonly members = new Map<string, Member>();
  private readonly timers = new Map<string, CancelTimer>();

  constructor(private readonly options: NodesOptions) {}

  /** In place of a node of that id. CONFLICT: there are too many. */
  register(node: Registration): HeartbeatReply {
    const { node_id: id } = node;
    const known = this.members.get(id);
    if (!known) this.makeRoom();
    const registeredAt = this.options.clock.now();
    this.beaten(id, { registration: node, pools: node.pools, registeredAt });
    if (!known || !isSame(known.registration, node)) this.tell("node.registered", node);
    else if (!known.online) this.tell("node.online", node);
    return this.reply();
  }

  /** NOT_FOUND: it has to register. */
  heartbeat(id: string, { pools }: Heartbeat): HeartbeatReply {
    const { registration, registeredAt, online } = this.known(id);
    this.beaten(id, { registration, pools, registeredAt });
    if (!online) this.tell("node.online", registration);
    return this.reply();
  }

  /** NOT_FOUND. */
  remove(id: string): void {
    const { registration } = this.known(id);
    this.forget(id);
    this.tell("node.removed", registration);
  }

  list(): NodeView[] {
    return Array.from(this.members.values(), viewOf);
  }

  close(): void {
    for (const cancel of this.timers.values()) cancel();
    this.timers.clear();
  }

  private beaten(id: string, said: Pick<Member, "registration" | "pools" | "registeredAt">): void {
    const { clock } = this.options;
    this.set(id, { ...said, lastBeatAt: clock.now(), beatAt: clock.monotonic(), online: true });
    if (!this.timers.has(id)) this.watch(id, this.options.staleMs);
  }

  /** One timer a node, set anew only when it fires: heartbeats come often. */
  private watch(id: string, ms: number): void {
    const cancel = this.options.clock.after(ms, () => {
      this.timers.delete(id);
      const member = this.members.get(id);
      if (!member) return;
      const left = member.beatAt + this.options.staleMs - this.options.clock.monotonic();
      if (left > 0) return this.watch(id, left);
      this.set(id, { ...member, online: false });
      this.tell("node.offline", member.registration);
    });
    this.timers.set(id, cancel);
  }

  private set(id: string, member: Member): void {
    const before = this.members.get(id);
    this.members.set(id, member);
    this.report(id, member, before);
    if (before?.online !== member.online) this.count();
  }

  private report(id: string, member: Member, before: Member | undefined): void {
    const { pools, load, staleMs } = this.options;
    const { gpus } = member.registration.capabilities;
    const reporter = {
      source: "node",
      id,
      vramTotalBytes: gpus.reduce((sum, gpu) => sum + gpu.vram_total_bytes, 0),
      inFlight: (pool: string) => load(pool).inFlight.get(id) ?? 0,
      ...(!member.online && { lost: `node ${id} is Offline: nothing was heard of it for ${formatDuration(staleMs)}` }),
    } as const;
    if (before !== undefined || member.pools.length > 0) pools.replace("node", id, factsOf(member.pools, reporter));
  }

  private forget(id: string): void {
    this.members.delete(id);
    this.timers.get(id)?.();
    this.timers.delete(id);
    this.options.pools.replace("node", id, []);
    this.count();
  }

  /** The one that has been silent for longest goes. */
  private makeRoom(): void {
    if (this.members.size < MAX_NODES) return;
    const offline = Array.from(this.members.values()).filter((member) => !member.online);
    const oldest = offline.toSorted((one, other) => one.beatAt - other.beatAt)[0];
    if (!oldest) throw failure("CONFLICT", `there are ${MAX_NODES} nodes already; remove one with DELETE /v2/nodes/{id}`);
    this.remove(oldest.registration.node_id);
  }

  private known(id: string): Member {
    const member = this.members.get(id);
    if (!member) throw failure("NOT_FOUND", `there is no node ${JSON.stringify(id)} (GET /v2/nodes has them); it has to register`);
    return member;
  }

  private count(): void {
    let online = 0;
    for (const member of this.members.values()) if (member.online) online += 1;
    this.options.meter.nodesOnline(online);
  }

  private tell(type: string, { node_id, address, version }: Registration): void {
    this.options.tell(type, { node_id, address, version });
  }

  private reply(): HeartbeatReply {
    const { staleMs } = this.options;
    return { success: true, next_heartbeat_ms: NEXT_HEARTBEAT_MS, ...(staleMs < 3 * NEXT_HEARTBEAT_MS && { stale_ms: staleMs }) };
  }
}

function isSame(one: Registration, other: Registration): boolean {
  return one.address === other.address && one.machine_id === other.machine_id && one.version === other.version;
}

function viewOf({ registration, pools, registeredAt, lastBeatAt, online }: Member): NodeView {
  return {
    ...registration,
    status: online ? "Online" : "Offline",
    pools: pools.map(shown),
    registered_at: rfc3339(registeredAt),
    last_heartbeat_at: rfc3339(lastBeatAt),
  };
}

function shown(pool: HeartbeatPool): HeartbeatPool {
  const { endpoint_key: _secret, ...rest } = pool;
  return rest;
}
