import { afterAll, beforeAll } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { EdgeRig } from "../../src/edge/control-fixture.ts";
import type { EdgeControl, EdgeControlOptions } from "../../src/edge/control.ts";
import type { AccessRecord } from "../../src/edge/http/service.ts";
import { DEFAULT_TIMEOUTS, type Front, type FrontTimeouts, type Target } from "../../src/edge/route.ts";
import { freePort } from "../free-port.ts";
import { until } from "../until.ts";
import { Peer, RawTarget } from "./peer.ts";

export interface WayOptions extends Partial<Omit<Front, "timeouts" | "targets">> {
  /** Raw targets to begin with: 1. */
  readonly targets?: number;
  /** What the front says instead of them: a target that is none of ours. */
  readonly elsewhere?: readonly Pick<Target, "port">[];
  readonly timeouts?: Partial<FrontTimeouts>;
}

/** The edge as the daemon runs it: real worker processes behind an `EdgeControl`, raw clients before them, raw targets behind them. */
export class Edge {
  readonly rig = new EdgeRig();
  readonly control: EdgeControl;
  private readonly accessLog = join(this.rig.home, "access.log");
  private ways = 0;

  constructor(options: Partial<EdgeControlOptions> = {}) {
    this.control = this.rig.control({ workers: 1, accessLog: this.accessLog, ...options });
  }

  /** One way in, on a port of its own. */
  async way(options: WayOptions = {}): Promise<Way> {
    const id = `way-${++this.ways}`;
    const { targets: count = 1, elsewhere, timeouts, ...front } = options;
    const targets = await Promise.all(Array.from({ length: count }, (_, n) => RawTarget.listen(`${id}/${n}`)));
    const specs = elsewhere?.map(({ port }, n) => active({ id: `${id}/${n}`, port })) ?? targets.map(active);
    const way = new Way(this, targets, {
      id,
      listen: { address: "127.0.0.1", port: freePort(), protocol: "http" },
      balance: "round-robin",
      holdTimeoutMs: 5_000,
      targets: specs,
      timeouts: { ...DEFAULT_TIMEOUTS, ...timeouts },
      ...front,
    });
    await way.put({});
    return way;
  }

  /** The only worker. */
  get worker(): number {
    const [pid, ...more] = this.rig.pids();
    if (pid === undefined || more.length > 0) throw new Error("there is not exactly one worker");
    return pid;
  }

  records(front: string): AccessRecord[] {
    // Its first lines come a moment after the first answers.
    if (!existsSync(this.accessLog)) return [];
    const lines = readFileSync(this.accessLog, "utf8").split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line) as AccessRecord).filter((record) => record.front === front);
  }

  /** The sum over all label sets that have these. */
  async metric(name: string, labels: Readonly<Record<string, string>>): Promise<number> {
    const family = (await this.control.families()).find((one) => one.name === name);
    const samples = family?.samples.filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value));
    return samples?.reduce((sum, { value }) => sum + value, 0) ?? 0;
  }
}

/** One edge for all tests of a file. */
export function sharedEdge(options: Partial<EdgeControlOptions> = {}): Edge {
  const edge = new Edge(options);
  beforeAll(() => edge.control.start());
  afterAll(() => edge.rig[Symbol.asyncDispose]());
  return edge;
}

/** A front with its clients and targets. They go when it is disposed of. */
export class Way implements AsyncDisposable {
  private readonly clients: Peer[] = [];

  constructor(
    readonly edge: Edge,
    readonly targets: RawTarget[],
    public front: Front,
  ) {}

  get port(): number {
    return this.front.listen.port;
  }

  /** The first target. */
  get target(): RawTarget {
    const [first] = this.targets;
    if (!first) throw new Error("there is no target");
    return first;
  }

  async put(change: Partial<Front>): Promise<void> {
    this.front = { ...this.front, ...change };
    await this.edge.control.put([this.front]);
  }

  /** A new connection. */
  connect(): Peer {
    const peer = Peer.connect(this.port);
    this.clients.push(peer);
    return peer;
  }

  /** A new connection with these bytes on it. */
  say(bytes: string | Uint8Array): Peer {
    const peer = this.connect();
    peer.write(bytes);
    return peer;
  }

  /** A new connection with this request on it. */
  ask(...lines: string[]): Peer {
    return this.say(request(...lines));
  }

  /** Lines of the access log, when there are as many. */
  async records(atLeast = 1): Promise<AccessRecord[]> {
    const { id } = this.front;
    await until(`${atLeast} lines of ${id} in the access log`, () => this.edge.records(id).length >= atLeast);
    return this.edge.records(id);
  }

  metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    return this.edge.metric(name, { pool: this.front.id, ...labels });
  }

  async whenHeld(requests: number): Promise<void> {
    await until(`${requests} held requests`, async () => (await this.metric("orco_edge_held")) === requests, 60_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.clients) client.reset();
    await this.edge.control.remove([this.front.id]);
    for (const target of this.targets) target.close();
  }
}

export function active({ id, port }: { id: string; port: number }): Target {
  return { id, host: "127.0.0.1", port, weight: 1, state: "active" };
}

export function draining(target: { id: string; port: number }, drainTimeoutMs = 30_000): Target {
  return { ...active(target), state: "draining", drainTimeoutMs };
}

/** `GET /` with a Host when no line is given. */
export function request(start = "GET / HTTP/1.1", ...lines: string[]): string {
  return `${[start, "Host: a.example", ...lines].join("\r\n")}\r\n\r\n`;
}

export function answer(body: string, ...lines: string[]): string {
  return `${["HTTP/1.1 200 OK", `Content-Length: ${body.length}`, ...lines].join("\r\n")}\r\n\r\n${body}`;
}

/** What a target gets for a request of `request()`: the same and who asked, with the id that the edge made. */
export function forwarded(start = "GET / HTTP/1.1", ...lines: string[]): string {
  return `${[start, "Host: a.example", ...lines, ...ADDED].join("\r\n")}\r\n\r\n`;
}

export const ADDED = ["X-Forwarded-For: 127.0.0.1", "X-Forwarded-Proto: http", "X-Forwarded-Host: a.example", "X-Request-Id: <id>"];

/** Ids that the edge made are no bytes to compare. */
export function withoutIds(text: string): string {
  return text.replace(/(?<=X-Request-Id: )[0-9a-f]{12}-[0-9a-f]+/g, "<id>");
}
