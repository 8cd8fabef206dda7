import type { Priority } from "../request.ts";
import type { Waiting } from "./waiting.ts";

/** How many tasks, and how long they say they are. */
export interface Lengths {
  readonly tasks: number;
  /** Sum over those that say. */
  readonly tokens: number;
  /** How many of `tasks` do not say. */
  readonly unsized: number;
}

/** What will start before a task, if nobody else comes. */
export type Ahead = Readonly<Record<Priority, Lengths>>;

/** A sum over tasks. */
export class Tally implements Lengths {
  tasks = 0;
  tokens = 0;
  unsized = 0;

  add({ tokens }: Waiting): void {
    this.tasks += 1;
    if (tokens === undefined) this.unsized += 1;
    else this.tokens += tokens;
  }

  subtract({ tokens }: Waiting): void {
    this.tasks -= 1;
    if (tokens === undefined) this.unsized -= 1;
    else this.tokens -= tokens;
  }

  addAll({ tasks, tokens, unsized }: Lengths): this {
    this.tasks += tasks;
    this.tokens += tokens;
    this.unsized += unsized;
    return this;
  }
}
