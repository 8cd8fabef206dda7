import { randomBytes } from "node:crypto";
import { type Clock, systemClock } from "./kernel/clock.ts";
import { daemonLog } from "./kernel/daemon-log.ts";
import { messageOf, OrcoError } from "./kernel/errors.ts";
import { socketPath } from "./kernel/home.ts";
import { VERSION } from "./kernel/version.ts";
import { dial } from "./edge/sockets.ts";
import { addressText, assertSafeBind, type BindAddress, isLoopback } from "./http/bind.ts";
import type { HeartbeatPool, Registration } from "./inference/nodes/node.ts";
import { Gpus } from "./inference/pools/gpu.ts";
import { Book } from "./node/book.ts";
import { Gate } from "./node/gate.ts";
import { Heart } from "./node/heart.ts";
import { addressTowards, capabilitiesOf, defaultNodeId, machineId, ownAddresses } from "./node/identity.ts";
import { RemoteControl, watchPools } from "./node/local.ts";
import { pagesOf } from "./node/pages.ts";
import { reportOf } from "./node/report.ts";
import { serveNode } from "./node/server.ts";

export interface NodeOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** $ORCO_HOME of the daemon whose pools are offered. */
  readonly home: string;
  /** Base URL of the control plane. */
  readonly control: string;
  /** The control plane's key. */
  readonly controlKey?: string;
  readonly bind: BindAddress;
  /** Opens this node's own API. */
  readonly apiKey?: string;
  readonly allowAnonymous: boolean;
  readonly nodeId?: string;
  /** Host, host:port or URL under which the control plane reaches this node; absent: the address that this machine has towards it. */
  readonly address?: string;
  readonly logLevel: string;
  /** Aborts at the first SIGTERM or SIGINT. */
  readonly stop: AbortSignal;
  /** At the second: what is relayed is cut. */
  readonly hurry: AbortSignal;
  readonly onReady: (line: string) => void;
}

/** What was said when it was told to stop may still be answered: the goodbye comes after it. */
const SETTLE_MS = 1_000;
/** Of each of its two tries. */
const LEAVE_TIMEOUT_MS = 1_500;
/** All together below the ten seconds that docker and compose wait. */
const GRACE_MS = 5_000;

/** Makes this machine a node of a control plane. Resolves when it was told to stop, has said goodbye, and relays nothing any more. */
export async function runNode(options: NodeOptions): Promise<void> {
  const { bind, apiKey, allowAnonymous, stop, home } = options;
  assertSafeBind({ bind, allowAnonymous, ...(apiKey !== undefined && { apiKey }) });
  const clock = systemClock();
  const log = daemonLog(options.logLevel);
  const nodeId = options.nodeId ?? defaultNodeId();
  const book = new Book();
  const site = new NodeSelf({ ...options, id: nodeId, clock, book });
  const server = serveNode({ clock, dial, book, gate: site.gate, page: pagesOf(book, () => site.entries()) }, bind);
  site.port = server.port;
  const key = options.controlKey;
  const ended = new AbortController();
  const either = AbortSignal.any([stop, ended.signal]);
  const cut = new AbortController();
  stop.addEventListener("abort", () => clock.after(SETTLE_MS, () => cut.abort()), { once: true });
  const control = new RemoteControl(nodeId, { url: options.control, clock, ...(key !== undefined && { key }) }, cut.signal);
  const heart = new Heart({
    clock,
    control,
    registration: () => site.registration(),
    pools: () => site.entries(),
    say: (line) => log.info({ control: options.control }, line),
  });
  const watching = watchPools({ socket: socketPath(home), clock, book, onChange: () => heart.beat() }, either);
  options.onReady(`node ${nodeId} on ${addressText({ ...bind, port: server.port })} for ${options.control}`);
  try {
    await heart.run(stop);
    if (heart.mayBeKnown)
      await control.leave(LEAVE_TIMEOUT_MS).catch((error: unknown) => log.warn({ error: messageOf(error) }, "left without a goodbye"));
  } finally {
    ended.abort();
    await server.close(GRACE_MS, options.hurry);
    await watching;
  }
}

interface SelfOptions extends NodeOptions {
  readonly id: string;
  readonly clock: Clock;
  readonly book: Book;
}

/** What this node says of itself. */
class NodeSelf {
  readonly gate: Gate;
  port = 0;
  /** Where the control plane reaches it, once that is known. */
  private base = "";
  private readonly relayKey: string | undefined;
  private readonly gpus: Gpus;

  constructor(private readonly options: SelfOptions) {
    const { apiKey, bind, clock, env } = options;
    this.relayKey = apiKey === undefined ? undefined : randomBytes(32).toString("base64url");
    const keys = apiKey === undefined || this.relayKey === undefined ? {} : { apiKey, relayKey: this.relayKey };
    this.gate = new Gate({ ...keys, loopbackOnly: isLoopback(bind.host) });
    this.gpus = new Gpus({ clock, env });
  }

  async registration(): Promise<Registration> {
    this.base = await this.findBase();
    const gpus = await this.gpus.look();
    return {
      node_id: this.options.id,
      machine_id: machineId(this.options.home),
      address: this.base,
      pools: await this.entries(),
      capabilities: capabilitiesOf(gpus),
      version: VERSION,
    };
  }

  async entries(): Promise<readonly HeartbeatPool[]> {
    const { book } = this.options;
    const own = ownAddresses();
    const gpus = await this.gpus.look();
    const base = this.base || (await this.findBase().catch(() => `http://${this.local()}`));
    const entries = reportOf(book.pools, {
      base,
      ...(this.relayKey !== undefined && { relayKey: this.relayKey }),
      isOwnAddress: (host) => own.has(host),
      vramFreeBytes: gpus.reduce((sum, gpu) => sum + gpu.freeBytes, 0),
    });
    return book.trouble === undefined ? entries : entries.map((entry) => ({ ...entry, ready: false }));
  }

  private async findBase(): Promise<string> {
    const { address, bind, control } = this.options;
    if (address !== undefined) return baseOf(address, this.port);
    if (!isWildcard(bind.host)) return `http://${this.local()}`;
    const found = await addressTowards(control).catch((error: unknown) => {
      throw new OrcoError("unreachable", `the control plane does not answer at ${control} (${messageOf(error)})`, {
        cause: messageOf(error),
      });
    });
    return `http://${addressText({ host: found, port: this.port })}`;
  }

  private local(): string {
    return addressText({ host: this.options.bind.host, port: this.port });
  }
}

function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || host === "::" || host === "[::]";
}

/** Of `host`, `host:port` or a URL. */
function baseOf(address: string, port: number): string {
  if (/^https?:\/\//i.test(address)) return address.replace(/\/+$/, "");
  const url = new URL(`http://${address}`);
  return `http://${url.port === "" ? `${url.hostname}:${port}` : url.host}`;
}
