import { messageOf } from "../kernel/errors.ts";
import type { Json } from "../kernel/event.ts";
import { findCycle, formatCycle, type Graph } from "../kernel/graph.ts";
import { didYouMean } from "../kernel/nearest.ts";
import { jsonPointer } from "../kernel/strict-json.ts";
import { ancestry } from "./plan-ancestry.ts";
import type { Plan, PlanStep } from "./plan.ts";
import { promiseTrouble } from "./plan-promises.ts";
import { type Reference, referencesIn, textsIn } from "./template.ts";

export interface Finding {
  /** From the plan: `/steps/3/needs/0`. */
  readonly pointer: string;
  readonly detail: string;
}

type Place = readonly (string | number)[];
type References = readonly Reference[];
/** How many ids a misspelt one is compared with. */
const MAX_COMPARED = 200;
/** How many steps of a cycle a message names. */
const MAX_NAMED = 20;

/** What the fields of a plan mean to each other, once each for itself is right. */
export function checkPlan(plan: Plan): { readonly findings: Finding[]; readonly cycle?: readonly string[] } {
  const indexes = new Map<string, number>();
  const findings: Finding[] = [];
  for (const [index, { id }] of plan.steps.entries()) {
    const first = indexes.get(id);
    if (first === undefined) indexes.set(id, index);
    else findings.push(at(["steps", index, "id"], `is the id of steps.${first} already: ${id}`));
  }
  for (const [index, step] of plan.steps.entries()) findings.push(...kindTrouble(step, index), ...needsTrouble(step, index, indexes));
  if (findings.length > 0) return { findings };
  const cycle = findCycle(graphOf(plan));
  if (cycle) {
    const shown = cycle.length > MAX_NAMED ? [...cycle.slice(0, MAX_NAMED - 1), "…", cycle.at(-1) ?? ""] : cycle;
    return {
      findings: [at(["steps", indexes.get(cycle[0] ?? "") ?? 0, "needs"], `form a dependency cycle: ${formatCycle(shown)}`)],
      cycle,
    };
  }
  return { findings: referenceTrouble(plan, indexes) };
}

/** Steps as nodes, in declared order. */
export function graphOf({ steps }: Plan): Graph {
  return { nodes: steps.map(({ id }) => id), edges: steps.flatMap(({ id, needs }) => needs.map((to) => ({ from: id, to }))) };
}

function at(place: Place, detail: string): Finding {
  return { pointer: jsonPointer(place), detail };
}

function kindTrouble(step: PlanStep, index: number): Finding[] {
  const here = ["steps", index] as const;
  const found: Finding[] = [];
  const kinds = [step.command ?? step.image, step.http, step.approval, step.wait_for].filter((kind) => kind !== undefined);
  if (kinds.length !== 1) found.push(at(here, "must have exactly one of command (or image), http, approval and wait_for"));
  const { for_each: each, http, approval, wait_for: wait } = step;
  if (each && (each.items === undefined) === (each.from === undefined))
    found.push(at([...here, "for_each"], "must have either items or from"));
  if (each && (approval ?? wait)) found.push(at([...here, "for_each"], "goes with command and http only"));
  if (approval && step.timeout_ms !== undefined) found.push(at([...here, "timeout_ms"], "is not for approvals: say approval.expires_ms"));
  if (http?.body !== undefined && ["GET", "HEAD"].includes(http.method))
    found.push(at([...here, "http", "body"], `does not go with ${http.method}`));
  return found;
}

function needsTrouble({ id, needs }: PlanStep, index: number, indexes: ReadonlyMap<string, number>): Finding[] {
  const seen = new Set<string>();
  return needs.flatMap((need, nth) => {
    const place: Place = ["steps", index, "needs", nth];
    const twice = seen.has(need);
    seen.add(need);
    if (need === id) return [at(place, `is the step itself: ${id}`)];
    if (!indexes.has(need)) return [at(place, `is no step of this plan: ${need}${meant(need, indexes)}`)];
    return twice ? [at(place, `is named twice: ${need}`)] : [];
  });
}

function meant(word: string, indexes: ReadonlyMap<string, number>): string {
  const hint = indexes.size > MAX_COMPARED ? undefined : didYouMean(word, indexes.keys());
  return hint === undefined ? "" : `; ${hint}`;
}

function referenceTrouble(plan: Plan, indexes: ReadonlyMap<string, number>): Finding[] {
  const isAncestor = ancestry(plan, indexes);
  const found: Finding[] = [];
  for (const [index, step] of plan.steps.entries()) {
    const needs = new Set(step.needs);
    for (const [place, text] of templatesOf(step)) {
      const look = (all: References) => (place[0] === "for_each" ? listTrouble(all, text) : itemsTrouble(all, step.for_each !== undefined));
      const trouble = textTrouble(text, (references) => look(references) ?? strangers(references, step.id, needs));
      if (trouble !== undefined) found.push(at(["steps", index, ...place], trouble));
    }
  }
  return found;

  function strangers(references: References, id: string, needs: ReadonlySet<string>): string | undefined {
    for (const reference of references) {
      if (reference.root !== "steps") continue;
      if (!indexes.has(reference.step)) return `${reference.text}: there is no step ${reference.step}${meant(reference.step, indexes)}`;
      if (!needs.has(reference.step) && !isAncestor(id, reference.step))
        return `${reference.text}: ${id} does not need ${reference.step}, so it may run before it`;
      const step = plan.steps[indexes.get(reference.step) ?? -1];
      const trouble = step && promiseTrouble(step, reference);
      if (trouble !== undefined) return trouble;
    }
    return undefined;
  }
}

/** Parsed once: a plan may hold half a million of them. */
function textTrouble(text: string, look: (references: References) => string | undefined): string | undefined {
  let references: Reference[];
  try {
    references = referencesIn(text);
  } catch (error) {
    return messageOf(error);
  }
  return look(references);
}

function listTrouble(references: References, text: string): string | undefined {
  const [only] = references;
  return references.length === 1 && only?.text === text ? itemTrouble(only, false) : "must be one reference to a list";
}

function itemsTrouble(references: References, hasItems: boolean): string | undefined {
  return references.map((reference) => itemTrouble(reference, hasItems)).find((trouble) => trouble !== undefined);
}

function itemTrouble({ root, text }: Reference, hasItems: boolean): string | undefined {
  return hasItems || (root !== "item" && root !== "index") ? undefined : `${text} is known only in the steps of a for_each`;
}

/** Every text of a step in which references stand, and where it is. */
function* templatesOf(step: PlanStep): Generator<readonly [Place, string]> {
  for (const [nth, word] of (step.command ?? []).entries()) yield [["command", nth], word];
  for (const [name, value] of Object.entries(step.env)) yield [["env", name], value];
  if (step.workdir !== undefined) yield [["workdir"], step.workdir];
  const { http, approval, for_each: each } = step;
  if (http) {
    yield [["http", "url"], http.url];
    for (const [name, value] of Object.entries(http.headers)) yield [["http", "headers", name], value];
    yield* textsAt(["http", "body"], http.body);
  }
  if (approval?.summary !== undefined) yield [["approval", "summary"], approval.summary];
  yield* textsAt(["approval", "content"], approval?.content);
  if (each?.from !== undefined) yield [["for_each", "from"], each.from];
}

function* textsAt(place: Place, value: Json | undefined): Generator<readonly [Place, string]> {
  if (value !== undefined) for (const text of textsIn(value)) yield [place, text];
}
