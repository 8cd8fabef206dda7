import type { Client } from "../client/client.ts";
import { messageOf } from "../kernel/errors.ts";
import type { Command } from "./command.ts";

export type Act = Extract<Command, { kind: "act" }>;

export interface ActionPorts {
  readonly client: Client;
  readonly stack: string;
  readonly signal: AbortSignal;
  readonly say: (text: string, tone: "info" | "error") => void;
  readonly asked: (service: string, replicas: number) => void;
  /** The last that was asked for of a service is over. */
  readonly answered: (service: string, done: boolean) => void;
}

/** Somebody leans on a key. */
const MOST_WAITING = 20;

/** Asks the daemon for changes, one after the other, in the order of the keys. What becomes of each is said. */
export class Actions {
  private sending: Promise<void> = Promise.resolve();
  private waiting = 0;
  /** By service, the last number of replicas that was asked for. */
  private readonly latest = new Map<string, Act>();

  constructor(private readonly ports: ActionPorts) {}

  perform(act: Act): void {
    const { say, asked } = this.ports;
    if (this.waiting >= MOST_WAITING) return say(`${wordsOf(act)}: ${MOST_WAITING} changes wait already`, "error");
    this.waiting++;
    if (act.replicas !== undefined) {
      this.latest.set(act.service, act);
      asked(act.service, act.replicas);
    }
    say(`${wordsOf(act)} …`, "info");
    this.sending = this.sending.then(() => this.send(act));
  }

  /** Never rejects. */
  private async send(act: Act): Promise<void> {
    const { client, stack, signal } = this.ports;
    const { action, service, replicas } = act;
    const settled = client
      .act({ stack, service, action, ...(replicas !== undefined && { replicas }) }, { signal })
      .then((run) => ({ run }))
      .catch((error: unknown) => ({ error }));
    const admitted = await settled;
    this.waiting--;
    if ("error" in admitted) this.over(act, messageOf(admitted.error));
    else void this.watch(act, admitted.run.id);
  }

  private async watch(act: Act, run: string): Promise<void> {
    const { client, signal } = this.ports;
    try {
      const ended = await client.waitRun(run, { signal });
      this.over(act, ended.status === "completed" ? undefined : (ended.error?.message ?? `it was ${ended.status}`));
    } catch (error) {
      this.over(act, messageOf(error));
    }
  }

  private over(act: Act, problem: string | undefined): void {
    const { say, answered, signal } = this.ports;
    if (signal.aborted) return;
    if (this.latest.get(act.service) === act) {
      this.latest.delete(act.service);
      answered(act.service, problem === undefined);
    }
    if (problem === undefined) say(`${wordsOf(act)}: done`, "info");
    else say(`${wordsOf(act)}: ${problem}`, "error");
  }
}

function wordsOf({ action, service, replicas }: Act): string {
  return replicas === undefined ? `${action} ${service}` : `${action} ${service} to ${replicas}`;
}
