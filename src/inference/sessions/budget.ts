import { failure } from "../failure.ts";
import type { SessionLimits, SessionView } from "./session.ts";

const MAX_TURNS = 8;

interface Use {
  readonly tokens: number;
  readonly ms: number;
  readonly cost: number;
}

/** What a session may use and has used. */
export class Budget {
  private limits: SessionLimits = {};
  private used: Use = { tokens: 0, ms: 0, cost: 0 };
  private turns = 0;

  /** What is absent stays as it is. */
  limit({ max_turns, tokens_budget, time_budget_ms, cost_budget }: SessionLimits): void {
    this.limits = {
      ...this.limits,
      ...(max_turns !== undefined && { max_turns }),
      ...(tokens_budget !== undefined && { tokens_budget }),
      ...(time_budget_ms !== undefined && { time_budget_ms }),
      ...(cost_budget !== undefined && { cost_budget }),
    };
  }

  /** ADMISSION_REJECT, naming what is used up. A budget counts as such when nothing is left: how much a task will take is not known before. */
  takeTurn(session: string): void {
    const { limits, used } = this;
    const maxTurns = limits.max_turns ?? MAX_TURNS;
    if (this.turns >= maxTurns) throw refusal(session, "session_turns", `its ${maxTurns} turns are taken`);
    if (isUsedUp(used.tokens, limits.tokens_budget))
      throw refusal(session, "session_tokens", `its ${limits.tokens_budget} tokens are used`);
    if (isUsedUp(used.ms, limits.time_budget_ms)) throw refusal(session, "session_time", `its ${limits.time_budget_ms} ms are used`);
    if (isUsedUp(used.cost, limits.cost_budget)) throw refusal(session, "session_cost", `its budget of ${limits.cost_budget} is spent`);
    this.turns += 1;
  }

  giveBack(): void {
    this.turns = Math.max(0, this.turns - 1);
  }

  use({ tokens, ms, cost }: Use): void {
    this.used = { tokens: this.used.tokens + tokens, ms: this.used.ms + ms, cost: this.used.cost + cost };
  }

  view(): Pick<SessionView, "turns" | "tokens_budget_remaining" | "time_budget_remaining_ms" | "cost_budget_remaining"> {
    const { limits, used, turns } = this;
    return {
      turns,
      tokens_budget_remaining: remaining(used.tokens, limits.tokens_budget),
      time_budget_remaining_ms: remaining(Math.round(used.ms), limits.time_budget_ms),
      cost_budget_remaining: remaining(used.cost, limits.cost_budget),
    };
  }
}

function isUsedUp(used: number, limit: number | undefined): boolean {
  return limit !== undefined && used >= limit;
}

function remaining(used: number, limit: number | undefined): number | null {
  return limit === undefined ? null : Math.max(0, limit - used);
}

function refusal(session: string, label: string, what: string): Error {
  return failure(
    "ADMISSION_REJECT",
    `the session ${session} may not go on: ${what}; begin another, or give it more (PUT /v2/sessions/{id})`,
    {
      retriable: false,
      policy_label: label,
    },
  );
}
