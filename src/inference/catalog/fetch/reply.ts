import { connect } from "bun";
import type { CancelTimer, Clock } from "../../../kernel/clock.ts";
import { formatDuration } from "../../../kernel/duration.ts";
import { errnoOf, messageOf } from "../../../kernel/errors.ts";
import type { PostTarget } from "../../../kernel/webhook/post.ts";
import type { EngineFault } from "../../adapters/adapter.ts";
import { type AnswerHead, AnswerReader } from "../../upstream/exchange.ts";
import { type Link, LINK_EVENTS } from "../../upstream/link.ts";
import { FetchTrouble } from "./trouble.ts";

/** What has come and nobody has taken yet; then the sender waits. */
const MAX_QUEUED_BYTES = 4 * 1024 * 1024;

interface ReplyPorts {
  readonly clock: Clock;
  /** Without a single byte. */
  readonly stallMs: number;
  readonly signal: AbortSignal;
}

/** Sends one request over a connection of its own, to an address that was checked before. Rejects with `FetchTrouble`, or the signal's reason. */
export async function ask(target: PostTarget, request: Buffer, ports: ReplyPorts): Promise<Reply> {
  ports.signal.throwIfAborted();
  const reply = new Reply(target, request, ports);
  await reply.headed;
  return reply;
}

/** One answer: its head is there, its body is taken piece by piece. Whoever has it closes it. */
export class Reply {
  private link: Link | undefined;
  /** Of a connection that is not proven yet. */
  private drop: () => void = () => undefined;
  private answer: AnswerHead | undefined;
  private over: { readonly error?: Error } | undefined;
  private queued = 0;
  private heardAt = 0;
  private wake: () => void = () => undefined;
  private cancelStall: CancelTimer = () => undefined;
  private readonly queue: Buffer[] = [];
  private readonly head = Promise.withResolvers<void>();
  private readonly reader: AnswerReader;
  private readonly onAbort = (): void => this.finish({ error: this.ports.signal.reason as Error });

  constructor(
    target: PostTarget,
    private readonly request: Buffer,
    private readonly ports: ReplyPorts,
  ) {
    const label = target.serverName ?? target.address;
    this.reader = new AnswerReader(
      { method: "GET", label },
      {
        head: (answer) => {
          this.answer = answer;
          this.head.resolve();
        },
        data: (bytes) => this.put(bytes),
        end: () => this.finish({}),
        fail: (fault) => this.finish({ error: troubleOf(fault) }),
      },
    );
    ports.signal.addEventListener("abort", this.onAbort, { once: true });
    this.heardAt = ports.clock.monotonic();
    this.watch(ports.stallMs);
    this.dial(target, label);
  }

  get headed(): Promise<void> {
    return this.head.promise;
  }

  get status(): number {
    return this.answer?.status ?? 0;
  }

  header(name: string): string | undefined {
    return this.answer?.header(name);
  }

  /** The body. Throws `FetchTrouble` when it is cut off. */
  async *chunks(): AsyncGenerator<Buffer> {
    for (;;) {
      const chunk = this.queue.shift();
      if (chunk) {
        this.queued -= chunk.length;
        yield chunk;
      } else if (this.over) {
        if (this.over.error) throw this.over.error;
        return;
      } else {
        this.listen();
        await new Promise<void>((resolve) => (this.wake = resolve));
      }
    }
  }

  close(): void {
    this.finish({});
  }

  private dial({ address, port, serverName, ca }: PostTarget, label: string): void {
    const fail = (error: unknown): void =>
      this.finish({ error: new FetchTrouble("passing", `${label} cannot be reached (${errnoOf(error) ?? messageOf(error)})`) });
    const opened = (link: Link): void => this.begin(link);
    const tls = serverName === undefined ? {} : { tls: { serverName, rejectUnauthorized: true, ...(ca !== undefined && { ca }) } };
    const shaking = (drop: () => void): void => void (this.drop = drop);
    const data = { link: undefined, secure: serverName !== undefined, shaking, opened, failed: fail };
    connect({ hostname: address, port, data, socket: LINK_EVENTS, ...tls }).then((socket) => {
      if (this.over) socket.terminate();
    }, fail);
  }

  private begin(link: Link): void {
    if (this.over) return link.destroy();
    this.link = link;
    link.handlers = {
      data: (bytes) => {
        this.heardAt = this.ports.clock.monotonic();
        this.reader.take(bytes);
      },
      end: () => void this.reader.takeEnd(),
      lost: (error) => this.finish({ error: new FetchTrouble("passing", `the connection was cut (${errnoOf(error) ?? "closed"})`) }),
    };
    link.write(this.request);
  }

  private put(bytes: Buffer): void {
    this.queue.push(bytes);
    this.queued += bytes.length;
    this.wake();
    if (this.queued >= MAX_QUEUED_BYTES) this.link?.pause();
  }

  private listen(): void {
    this.heardAt = this.ports.clock.monotonic();
    this.link?.resume();
  }

  /** The first end counts. */
  private finish(over: { readonly error?: Error }): void {
    if (this.over) return;
    this.over = over;
    this.cancelStall();
    this.ports.signal.removeEventListener("abort", this.onAbort);
    if (this.link) this.link.destroy();
    else this.drop();
    if (!this.answer) this.head.reject(over.error ?? new FetchTrouble("passing", "closed"));
    this.wake();
  }

  private watch(ms: number): void {
    const { clock, stallMs } = this.ports;
    this.cancelStall = clock.after(ms, () => {
      // While something waits to be taken it is not the sender that is slow.
      const quietMs = this.queued > 0 ? 0 : clock.monotonic() - this.heardAt;
      if (quietMs < stallMs) return this.watch(stallMs - quietMs);
      this.finish({ error: new FetchTrouble("passing", `nothing came for ${formatDuration(stallMs)}`) });
    });
  }
}

/** The reader speaks of engines. */
function troubleOf({ message }: EngineFault): FetchTrouble {
  return new FetchTrouble("passing", message.replace(/^the engine at /, ""));
}
