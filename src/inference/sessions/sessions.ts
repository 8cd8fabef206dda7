import type { Clock } from "../../kernel/clock.ts";
import { failure } from "../failure.ts";
import type { TaskRequest } from "../request.ts";
import type { SessionService } from "../service.ts";
import { Budget } from "./budget.ts";
import { Held, Warmth } from "./warmth.ts";
import { MAX_SESSION_ID_LENGTH, type SessionLimits, type SessionView } from "./session.ts";

const MAX_SESSIONS = 100_000;

export interface SessionsOptions {
  readonly clock: Pick<Clock, "monotonic">;
  /** Of a session that nobody gave one, ms. */
  readonly ttlMs: number;
  /** Of 1,000 tokens, in whatever `cost_budget` counts. */
  readonly pricePer1k?: number;
  readonly maxSessions?: number;
}

/** What a task has used. */
export interface SessionUse {
  /** Of the prompt and of the answer. */
  readonly tokens: number;
  /** From its dispatch to its end. */
  readonly ms: number;
  /** It had its first token, or its result: else its turn is given back. */
  readonly delivered: boolean;
  /** Which replica answered. */
  readonly replica?: string;
  /** As it was admitted: a session may have been deleted since then, and another have its name. */
  readonly task?: string;
}

interface Session {
  readonly budget: Budget;
  readonly held: Held;
  ttlMs: number;
  expiresAt: number;
  underWay: number;
  /** Ids of those under way. */
  readonly tasks: Set<string>;
}

/**
 * Conversations: their budgets, and where they are warm. In memory: a session lives for minutes, and an engine's cache dies with the engine. A turn counts at admission, in one go with the
 * question whether there is one left, so that two tasks at once never both have the last; tokens and time count at the end, and what runs already is not cut. One with tasks under way does not expire.
 */
export class Sessions implements SessionService {
  /** Least lately used first; those with tasks under way are in `busy`. */
  private readonly idle = new Map<string, Session>();
  private readonly busy = new Map<string, Session>();
  private readonly warmth = new Warmth();

  constructor(private readonly options: SessionsOptions) {}

  get(id: string): SessionView {
    return this.view(this.known(id));
  }

  /** ADMISSION_REJECT where no more sessions may be. */
  put(id: string, limits: SessionLimits): SessionView {
    const session = this.find(id) ?? this.create(id);
    session.ttlMs = limits.ttl_ms ?? session.ttlMs;
    session.budget.limit(limits);
    this.touch(id, session);
    return this.view(session);
  }

  remove(id: string): void {
    this.known(id);
    this.forget(id);
  }

  /** Takes a turn of it; one that is not known is made. ADMISSION_REJECT with `policy_label` session_turns, session_tokens, session_time or session_cost. */
  admit(id: string, request?: Pick<TaskRequest, "taskId">): void {
    const session = this.find(id) ?? this.create(id);
    session.budget.takeTurn(id);
    session.underWay += 1;
    if (request) session.tasks.add(request.taskId);
    this.touch(id, session);
  }

  /** Once for each task that was admitted. */
  ended(id: string, { tokens, ms, delivered, replica, task }: SessionUse): void {
    const session = this.busy.get(id);
    // Deleted meanwhile.
    if (!session || (task !== undefined && !session.tasks.delete(task))) return;
    session.underWay -= 1;
    if (delivered) session.budget.use({ tokens, ms, cost: (tokens / 1000) * (this.options.pricePer1k ?? 0) });
    else session.budget.giveBack();
    if (delivered && replica !== undefined) this.warmth.answered(session.held, replica, this.now());
    this.touch(id, session);
  }

  /** Whatever it held is cold now. `replica` as in `ended`. */
  replicaGone(replica: string): void {
    this.warmth.gone(replica);
  }

  private view({ budget, held, expiresAt, ttlMs, underWay }: Session): SessionView {
    const now = this.now();
    return {
      ttl_ms_remaining: underWay > 0 ? ttlMs : Math.max(0, Math.round(expiresAt - now)),
      kv_bytes: 0,
      kv_warmth: this.warmth.of(held, now),
      ...budget.view(),
    };
  }

  private known(id: string): Session {
    const session = this.find(id);
    if (!session) throw failure("NOT_FOUND", `there is no session ${id}: it has expired, or never was`);
    return session;
  }

  private find(id: string): Session | undefined {
    const session = this.busy.get(id) ?? this.idle.get(id);
    if (!session || session.underWay > 0 || session.expiresAt > this.now()) return session;
    this.forget(id);
    return undefined;
  }

  private create(id: string): Session {
    if (id.length === 0 || id.length > MAX_SESSION_ID_LENGTH)
      throw failure("INVALID_PARAMS", `a session id has 1 to ${MAX_SESSION_ID_LENGTH} characters, not ${id.length}`);
    this.makeRoom();
    const { ttlMs } = this.options;
    return { budget: new Budget(), held: new Held(), ttlMs, expiresAt: this.now() + ttlMs, underWay: 0, tasks: new Set() };
  }

  /** What has expired goes as others come: two for each at most, so that nobody pays for all. */
  private makeRoom(): void {
    for (const [id, { expiresAt }] of this.idle.entries().take(2)) if (expiresAt <= this.now()) this.idle.delete(id);
    if (this.idle.size + this.busy.size < (this.options.maxSessions ?? MAX_SESSIONS)) return;
    const [leastUsed] = this.idle.keys();
    if (leastUsed === undefined)
      throw failure(
        "ADMISSION_REJECT",
        `${this.busy.size} sessions have tasks under way, and no more may be; try again when some are done`,
        {
          policy_label: "sessions",
        },
      );
    this.idle.delete(leastUsed);
  }

  private touch(id: string, session: Session): void {
    session.expiresAt = this.now() + session.ttlMs;
    this.forget(id);
    (session.underWay > 0 ? this.busy : this.idle).set(id, session);
  }

  private forget(id: string): void {
    this.idle.delete(id);
    this.busy.delete(id);
  }

  private now(): number {
    return this.options.clock.monotonic();
  }
}
