import { readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { connect, listen, type Socket, type TCPSocketListener } from "bun";
import { until } from "../until.ts";

const MIB = 2 ** 20;
/** Of a length that fits no buffer size, so that bytes lost or repeated do not go unseen. */
const PERIOD = 65_521;
const PATTERN = Buffer.alloc(PERIOD * 17, Buffer.from(Array.from({ length: PERIOD }, (_, n) => (n * 7 + (n >> 8)) & 255)));
const STILL_LOOKS = 40;

/** Bodies of this test run: 256 MiB, or 1 GiB when `ORCO_EDGE_GIB=1`. */
export const BODY_BYTES = (process.env["ORCO_EDGE_GIB"] === "1" ? 1024 : 256) * MIB;

/** One end of a connection that carries bodies too big to be kept: it sends and checks a pattern. */
export class Flow {
  head = "";
  received = 0;
  sent = 0;
  closed = false;
  ended = false;
  right = true;
  /** Ends the connection behind the last byte. */
  endsAfter = false;
  /** Called when the other side's head is there: who closes without having read it sends a reset instead of an end. */
  whenAsked: () => void = () => undefined;
  private toSend = 0;
  private before: Buffer[] = [];

  constructor(private socket: Socket<Flow> | undefined) {}

  static async connect(port: number): Promise<Flow> {
    const flow = new Flow(undefined);
    flow.socket = await connect<Flow>({ hostname: "127.0.0.1", port, allowHalfOpen: true, data: flow, socket: EVENTS });
    return flow;
  }

  get wire(): Socket<Flow> {
    if (!this.socket) throw new Error("not connected");
    return this.socket;
  }

  /** Bytes of the pattern behind `head`, as fast as the other side takes them. */
  send(head: string, bodyBytes: number): void {
    if (head !== "") this.before.push(Buffer.from(head, "latin1"));
    this.toSend = bodyBytes;
    this.push();
  }

  push(): void {
    for (let head = this.before[0]; head; head = this.before[0]) {
      const taken = Math.max(0, this.wire.write(head));
      if (taken < head.length) return void (this.before[0] = head.subarray(taken));
      this.before.shift();
    }
    while (this.sent < this.toSend) {
      const from = this.sent % PERIOD;
      const piece = PATTERN.subarray(from, Math.min(PATTERN.length, from + this.toSend - this.sent));
      const taken = this.wire.write(piece);
      if (taken > 0) this.sent += taken;
      if (taken < piece.length) return;
    }
    if (this.endsAfter && this.toSend > 0) this.wire.end();
  }

  take(bytes: Buffer): void {
    if (!this.head.includes("\r\n\r\n")) {
      this.head += bytes.toString("latin1");
      const end = this.head.indexOf("\r\n\r\n");
      if (end === -1) return;
      const over = this.head.length - end - 4;
      this.head = this.head.slice(0, end + 4);
      if (over > 0) this.check(bytes.subarray(bytes.length - over));
      this.whenAsked();
    } else this.check(bytes);
  }

  async headCame(): Promise<string> {
    await until("the head", () => this.head.endsWith("\r\n\r\n"));
    return this.head;
  }

  async got(bytes: number): Promise<void> {
    await until(`${bytes} bytes of a body`, () => this.received >= bytes || this.closed, 60_000);
    if (this.received !== bytes || !this.right) throw new Error(`got ${this.received} bytes, ${this.right ? "as sent" : "not as sent"}`);
  }

  private check(bytes: Buffer): void {
    for (let at = 0; at < bytes.length;) {
      const from = (this.received + at) % PERIOD;
      const length = Math.min(bytes.length - at, PATTERN.length - from);
      if (bytes.compare(PATTERN, from, from + length, at, at + length) !== 0) this.right = false;
      at += length;
    }
    this.received += bytes.length;
  }
}

const EVENTS = {
  data: (socket: Socket<Flow>, bytes: Buffer) => socket.data.take(bytes),
  drain: (socket: Socket<Flow>) => socket.data.push(),
  end: (socket: Socket<Flow>) => void (socket.data.ended = true),
  close: (socket: Socket<Flow>) => void (socket.data.closed = true),
  error: () => undefined,
};

/** A target whose connections carry big bodies. */
export class FlowTarget implements Disposable {
  readonly flows: Flow[] = [];
  private readonly server: TCPSocketListener<Flow>;

  /** `opened` is told of each connection before its first byte. */
  constructor(opened: (flow: Flow) => void = () => undefined) {
    this.server = listen<Flow>({
      hostname: "127.0.0.1",
      port: 0,
      allowHalfOpen: true,
      socket: {
        ...EVENTS,
        open: (socket) => {
          socket.data = new Flow(socket);
          this.flows.push(socket.data);
          opened(socket.data);
        },
      },
    });
  }

  get port(): number {
    return this.server.port;
  }

  async next(): Promise<Flow> {
    const at = this.flows.length;
    return until("a connection to the target", () => this.flows[at] ?? this.flows.at(-1));
  }

  get open(): number {
    return this.flows.filter(({ closed }) => !closed).length;
  }

  [Symbol.dispose](): void {
    this.server.stop(true);
  }
}

/** Until a number has not changed for a while: everything that would flow has flown. */
export async function still(what: string, value: () => number): Promise<number> {
  let last = value();
  let looks = 0;
  await until(
    `${what} to come to rest`,
    () => {
      const now = value();
      looks = now === last ? looks + 1 : 0;
      last = now;
      return looks >= STILL_LOOKS;
    },
    20_000,
  );
  return last;
}

/** Resident memory of a process, in bytes. */
export class Memory {
  private readonly before: number;

  constructor(private readonly pid: number) {
    // From here on VmHWM is the peak of what follows (proc(5), clear_refs).
    writeFileSync(`/proc/${pid}/clear_refs`, "5");
    this.before = this.read("VmRSS");
  }

  get peakGrowth(): number {
    return this.read("VmHWM") - this.before;
  }

  get growth(): number {
    return this.read("VmRSS") - this.before;
  }

  say(what: string): void {
    const mib = (bytes: number): string => (bytes / MIB).toFixed(1);
    console.log(`${what}: ${mib(this.before)} MiB before, peak +${mib(this.peakGrowth)}, now +${mib(this.growth)}`);
  }

  private read(field: "VmRSS" | "VmHWM"): number {
    const status = readFileSync(`/proc/${this.pid}/status`, "latin1");
    return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1024;
  }
}

export function openSockets(pid: number): number {
  const folder = `/proc/${pid}/fd`;
  const isSocket = (fd: string): boolean => {
    try {
      return readlinkSync(`${folder}/${fd}`).startsWith("socket:");
    } catch {
      return false; // It has just been closed.
    }
  };
  return readdirSync(folder).filter(isSocket).length;
}
