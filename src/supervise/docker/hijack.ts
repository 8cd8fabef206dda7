import type { Socket } from "bun";
import { messageOf, OrcoError } from "../../kernel/errors.ts";
import { type Engine, refusal } from "./engine.ts";

/** More than that is not read ahead of whoever takes it. */
const MAX_AHEAD_BYTES = 1024 * 1024;
const MAX_HEAD_BYTES = 64 * 1024;
const HEAD_TIMEOUT_MS = 30_000;

/** A connection that docker has handed over: bytes both ways after the answer's head. */
export interface Hijacked {
  /** Resolves when the connection has taken them; rejects when it is closed. */
  write(bytes: Uint8Array): Promise<void>;
  /** Nothing more is written; what comes is still read. */
  end(): void;
  close(): void;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** Posts `body` and takes over the connection. `timeoutMs`: until docker has answered. Rejects as `Engine` does. Source: Engine API, "Hijacking" of container attach. */
export async function hijack(
  engine: Engine,
  path: string,
  { body, timeoutMs = HEAD_TIMEOUT_MS }: { readonly body: unknown; readonly timeoutMs?: number },
): Promise<Hijacked> {
  const version = await engine.ping({ timeoutMs });
  const wire = new Wire(path);
  const { promise: late, reject } = Promise.withResolvers<never>();
  late.catch(() => undefined);
  const timer = setTimeout(() => reject(new OrcoError("timeout", "docker has not answered in time", { away: true })), timeoutMs);
  try {
    const connecting = connected(engine, wire.handlers).then((socket) => wire.open(socket));
    await Promise.race([connecting, late]);
    // An end that comes meanwhile is seen where the head is read.
    void wire.write(requestOf(`/v${version}${path}`, JSON.stringify(body)));
    await Promise.race([wire.head(), late]);
    return wire;
  } catch (error) {
    wire.close();
    if (error instanceof OrcoError) throw error;
    throw new OrcoError("unavailable", `docker does not answer at ${engine.host} (${messageOf(error)})`, { away: true }, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

function connected({ address }: Engine, socket: Wire["handlers"]): Promise<Socket> {
  if ("unix" in address) return Bun.connect({ unix: address.unix, allowHalfOpen: true, socket });
  const { hostname, port, tls } = address;
  return Bun.connect({ hostname, port, tls, allowHalfOpen: true, socket });
}

function requestOf(path: string, body: string): Uint8Array {
  const head = [
    `POST ${path} HTTP/1.1`,
    "Host: docker",
    "Connection: Upgrade",
    "Upgrade: tcp",
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  return Buffer.from(`${head.join("\r\n")}\r\n\r\n${body}`);
}

class Wire implements Hijacked {
  private socket: Socket | undefined;
  private readonly arrived: Buffer[] = [];
  private ahead = 0;
  private ended: { readonly error?: unknown } | undefined;
  private wakeReader: () => void = () => undefined;
  private wakeWriter: () => void = () => undefined;
  private writing: Promise<void> = Promise.resolve();

  constructor(private readonly path: string) {}

  readonly handlers = {
    data: (_: Socket, data: Buffer): void => this.take(Buffer.from(data)),
    drain: (): void => this.wakeWriter(),
    end: (): void => this.fail(undefined),
    close: (): void => this.fail(undefined),
    error: (_: Socket, error: Error): void => this.fail(error),
  };
  readonly chunks = this.read();

  open(socket: Socket): void {
    this.socket = socket;
    // Nobody waited for it any more.
    if (this.ended) socket.terminate();
  }

  async head(): Promise<void> {
    let bytes: Buffer = Buffer.alloc(0);
    for (;;) {
      const end = bytes.indexOf("\r\n\r\n");
      if (end >= 0) return this.accept(bytes, end);
      const more = bytes.length > MAX_HEAD_BYTES ? undefined : await this.next();
      if (!more) throw new OrcoError("unavailable", "docker closed the connection before it answered", { away: true });
      bytes = Buffer.concat([bytes, more]);
    }
  }

  private async accept(bytes: Buffer, end: number): Promise<void> {
    const status = Number(/^HTTP\/1\.\d (\d{3})/.exec(bytes.toString("latin1", 0, end))?.[1] ?? 0);
    const rest = bytes.subarray(end + 4);
    if (status === 101 || status === 200) {
      if (rest.length > 0) this.arrived.unshift(rest);
      this.ahead += rest.length;
      return;
    }
    throw refusal(status, this.path, rest.toString("utf8"));
  }

  /** One after another, in the order of the calls. */
  write(bytes: Uint8Array): Promise<void> {
    this.writing = this.writing.then(() => this.push(bytes));
    // A write that nobody looks at is no unhandled rejection: the reader learns of the end too.
    this.writing.catch(() => undefined);
    return this.writing;
  }

  private async push(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      if (this.ended || !this.socket) throw new OrcoError("unavailable", "the connection to docker is closed");
      const drained = new Promise<void>((resolve) => (this.wakeWriter = resolve));
      const wrote = this.socket.write(bytes.subarray(at));
      at += Math.max(0, wrote);
      if (at < bytes.length) await drained;
    }
  }

  end(): void {
    // Without an argument it is the write half that closes, whatever the documentation of Bun 1.4.5 says.
    const shut = (): unknown => this.socket?.shutdown();
    void this.writing.then(shut, shut);
  }

  close(): void {
    this.fail(undefined);
    this.socket?.terminate();
  }

  fail(error: unknown): void {
    this.ended ??= error === undefined ? {} : { error };
    this.wakeReader();
    this.wakeWriter();
  }

  private take(data: Buffer): void {
    this.arrived.push(data);
    this.ahead += data.length;
    if (this.ahead > MAX_AHEAD_BYTES) this.socket?.pause();
    this.wakeReader();
  }

  private async next(): Promise<Buffer | undefined> {
    for (;;) {
      const chunk = this.arrived.shift();
      if (chunk) {
        this.ahead -= chunk.length;
        if (this.arrived.length === 0) this.socket?.resume();
        return chunk;
      }
      if (this.ended) {
        if (this.ended.error !== undefined) throw this.ended.error;
        return undefined;
      }
      await new Promise<void>((resolve) => (this.wakeReader = resolve));
    }
  }

  private async *read(): AsyncGenerator<Uint8Array, void> {
    try {
      for (let chunk = await this.next(); chunk; chunk = await this.next()) yield chunk;
    } finally {
      this.close();
    }
  }
}
