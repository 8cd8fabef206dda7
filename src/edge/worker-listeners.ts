import { errnoOf, messageOf } from "../kernel/errors.ts";
import type { ListenerProblem } from "./channel.ts";
import { listenerKey, type Front, type ListenSpec } from "./route.ts";

/** One address and port that is listened on, and what answers there. */
export interface Gate {
  /** Its fronts from now on. Throws what `openGate` throws; the gate then goes on as it was. */
  update(fronts: readonly Front[]): Promise<void> | void;
  /** Accepts no more. Connections go on. */
  close(): void;
}

/** Throws the errno in `code`: EADDRINUSE, EACCES, EADDRNOTAVAIL; `certificate` for PEM files that cannot be used. */
export type OpenGate = (listen: ListenSpec, fronts: readonly Front[]) => Promise<Gate>;

/** The listeners of a table: opened, changed and closed as fronts come and go. */
export class Listeners {
  private readonly gates = new Map<string, { readonly shape: string; readonly gate: Gate }>();

  constructor(private readonly open: OpenGate) {}

  /** What could not be done is told; all else is done. Closing comes first: a port may change its protocol. */
  async apply(fronts: readonly Front[]): Promise<ListenerProblem[]> {
    const wanted = Map.groupBy(fronts, ({ listen }) => listenerKey(listen));
    for (const [key, { shape, gate }] of this.gates) {
      const [front] = wanted.get(key) ?? [];
      if (front && shapeOf(front.listen) === shape) continue;
      gate.close();
      this.gates.delete(key);
    }
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

  closeAll(): void {
    for (const { gate } of this.gates.values()) gate.close();
    this.gates.clear();
  }

  private async serve(key: string, group: readonly Front[]): Promise<void> {
    const known = this.gates.get(key);
    const [first] = group;
    if (known) await known.gate.update(group);
    else if (first) this.gates.set(key, { shape: shapeOf(first.listen), gate: await this.open(first.listen, group) });
  }
}

/** What a listener cannot change while it is open. Certificates it can. */
function shapeOf({ protocol, tls }: ListenSpec): string {
  return `${protocol}${tls ? " tls" : ""}`;
}
