import { errnoOf, messageOf } from "../kernel/errors.ts";
import type { ListenerProblem } from "./channel.ts";
import { type CertificateFiles, listenerKey, type Front, type ListenSpec } from "./route.ts";
import { Gate, type GateOptions } from "./worker-gate.ts";
import type { Responder } from "./worker-responder.ts";

interface Open {
  /** What a listener cannot change while it is open. Certificates it can. */
  readonly shape: string;
  /** Who was served here, last. */
  fronts: ReadonlySet<string>;
  readonly gate: Gate;
}

/** The listeners of a worker: opened, changed and closed as fronts come and go. */
export class Listeners {
  private readonly open = new Map<string, Open>();
  /** Of listeners that are gone, while they have connections. */
  private readonly former = new Set<Responder>();
  private stopped = false;

  constructor(private readonly options: GateOptions) {}

  /**
   * What could not be done is told; all else is done. What a front leaves is closed when it is served where it goes: if it cannot be, a change that is
   * taken back in a moment has cost nobody a request.
   */
  async apply(fronts: readonly Front[]): Promise<ListenerProblem[]> {
    const wanted = Map.groupBy(fronts, ({ listen }) => listenerKey(listen));
    const problems: ListenerProblem[] = [];
    const stranded = new Set<string>();
    for (const [key, group] of wanted) {
      try {
        await this.serve(key, group);
      } catch (error) {
        problems.push({ listener: key, code: errnoOf(error) ?? "unknown", message: messageOf(error) });
        for (const { id } of group) stranded.add(id);
      }
    }
    for (const [key, { gate, fronts: served }] of this.open) if (!wanted.has(key) && served.isDisjointFrom(stranded)) this.close(key, gate);
    for (const responder of this.former) if (responder.connections === 0) this.former.delete(responder);
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
    const [first] = group;
    if (!first) return;
    const { listen } = first;
    const known = this.open.get(key);
    const fronts = new Set(group.map(({ id }) => id));
    if (known?.shape === shapeOf(listen)) {
      known.fronts = fronts;
      return known.gate.update(group);
    }
    // A port that changes its protocol is closed first, but not for certificates that cannot be used.
    if (known && listen.tls) await readAll(listen.tls);
    if (known) this.close(key, known.gate);
    if (!this.stopped) this.open.set(key, { shape: shapeOf(listen), fronts, gate: await Gate.open(listen, group, this.options) });
  }
}

/** Throws `certificate`. node:tls is loaded by a worker that has something to do with it. */
async function readAll(certificates: readonly CertificateFiles[]): Promise<void> {
  const { readCertificate } = await import("./certificates.ts");
  await Promise.all(certificates.map(readCertificate));
}

function shapeOf({ protocol, tls }: ListenSpec): string {
  return `${protocol}${tls ? " tls" : ""}`;
}
