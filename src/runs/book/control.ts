import { canonical } from "../../kernel/canonical.ts";
import { OrcoError } from "../../kernel/errors.ts";
import type { Json, JsonObject } from "../../kernel/event.ts";
import type { Approval } from "../../workflow/define.ts";
import { type Decision, stepToDecide, verdict } from "../../workflow/approval.ts";
import type { RunRecord, StepState } from "../record.ts";
import { MAX_OBJECT_BYTES } from "../request.ts";
import { dispatchDelete } from "../store.ts";
import type { Desk } from "./desk.ts";
import type { Draft } from "./draft.ts";
import { assertOpen, endRun, hasEnded, isHeld, isRemote, moveRun } from "./moves.ts";
import { changeFromOutside } from "./step-moves.ts";

/** Names of signals that a run may be sent. */
const MAX_SIGNALS = 64;
const MAX_NAME = 200;

/** What people do to a run. Each throws `not_found`, and `conflict` (facts: from, to) once the run has ended. */
export class Control {
  constructor(private readonly desk: Desk) {}

  /**
   * Resolves when it has ended: at once when nobody executes it or a worker elsewhere does, else when its steps have. One that is canceled already
   * is what was asked for. `force`: its steps get no grace.
   */
  async cancel(
    id: string,
    { force = false, reason = "canceled by request" }: { force?: boolean; reason?: string } = {},
  ): Promise<RunRecord> {
    const live = await this.desk.runs.change(id, (draft, live) => {
      const { run } = draft;
      if (run.status === "canceled") return live;
      assertOpen(run, "canceled");
      draft.outside = true;
      const isDriven = isHeld(run) && !isRemote(run) && (!force || live.isListenedTo);
      if (isDriven) this.intend(draft, { reason, force });
      else endRun(draft, { status: "canceled", reason });
      return live;
    });
    const run = hasEnded(live.run) ? live.run : await live.ended.promise;
    if (run.status !== "canceled") assertOpen(run, "canceled");
    return run;
  }

  /** Steps under way go on; no other begins. One that is paused already stays so. */
  async pause(id: string): Promise<RunRecord> {
    return this.desk.runs.change(id, (draft) => {
      assertOpen(draft.run, "paused");
      if (draft.run.cancelling) throw new OrcoError("conflict", `run ${id} is ending`, { run: id, from: draft.run.status, to: "paused" });
      if (draft.run.status === "paused") return draft.run;
      draft.outside = true;
      if (draft.run.dispatch > 0 && !isHeld(draft.run)) draft.write(dispatchDelete(id));
      moveRun(draft, "pause", { reason: "paused by request" });
      return draft.run;
    });
  }

  async resume(id: string): Promise<RunRecord> {
    return this.desk.runs.change(id, (draft) => {
      assertOpen(draft.run, "running");
      if (draft.run.status !== "paused") return draft.run;
      draft.outside = true;
      moveRun(draft, isHeld(draft.run) ? "resume" : "unpause", { reason: "resumed by request" });
      return draft.run;
    });
  }

  /** Answers every step that waits for it, now or later. The same once more is taken; other data for the same name is `conflict`. `too_large`. */
  async signal(id: string, name: string, data: Json): Promise<RunRecord> {
    assertSignal(name, data);
    return this.desk.runs.change(id, (draft) => {
      assertOpen(draft.run, "running");
      if (wasSent(draft, name, data)) return draft.run;
      draft.setSignal(name, data);
      draft.outside = true;
      draft.tell("run.signal", { name, message: `signal ${name} was sent` });
      for (const { id: step, status, waiting } of draft.steps())
        if (status === "waiting" && waiting?.kind === "wait" && waiting.signal === name)
          changeFromOutside(draft, { step, event: "finish", set: { outputs: { data } } });
      return draft.run;
    });
  }

  /** `approval_not_applicable` (nothing waits, or it was decided), `approval_void` (facts: content_hash), `forbidden` (facts: roles), `invalid` (facts: steps). */
  async decide(id: string, decision: Decision): Promise<RunRecord> {
    return this.desk.runs.change(id, (draft) => {
      const open = !hasEnded(draft.run) && !draft.run.cancelling;
      const waiting = open ? [...draft.steps()].filter(({ status }) => status === "waiting").map(waitRow) : [];
      const { name, waiting: wait } = stepToDecide(id, waiting, decision);
      const { step: _, content_hash: __, ...given } = decision;
      const approval: Approval = { ...given, at: draft.context.now, content_hash: wait?.contentHash ?? "" };
      const { event, change } = verdict(approval, wait?.contentHash ?? "", { run: id, step: name });
      const { error, detail } = change;
      const outputs = { ...approval, at: new Date(approval.at).toISOString() } as unknown as JsonObject;
      const set = { outputs, ...(detail !== undefined && { message: detail }) };
      changeFromOutside(draft, { step: name, event: event === "finish" ? "finish" : "fail", set, ...(error && { error }) });
      return draft.run;
    });
  }

  private intend(draft: Draft, cancelling: NonNullable<RunRecord["cancelling"]>): void {
    const { cancelling: before, kind, status } = draft.run;
    if (before && (before.force || !cancelling.force)) return;
    draft.setRun({ ...draft.run, cancelling: { reason: before?.reason ?? cancelling.reason, force: cancelling.force } });
    draft.tell("run.cancelling", { kind, status, reason: before?.reason ?? cancelling.reason, force: cancelling.force });
  }
}

function wasSent(draft: Draft, name: string, data: Json): boolean {
  const sent = draft.signal(name);
  if (sent && canonical(sent.data) === canonical(data)) return true;
  const { id, status } = draft.run;
  if (sent)
    throw new OrcoError("conflict", `run ${id} was sent ${name} already, with other data`, {
      run: id,
      signal: name,
      from: status,
      to: status,
    });
  if (draft.signalCount() >= MAX_SIGNALS)
    throw new OrcoError("too_large", `run ${id} was sent ${MAX_SIGNALS} signals already`, { run: id });
  return false;
}

function assertSignal(name: string, data: Json): void {
  if (name === "" || name.length > MAX_NAME) throw new OrcoError("invalid", `the name of a signal has 1 to ${MAX_NAME} characters`);
  const bytes = Buffer.byteLength(JSON.stringify(data));
  if (bytes > MAX_OBJECT_BYTES)
    throw new OrcoError("too_large", `the data of ${name} has ${bytes} bytes of JSON; ${MAX_OBJECT_BYTES} is the most`, {
      max_bytes: MAX_OBJECT_BYTES,
    });
}

/** As the other engine calls it, whose rules of approvals hold here too. */
function waitRow({ id, waiting }: StepState): Parameters<typeof stepToDecide>[1][number] {
  const { kind = "wait", ...wait } = waiting ?? { summary: "", since: 0 };
  return { name: id, status: "waiting", waiting: { ...wait, kind: kind === "approval" ? "approval" : "wait" } };
}
