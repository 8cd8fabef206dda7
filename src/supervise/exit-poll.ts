import { type Proof, proves } from "./identity.ts";
import { openLibc, pidfdOpen } from "./libc.ts";

/** struct pollfd: int fd, short events, short revents. */
const POLLFD_BYTES = 8;
const POLLIN = 1;

/** Asks the kernel in one call which of many processes have ended; a pidfd becomes readable when its process does. */
export class ExitPoll {
  private readonly libc = openLibc();
  private readonly pidfds = new Map<Proof, number>();
  private table: Buffer | undefined;

  constructor(private readonly boot: string) {}

  /** Leaves out a process that is no longer there, and everything where there are no pidfds: `has` tells. */
  add(proof: Proof): void {
    const pidfd = pidfdOpen(this.libc, proof.pid);
    if (pidfd === undefined) return;
    if (proves(proof, this.boot)) this.pidfds.set(proof, pidfd);
    else this.libc?.close(pidfd);
    this.table = undefined;
  }

  has(proof: Proof): boolean {
    return this.pidfds.has(proof);
  }

  remove(proof: Proof): void {
    const pidfd = this.pidfds.get(proof);
    if (pidfd !== undefined) this.libc?.close(pidfd);
    this.pidfds.delete(proof);
    this.table = undefined;
  }

  ended(): ReadonlySet<Proof> {
    if (this.pidfds.size === 0) return new Set();
    this.table ??= tableOf([...this.pidfds.values()]);
    const { table } = this;
    if ((this.libc?.poll(table, this.pidfds.size, 0) ?? 0) <= 0) return new Set();
    return new Set([...this.pidfds.keys()].filter((_, index) => table.readInt16LE(index * POLLFD_BYTES + 6) !== 0));
  }
}

function tableOf(pidfds: readonly number[]): Buffer {
  const table = Buffer.alloc(pidfds.length * POLLFD_BYTES);
  pidfds.forEach((pidfd, index) => {
    table.writeInt32LE(pidfd, index * POLLFD_BYTES);
    table.writeInt16LE(POLLIN, index * POLLFD_BYTES + 4);
  });
  return table;
}
