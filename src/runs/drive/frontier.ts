import type { JsonObject } from "../../kernel/event.ts";
import { order } from "../../kernel/graph.ts";
import { graphOf } from "../plan-check.ts";
import type { Plan, PlanStep } from "../plan.ts";
import type { Snapshot } from "../ports.ts";
import { STEP, type StepState } from "../record.ts";
import type { Scope } from "../template.ts";
import { fillItems } from "./fill.ts";
import { Group, itemOf } from "./group.ts";
import { OutputSizes } from "./output-sizes.ts";
import { Timeline } from "./timeline.ts";

interface Node {
  readonly spec: PlanStep;
  readonly users: string[];
  /** Needs that have not ended. */
  missing: number;
  /** Why it will be skipped; known once its needs have ended. */
  skip?: string;
  /** The step whose failure made this one fail or be skipped. */
  cause?: string;
}

/**
 * A snapshot of a run with the indexes that a decision needs, so that it costs what it decides and not what the plan holds. Whoever changes a step says so by
 * `put`; nothing else changes it.
 */
export class Frontier {
  readonly steps = new Map<string, StepState>();
  /** Steps of the plan that have not ended. */
  readonly unended = new Set<string>();
  /** What may begin when there is room: steps, and `for_each` steps with items left. */
  readonly startable = new Set<string>();
  /** What needs no room: to be skipped, to wait for somebody, to be expanded. */
  readonly quick = new Set<string>();
  /** Executing, items too. */
  readonly open = new Set<string>();
  /** `for_each` steps whose items have all ended. */
  readonly closing = new Set<string>();
  readonly retries = new Timeline();
  readonly expiries = new Timeline();
  readonly outputs = new OutputSizes();
  /** A step has been stopped: the run is being ended. */
  stopped = false;
  private readonly nodes = new Map<string, Node>();
  private readonly groups = new Map<string, Group>();
  readonly plan: Plan;
  private readonly runId: string;
  readonly input: JsonObject;

  constructor({ run, input, plan, steps }: Snapshot) {
    this.plan = plan;
    this.runId = run.id;
    this.input = input;
    for (const spec of plan.steps) {
      this.nodes.set(spec.id, { spec, users: [], missing: spec.needs.length });
      this.unended.add(spec.id);
    }
    for (const { id, needs } of plan.steps) for (const need of needs) this.nodes.get(need)?.users.push(id);
    for (const [id, node] of this.nodes) if (node.missing === 0) this.becomeReady(id, node);
    if (steps.size === 0) return;
    // Causes are handed down from need to need, and items come after the step they are of.
    const sorted = order(graphOf(plan)).flatMap((id) => steps.get(id) ?? []);
    for (const state of sorted) this.put(state);
    for (const state of steps.values()) if (!this.nodes.has(state.id)) this.put(state);
  }

  put(next: StepState): void {
    const before = this.steps.get(next.id);
    this.steps.set(next.id, next);
    this.outputs.put(before, next);
    this.forget(before);
    if (next.status === "running" || next.status === "cancelling") this.open.add(next.id);
    if (next.status === "cancelling" || next.status === "canceled") this.stopped = true;
    if (next.waiting?.until !== undefined) this.retries.add(next.waiting.until, next.id);
    if (next.waiting?.expiresAt !== undefined) this.expiries.add(next.waiting.expiresAt, next.id);
    const node = this.nodes.get(next.id);
    if (node) this.putStep(node, before, next);
    else this.putItem(before, next);
  }

  /** What is to be executed; of an item that of its `for_each`. */
  spec(id: string): PlanStep | undefined {
    return this.nodes.get(id)?.spec ?? this.nodes.get(itemOf(id)?.parent ?? "")?.spec;
  }

  /** Of a step in `quick`: why it is skipped, if it is. */
  skipReason(id: string): string | undefined {
    return this.nodes.get(id)?.skip;
  }

  group(id: string): Group | undefined {
    return this.groups.get(id);
  }

  /** What references in a step stand for. */
  scope(id: string): Scope {
    const { parent, index } = itemOf(id) ?? { parent: id, index: 0 };
    const value = this.groups.get(parent)?.items[index];
    const outputs = (step: string): JsonObject | undefined => this.steps.get(step)?.outputs;
    return { run: { id: this.runId }, input: this.input, outputs, ...(value !== undefined && { item: { value, index } }) };
  }

  private forget(before: StepState | undefined): void {
    if (!before) return;
    this.open.delete(before.id);
    if (before.waiting?.until !== undefined) this.retries.remove(before.waiting.until, before.id);
    if (before.waiting?.expiresAt !== undefined) this.expiries.remove(before.waiting.expiresAt, before.id);
  }

  private putStep(node: Node, before: StepState | undefined, { id, status, waiting }: StepState): void {
    if (status === "pending") return;
    if (status === "waiting" && waiting?.kind === "for_each") {
      this.quick.delete(id);
      this.expand(id, node.spec);
      return;
    }
    this.startable.delete(id);
    this.quick.delete(id);
    if (!STEP.isFinal(status) || (before && STEP.isFinal(before.status))) return;
    this.unended.delete(id);
    this.closing.delete(id);
    this.groups.delete(id);
    const cause = status === "failed" ? id : status === "skipped" ? this.causeAmong(node.spec.needs) : undefined;
    if (cause !== undefined) node.cause = cause;
    for (const user of node.users) this.needEnded(user);
  }

  private expand(id: string, spec: PlanStep): void {
    if (this.groups.has(id)) return;
    const group = new Group(spec, fillItems(spec, this.scope(id)));
    this.groups.set(id, group);
    this.regroup(id, group);
  }

  private putItem(before: StepState | undefined, next: StepState): void {
    const { parent, index } = itemOf(next.id) ?? { parent: "", index: 0 };
    const group = this.groups.get(parent);
    if (!group) return;
    group.put(index, before, next);
    this.regroup(parent, group);
  }

  private regroup(id: string, group: Group): void {
    if (group.hasRoom) this.startable.add(id);
    else this.startable.delete(id);
    if (group.isDone) this.closing.add(id);
  }

  private needEnded(user: string): void {
    const node = this.nodes.get(user);
    if (!node) return;
    node.missing -= 1;
    if (node.missing === 0 && (this.steps.get(user)?.status ?? "pending") === "pending") this.becomeReady(user, node);
  }

  private becomeReady(id: string, node: Node): void {
    const skip = this.whyNot(node.spec);
    if (skip !== undefined) node.skip = skip;
    const executes = node.spec.approval === undefined && node.spec.wait_for === undefined && node.spec.for_each === undefined;
    if (skip === undefined && executes) this.startable.add(id);
    else this.quick.add(id);
  }

  /** What its `when` says, now that all it needs has ended. */
  private whyNot({ when, needs }: PlanStep): string | undefined {
    if (when === "always") return undefined;
    const cause = this.causeAmong(needs);
    if (when === "failure") return cause === undefined ? "nothing that it needs has failed" : undefined;
    const need = needs.find((one) => this.steps.get(one)?.status !== "completed");
    if (need === undefined) return undefined;
    const how =
      this.steps.get(need)?.status === "failed" ? "failed" : cause === undefined ? "was skipped" : `was skipped because ${cause} failed`;
    return `it needs ${need}, which ${how}`;
  }

  private causeAmong(needs: readonly string[]): string | undefined {
    for (const need of needs) {
      const cause = this.nodes.get(need)?.cause;
      if (cause !== undefined) return cause;
    }
    return undefined;
  }
}
