import type { RepairClient } from "../client/repair.ts";
import type { EventView } from "../client/wire.ts";
import { type ErrorCode, OrcoError } from "../kernel/errors.ts";
import type { RunDetail } from "../repair/view.ts";
import { oneLine, sanitizeText } from "../terminal/sanitize.ts";
import { clockTime } from "../terminal/clock-time.ts";
import { sayAway } from "./away.ts";
import type { Context } from "./context.ts";
import { runFailed } from "./exit.ts";
import { type Following, follow } from "./follow.ts";
import { sayWhyQueued } from "./repair-queued.ts";
import { approvalLines, decideText, planLines, stepLine, targetText } from "./repair-text.ts";

/** Failures before anything was changed whose codes say more than that it failed. */
const SAYS_MORE: ReadonlySet<string> = new Set(["dirty_target", "plan_outdated", "conflict", "busy", "timeout"]);

/**
 * Shows a repair until it has ended: its steps, the patch, what the build says. Asks nothing; where it waits for an approval it says how to give it, and goes
 * on. Resolves with 0 when it succeeded; throws (exit 1, or that of the code) when not. Ctrl-C leaves it running.
 */
export async function followRepair(context: Context, client: RepairClient, id: string): Promise<number> {
  const goesOn = `repair ${id} goes on; watch it: orco repair watch ${id}, cancel it: orco repair cancel ${id}`;
  return follow(context, goesOn, async ({ signal, silent }) => {
    if (!silent) context.note(`repair ${id}`);
    await shownWhole(context, { client, id, signal, silent });
    signal.throwIfAborted();
    const run = await client.get(id);
    if (context.global.json) context.io.out(`${JSON.stringify(run)}\n`);
    succeeded(run);
    if (!silent) context.io.out(`${endText(run)}\n`);
  });
}

interface Watched extends Following {
  readonly client: RepairClient;
  readonly id: string;
}

/** Resolves at its end. */
async function shownWhole(context: Context, { client, id, signal, silent }: Watched): Promise<void> {
  const shown = new Shown(context, client, id);
  const begins = silent ? undefined : sayWhyQueued(client, id, (text) => context.io.out(`${text}\n`));
  try {
    for await (const event of client.events(id, { signal, ...(!silent && sayAway(context)) })) {
      if (event.type === "repair.step") begins?.();
      if (!silent) await shown.event(event);
    }
  } finally {
    begins?.();
  }
}

/** What has been shown of one repair. */
class Shown {
  /** When each step began. */
  private readonly began = new Map<string, number>();
  private planHash: string | null = null;
  /** Asked for, while analyze still says its last words; `shown`: how to decide it has been said. */
  private approval: "none" | "asked" | "shown" = "none";

  constructor(
    private readonly context: Context,
    private readonly client: RepairClient,
    private readonly id: string,
  ) {}

  async event(event: EventView): Promise<void> {
    const { step, status, message } = event as Readonly<Record<string, unknown>>;
    if (event.type === "repair.output" && typeof message === "string") return this.output(step, message);
    if (typeof status !== "string") return;
    if (event.type === "repair.step" && typeof step === "string") return this.step(event, step, status);
    if (event.type === "repair.status") return this.status(event, status);
  }

  private async step(event: EventView, name: string, status: string): Promise<void> {
    const now = Date.parse(event.ts);
    const began = this.began.get(name);
    if (status === "in_progress" && began === undefined) this.began.set(name, now);
    const hasEnded = status === "succeeded" || status === "failed";
    if (hasEnded) this.began.delete(name);
    if (name === "analyze" && status === "succeeded") await this.plan();
    const { attempt, message } = event as { readonly attempt?: unknown; readonly message?: unknown };
    const line = stepLine({
      name,
      status,
      ts: event.ts,
      attempt: typeof attempt === "number" ? attempt : 1,
      message: typeof message === "string" ? message : "",
      ...(hasEnded && began !== undefined && { tookMs: Math.max(0, now - began) }),
    });
    this.say(line);
    if (name === "analyze" && hasEnded && this.approval === "asked") await this.waits(event);
  }

