import type { Socket, SocketHandler } from "bun";

/** What happens on a connection. Nothing is told after `destroy`. */
export interface LinkHandlers {
  /** The bytes are the callee's: nobody writes to them any more. */
  data(bytes: Buffer): void;
  /** A clean end of what the engine sends. */
  end(): void;
  /** Broken: reset, or gone without an end. */
  lost(error: Error | undefined): void;
}

const DEAF: LinkHandlers = { data() {}, end() {}, lost() {} };

/** One connection to an engine, plain or TLS, on Bun's sockets: one writer, callbacks straight from the event loop. */
export class Link {
  handlers: LinkHandlers = DEAF;
  closed = false;
  private unsent: Buffer[] = [];
  private paused = false;

  constructor(private readonly socket: Socket<Opening>) {
    // Nagle and delayed ACK together cost 40 ms a request.
    socket.setNoDelay(true);
  }

  /** What the kernel does not take at once goes when there is room; the buffer may not be changed afterwards. */
  write(bytes: Buffer): void {
    if (this.closed || bytes.length === 0) return;
    this.unsent.push(bytes);
    if (this.unsent.length === 1) this.flush();
  }

  /** Everything written was taken by the kernel. */
  get sent(): boolean {
    return this.unsent.length === 0;
  }

  pause(): void {
    if (this.paused || this.closed) return;
    this.paused = true;
    this.socket.pause();
  }

  resume(): void {
    if (!this.paused || this.closed) return;
    this.paused = false;
    this.socket.resume();
  }

  /** At once, both directions: the engine sees a reset and stops its work. */
  destroy(): void {
    if (this.closed) return;
    this.drop();
    this.socket.terminate();
  }

  flush(): void {
    while (!this.closed) {
      const next = this.unsent[0];
      if (next === undefined) return;
      // Negative: the kernel refuses for good, shortly before `close` says why.
      const taken = Math.max(0, this.socket.write(next));
      if (taken < next.length) {
        this.unsent[0] = next.subarray(taken);
        return;
      }
      this.unsent.shift();
    }
  }

  onEnd(): void {
    if (!this.closed) this.handlers.end();
  }

  onLost(error: Error | undefined): void {
    if (this.closed) return;
    const { handlers } = this;
    this.drop();
    handlers.lost(error);
  }

  private drop(): void {
    this.closed = true;
    this.unsent = [];
    this.handlers = DEAF;
  }
}

/** A connection on its way: `link` once it can be used. */
export interface Opening {
  link: Link | undefined;
  readonly secure: boolean;
  /** TLS: there is a connection, nothing is proven yet. `drop` closes it. */
  shaking(drop: () => void): void;
  opened(link: Link): void;
  failed(error: Error | undefined): void;
}

/** Shared by all sockets: what differs is in `socket.data`. */
export const LINK_EVENTS: SocketHandler<Opening> = {
  open(socket) {
    if (socket.data.secure) socket.data.shaking(() => socket.terminate());
    else begin(socket);
  },
  handshake(socket, success, error) {
    if (!socket.data.secure || socket.data.link) return;
    // Nothing is sent, the key least of all, before the certificate is proven.
    if (success && !error) return begin(socket);
    socket.data.failed(error ?? new Error("its certificate is not trusted"));
    socket.terminate();
  },
  data: (socket, bytes) => socket.data.link?.handlers.data(bytes),
  drain: (socket) => socket.data.link?.flush(),
  end(socket) {
    const { link } = socket.data;
    if (link) return link.onEnd();
    socket.data.failed(undefined);
    socket.terminate();
  },
  close: (socket, error) => lost(socket, error),
  error(socket, error) {
    lost(socket, error);
    socket.terminate();
  },
};

function begin(socket: Socket<Opening>): void {
  const link = new Link(socket);
  socket.data.link = link;
  socket.data.opened(link);
}

function lost({ data: opening }: Socket<Opening>, error: Error | undefined): void {
  if (opening.link) opening.link.onLost(error);
  else opening.failed(error);
}
