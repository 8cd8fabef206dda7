import { connect } from "bun";
import type { CancelTimer, Clock } from "../../kernel/clock.ts";
import { errnoOf } from "../../kernel/errors.ts";
import { EngineFault } from "../adapters/adapter.ts";
import { type Link, LINK_EVENTS, type Opening } from "./link.ts";
import { knownAddresses, type Lookup, reachable, type UpstreamTarget } from "./target.ts";

/** Of one name. */
const MAX_ADDRESSES = 4;

export interface DialPorts {
  readonly clock: Clock;
  readonly lookup: Lookup;
  readonly timeoutMs: number;
  /** PEM, in place of the usual authorities. */
  readonly ca?: string;
}

export interface DialEvents {
  opened(link: Link): void;
  failed(fault: EngineFault): void;
}

/** Connects to the first address that answers, all within one time. The name is resolved once: what was checked is where the connection goes. */
export class Dial {
  private settled = false;
  private cancelTimer: CancelTimer = () => undefined;
  private addresses: string[] = [];
  /** Of the address tried first. */
  private trouble: Error | undefined;
  /** Closes the connection whose handshake is under way. */
  private dropShaking: () => void = () => undefined;

  constructor(
    private readonly target: UpstreamTarget,
    private readonly ports: DialPorts,
    private readonly events: DialEvents,
  ) {}

  start(): void {
    const { clock, timeoutMs, lookup } = this.ports;
    this.cancelTimer = clock.after(timeoutMs, () => this.fail(`did not answer within ${timeoutMs} ms`));
    const known = knownAddresses(this.target.host);
    if (known) return this.resolved(known);
    lookup(this.target.host).then(
      (addresses) => this.resolved(addresses),
      (error: unknown) => this.fail(`has a name that does not resolve (${errnoOf(error) ?? "unknown reason"})`),
    );
  }

  /** Nothing is told any more. Bun cannot give up a connection: one that comes later is closed. */
  cancel(): void {
    if (this.settle()) this.dropShaking();
  }

  private resolved(addresses: readonly string[]): void {
    if (this.settled) return;
    this.addresses = reachable(addresses).slice(0, MAX_ADDRESSES);
    if (this.addresses.length > 0) this.next(undefined);
    else this.fail("has no address that an engine may have (link-local and metadata addresses are refused)");
  }

  private next(trouble: Error | undefined): void {
    this.trouble ??= trouble;
    const address = this.addresses.shift();
    if (this.settled) return;
    if (address === undefined) return this.fail(whyOf(this.trouble));
    const { host, port, secure } = this.target;
    const { ca } = this.ports;
    const tls = secure ? { serverName: host, rejectUnauthorized: true, ...(ca !== undefined && { ca }) } : undefined;
    const opening = this.opening();
    connect({ hostname: address, port, allowHalfOpen: true, data: opening, ...(tls && { tls }), socket: CONNECT_EVENTS }).catch(
      (error: Error) => opening.failed(error),
    );
  }

  private opening(): Opening {
    let failed = false;
    return {
      link: undefined,
      secure: this.target.secure,
      shaking: (drop) => {
        if (this.settled) drop();
        else this.dropShaking = drop;
      },
      opened: (link) => (this.settle() ? this.events.opened(link) : link.destroy()),
      failed: (error) => {
        // One failure is told in several ways.
        if (!failed) this.next(error);
        failed = true;
      },
    };
  }

  private fail(what: string): void {
    if (!this.settle()) return;
    this.dropShaking();
    this.events.failed(new EngineFault("connect", `the engine at ${this.target.label} ${what}`));
  }

  private settle(): boolean {
    if (this.settled) return false;
    this.settled = true;
    this.cancelTimer();
    return true;
  }
}

const CONNECT_EVENTS = {
  ...LINK_EVENTS,
  connectError: (socket: { readonly data: Opening }, error: Error) => socket.data.failed(error),
};

function whyOf(error: Error | undefined): string {
  const code = errnoOf(error);
  if (code === "ECONNREFUSED") return "refused the connection; is it running?";
  if (error && /certificate|CERT|SELF_SIGNED|UNABLE_TO/.test(`${code} ${error.message}`))
    return `has a certificate that is not trusted (${code ?? error.message})`;
  return `cannot be reached (${code ?? error?.message ?? "the connection was closed"})`;
}
