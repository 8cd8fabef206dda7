import type { Clock } from "../../kernel/clock.ts";
import { messageOf, OrcoError } from "../../kernel/errors.ts";
import type { Cluster } from "./cluster.ts";

/** An answer of the API server counts this long: of many new runs at once not each asks. */
const FRESH_MS = 1000;
/** A failure counts this long; then it is asked again. */
const DOWN_MS = 3000;
const PROBE_MS = 2000;
const RETRY_AFTER_S = 5;

/** Whether the cluster takes new runs. It is asked only when somebody wants to know, and when nothing else has asked it lately. */
export class Availability {
  private probing: Promise<void> | undefined;

  constructor(
    private readonly cluster: Cluster,
    private readonly clock: Clock,
  ) {}

  /** Within two seconds. Rejects with `unavailable` (facts: retry_after_s). */
  async assert(): Promise<void> {
    if (!this.isKnown()) await this.probe();
    const { contact } = this.cluster.client;
    if (contact?.ok) return;
    const why = contact?.error?.message ?? "the Kubernetes API server does not answer";
    throw new OrcoError("unavailable", `${why}; runs that were accepted wait for it`, { retry_after_s: RETRY_AFTER_S });
  }

  /** As last known; asks anew for the next time. */
  check(): { readonly ok: boolean; readonly detail: string } {
    const { contact, access } = this.cluster.client;
    if (!this.isKnown()) void this.probe();
    if (contact?.ok !== false) return { ok: true, detail: `${access.server} (${access.source})` };
    const seconds = Math.round((this.clock.monotonic() - (contact.since ?? contact.at)) / 1000);
    return { ok: false, detail: `${contact.error?.message ?? "no answer"}, for ${seconds} s` };
  }

  private isKnown(): boolean {
    const { contact } = this.cluster.client;
    return contact !== undefined && this.clock.monotonic() - contact.at < (contact.ok ? FRESH_MS : DOWN_MS);
  }

  private probe(): Promise<void> {
    this.probing ??= this.ask().finally(() => (this.probing = undefined));
    return this.probing;
  }

  /** Something that needs our rights in our namespace: a server that answers, but not us, is of no use. */
  private async ask(): Promise<void> {
    const { client } = this.cluster;
    const controller = new AbortController();
    const cancel = this.clock.after(PROBE_MS, () => controller.abort(new OrcoError("unavailable", `no answer within ${PROBE_MS} ms`)));
    try {
      await client.json({ path: this.cluster.path("jobs"), query: { limit: "1" }, signal: controller.signal });
    } catch (error) {
      const { server } = client.access;
      const refused = error instanceof OrcoError && error.code !== "unavailable";
      client.missed(refused ? error : new OrcoError("unavailable", `the Kubernetes API server ${server}: ${messageOf(error)}`));
    } finally {
      cancel();
    }
  }
}
