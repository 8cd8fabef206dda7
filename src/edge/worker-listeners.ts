import { errnoOf, messageOf } from "../kernel/errors.ts";
import type { ListenerProblem } from "./channel.ts";
import { listenerKey, type Front, type ListenSpec } from "./route.ts";
import { Gate, type GateOptions } from "./worker-gate.ts";
import type { Responder } from "./worker-responder.ts";

interface Open {
  /** What a listener cannot change while it is open. Certificates it can. */
  readonly shape: string;
  readonly gate: Gate;
}

/** The listeners of a worker: opened, changed and closed as fronts come and go. */
export class Listeners {
  private readonly open = new Map<string, Open>();
  /** Of listeners that are gone, while they have connections. */
  private readonly former = new Set<Responder>();
  private stopped = false;

  constructor(private readonly options: GateOptions) {}

  /** What could not be done is told; all else is done. Closing comes first: a port may change its protocol. */
  async apply(fronts: readonly Front[]): Promise<ListenerProblem[]> {
    const wanted = Map.groupBy(fronts, ({ listen }) => listenerKey(listen));
    for (const [key, { shape, gate }] of this.open) {
      const [front] = wanted.get(key) ?? [];
      if (!front || shapeOf(front.listen) !== shape) this.close(key, gate);
    }
    for (const responder of this.former) if (responder.connections === 0) this.former.delete(responder);
    const problems: ListenerProblem[] = [];
    for (const [key, group] of wanted) {
      try {
        await this.serve(key, group);
      } catch (error) {
        problems.push({ listener: key, code: errnoOf(error) ?? "unknown", message: messageOf(error) });
      }
    }
    return problems;
  }

  /** Accepts no more; connections go on, and learn of new tables as before. */
  stop(): void {
    this.stopped = true;
    for (const { gate } of this.open.values()) gate.stop();
  }

  get connections(): number {
    return this.responders().reduce((sum, { connections }) => sum + connections, 0);
  }

  retire(): void {
    for (const responder of this.responders()) responder.retire();
  }

  cutAll(): void {
    for (const responder of this.responders()) responder.cutAll();
  }

  private responders(): Responder[] {
    return [...Array.from(this.open.values(), ({ gate }) => gate.responder), ...this.former];
  }

  private close(key: string, gate: Gate): void {
    this.open.delete(key);
    gate.stop();
    gate.responder.update([]);
    gate.responder.retire();
    if (gate.responder.connections > 0) this.former.add(gate.responder);
  }

  private async serve(key: string, group: readonly Front[]): Promise<void> {
    const known = this.open.get(key);
    const [first] = group;
    if (known) return await known.gate.update(group);
    if (first && !this.stopped)
      this.open.set(key, { shape: shapeOf(first.listen), gate: await Gate.open(first.listen, group, this.options) });
  }
}

function shapeOf({ protocol, tls }: ListenSpec): string {
  return `${protocol}${tls ? " tls" : ""}`;
}
