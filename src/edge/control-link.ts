import type { Clock } from "../kernel/clock.ts";
import type { FromWorker, Served, ToWorker, WorkerIdentity } from "./channel.ts";
import { connectChannel, type Channel } from "./channel-socket.ts";

export interface LinkEvents {
  /** What it serves, or has in flight, has changed. */
  served(link: WorkerLink): void;
  message(link: WorkerLink, message: FromWorker): void;
  /** Once: the connection is gone. */
  closed(link: WorkerLink): void;
}

/** The daemon's view of one worker, as that one last told it. */
export class WorkerLink {
  served: Served;
  /** Monotonic ms of its hello. */
  readonly since: number;
  /** It is being replaced: it goes on, but no longer counts. */
  condemned = false;

  constructor(
    readonly identity: WorkerIdentity,
    hello: { readonly served: Served; readonly since: number },
    private readonly channel: Channel<ToWorker>,
  ) {
    this.served = hello.served;
    this.since = hello.since;
  }

  get counts(): boolean {
    return this.served.phase === "serving" && !this.condemned;
  }

  send(message: ToWorker): void {
    this.channel.send(message);
  }

  close(): void {
    this.channel.close();
  }
}

/** A process that accepted the connection and says nothing is not working. */
const HELLO_TIMEOUT_MS = 2_000;

/** Connects to a worker and waits for its hello. Rejects when nobody listens there, or nobody speaks. */
export async function openLink(path: string, clock: Clock, events: LinkEvents): Promise<WorkerLink> {
  const hello = Promise.withResolvers<WorkerLink>();
  let link: WorkerLink | undefined;
  const channel = await connectChannel(path, {
    message(message) {
      if (message.type === "hello" && !link) {
        const { number, pid, startTime, build } = message;
        link = new WorkerLink({ number, pid, startTime, build }, { served: message, since: clock.monotonic() }, channel);
        return hello.resolve(link);
      }
      if (!link) return;
      if (message.type === "served") {
        link.served = message;
        return events.served(link);
      }
      events.message(link, message);
    },
    closed() {
      hello.reject(new Error("closed before it said hello"));
      if (link) events.closed(link);
    },
  });
  const cancel = clock.after(HELLO_TIMEOUT_MS, () => {
    channel.close();
    hello.reject(new Error(`said nothing within ${HELLO_TIMEOUT_MS} ms`));
  });
  return hello.promise.finally(cancel);
}