  private async status(event: EventView, status: string): Promise<void> {
    if (status === "awaiting_approval") {
      this.approval = "asked";
      if (!this.began.has("analyze")) await this.waits(event);
    } else if (status === "running" && this.approval !== "none") {
      if (this.approval === "shown") this.say(`${clockTime(event.ts)} approved`);
      this.approval = "none";
    }
  }

  /** Each line behind the step that says it. */
  private output(step: unknown, message: string): void {
    const prefix = `         ${typeof step === "string" ? oneLine(step) : ""} | `;
    const lines = sanitizeText(message, this.context.io)
      .split("\n")
      .filter((line) => line.trim() !== "");
    if (lines.length > 0) this.say(lines.map((line) => prefix + line).join("\n"));
  }

  /** The fault and the patch, once for each plan. */
  private async plan(): Promise<void> {
    const run = await this.detail();
    if (!run || run.plan_hash === this.planHash) return;
    this.planHash = run.plan_hash;
    const lines = planLines(run, this.context.io);
    if (lines.length > 0) this.say(lines.join("\n"));
  }

  private async waits({ ts }: EventView): Promise<void> {
    await this.plan();
    const run = await this.detail();
    // It may have been decided since, where the backlog is read.
    if (run?.approval.status !== "awaiting") return;
    this.approval = "shown";
    this.say(
      [`${clockTime(ts)} waits for an approval`, ...approvalLines(run), `  decide it: ${decideText(run)}; Ctrl-C leaves it waiting`].join(
        "\n",
      ),
    );
  }

  /** Undefined while the daemon is away: the events tell the rest. */
  private async detail(): Promise<RunDetail | undefined> {
    try {
      return await this.client.get(this.id);
    } catch (error) {
      if (error instanceof OrcoError && (error.code === "unreachable" || error.code === "unavailable")) return undefined;
      throw error;
    }
  }

  private say(text: string): void {
    this.context.io.out(`${text}\n`);
  }
}

function endText(run: RunDetail): string {
  if (run.dry_run) return `dry run: nothing was changed; the patch: orco repair artifacts ${run.run_id} patch.diff`;
  const verified = run.steps.find(({ name }) => name === "verify")?.message;
  return `${targetText(run)} is healthy${verified ? `: ${oneLine(verified)}` : ""}`;
}

/** Throws what it came to, where that is not what was wanted. */
function succeeded(run: RunDetail): void {
  if (run.status === "succeeded") return;
  const { error, run_id: id } = run;
  const why = error?.message ?? "nobody said why";
  const next = `${AGAIN[error?.code ?? ""]?.(id) ?? ""}all of it: orco repair show ${id}; its logs: orco repair artifacts ${id}`;
  if (run.status === "failed" && error && SAYS_MORE.has(error.code)) throw new OrcoError(error.code as ErrorCode, why, { next });
  throw runFailed(`${targetText(run)} ${ENDS[run.status] ?? `is ${run.status}`}: ${why}`, { next });
}

/** What there is to do, where it is not what the message says anyway. */
const AGAIN: Readonly<Record<string, (id: string) => string>> = {
  plan_outdated: (id) => `nothing was changed; look anew: orco repair retry ${id} --from analyze\n      `,
  no_known_cause: () => `with more to go by: --logs FILE; with a patch of your own: --plan FILE\n      `,
};

const ENDS: Readonly<Record<string, string>> = {
  failed: "is not repaired, and nothing was changed",
  rolled_back: "is rolled back, and is as it was before",
  rollback_failed: "COULD NOT BE ROLLED BACK, and needs a person",
  rejected: "is not repaired: the plan was not approved",
  canceled: "is as it was before: the repair was canceled",
};
