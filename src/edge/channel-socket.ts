import type { Socket } from "bun";
import { rmSync } from "node:fs";
import { encodeMessage, MessageReader, type FromWorker, type ToWorker } from "./channel.ts";

type Message = FromWorker | ToWorker;

/** One end of a channel. Messages arrive in order, whole; what cannot be written at once waits, up to a bound. */
export interface Channel<Out extends Message> {
  /** False when the other side does not read: the channel is closed then, and `closed` is called. */
  send(message: Out): boolean;
  /** Nothing more arrives; `closed` is not called. What was sent is handed to the kernel first where it takes it. */
  close(): void;
}

export interface ChannelEvents<In extends Message> {
  message(message: In): void;
  /** Once: the other side is gone, or broke the rules. */
  closed(): void;
}

/** Of a reader that has stopped reading. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

interface State {
  channel?: { received(bytes: Buffer): void; flush(): void; lost(): void };
}

class SocketChannel<In extends Message, Out extends Message> implements Channel<Out> {
  private readonly reader = new MessageReader<In>();
  private waiting = Buffer.alloc(0);
  private open = true;
  events: ChannelEvents<In> | undefined;

  constructor(private readonly socket: Pick<Socket<State>, "write" | "end" | "terminate">) {}

  send(message: Out): boolean {
    if (!this.open) return false;
    const bytes = Buffer.from(encodeMessage(message));
    this.waiting = this.waiting.length === 0 ? bytes : Buffer.concat([this.waiting, bytes]);
    this.flush();
    if (this.waiting.length <= MAX_WAITING_BYTES) return true;
    this.lost();
    return false;
  }

  flush(): void {
    if (this.waiting.length === 0) return;
    const written = this.socket.write(this.waiting);
    if (written > 0) this.waiting = this.waiting.subarray(written);
  }

  received(bytes: Buffer): void {
    try {
      for (const message of this.reader.push(bytes)) if (this.open) this.events?.message(message);
    } catch {
      // Not the other half of this program: there is nothing to say to it.
      this.lost();
    }
  }

  lost(): void {
    if (!this.open) return;
    this.open = false;
    this.socket.terminate();
    this.events?.closed();
  }

  close(): void {
    if (!this.open) return;
    this.open = false;
    this.socket.end();
  }
}

const handlers = {
  data: (socket: Socket<State>, bytes: Buffer): void => socket.data.channel?.received(bytes),
  drain: (socket: Socket<State>): void => socket.data.channel?.flush(),
  end: (socket: Socket<State>): void => socket.data.channel?.lost(),
  close: (socket: Socket<State>): void => socket.data.channel?.lost(),
  error: (socket: Socket<State>): void => socket.data.channel?.lost(),
};

/** The daemon's end. Rejects when nobody listens there (ECONNREFUSED, ENOENT). */
export async function connectChannel(path: string, events: ChannelEvents<FromWorker>): Promise<Channel<ToWorker>> {
  const { promise, resolve, reject } = Promise.withResolvers<Channel<ToWorker>>();
  Bun.connect<State>({
    unix: path,
    data: {},
    socket: {
      ...handlers,
      open(socket) {
        const channel = new SocketChannel<FromWorker, ToWorker>(socket);
        channel.events = events;
        socket.data.channel = channel;
        resolve(channel);
      },
      connectError: (_, error) => reject(error),
    },
  }).catch(reject);
  return promise;
}

export interface ChannelServer {
  stop(): void;
}

/** The worker's end, mode 0600. What lies at `path` is replaced: the caller knows that nobody serves it. */
export function serveChannel(path: string, opened: (channel: Channel<FromWorker>) => ChannelEvents<ToWorker>): ChannelServer {
  rmSync(path, { force: true });
  const before = process.umask(0o177);
  try {
    const server = Bun.listen<State>({
      unix: path,
      socket: {
        ...handlers,
        open(socket) {
          const channel = new SocketChannel<ToWorker, FromWorker>(socket);
          socket.data = { channel };
          channel.events = opened(channel);
        },
      },
    });
    return { stop: () => server.stop(true) };
  } finally {
    process.umask(before);
  }
}
