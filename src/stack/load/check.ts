import { findCycle, formatCycle } from "../../kernel/graph.ts";
import type { Dependency } from "../spec.ts";
import { MAX_INSTANCES } from "./limits.ts";
import { nearest } from "../../kernel/nearest.ts";
import { checkPorts } from "./check-ports.ts";
import { checkOwnPorts } from "./own-port.ts";
import { checkProbePorts } from "./probe-ports.ts";
import type { Finding, Report } from "./report.ts";
import type { Resolved } from "./resolved.ts";
import { checkScheduled } from "./schedule.ts";
import { checkSharedData } from "./shared-data.ts";
import { type Node, nodeAt, type Path, type Span } from "./source.ts";

export type Services = ReadonlyMap<string, Resolved>;

/** What services mean to each other: dependencies, shared ports, how many instances they make together. */
export function checkTogether(all: Services, report: Report): void {
  const active = new Map([...all].filter(([, service]) => service.leftOut === undefined));
  for (const service of active.values()) checkDependencies(service, all, report);
  checkCycle(active, report);
  checkPorts(active, report);
  checkInstances(active, report);
  checkProbePorts(active.values(), report);
  checkOwnPorts(active.values(), report);
  checkScheduled(active, report);
  checkSharedData(active.values(), report);
}

function checkDependencies(service: Resolved, all: Services, report: Report): void {
  const seen = new Set<string>();
  service.spec.dependsOn.forEach((dependency, index) => {
    const place = dependencyPlace(service, dependency.target, index);
    const problem =
      dependencyProblem(service, dependency, all) ??
      (seen.has(dependency.target) ? { message: `depends on ${dependency.target} twice` } : undefined);
    seen.add(dependency.target);
    if (problem && dependency.target !== "") report.add([...service.path, ...place.path], place.span, problem);
  });
}

function dependencyProblem({ spec }: Resolved, { target, require }: Dependency, all: Services): Finding | undefined {
  const other = all.get(target);
  if (target === spec.name) return { message: `${target} depends on itself` };
  if (!other) {
    const meant = nearest(
      target,
      [...all.keys()].filter((name) => name !== spec.name),
    );
    return {
      message: `${spec.name} depends on ${target}, which is no service of this stack`,
      hint: meant === undefined ? undefined : `did you mean "${meant}"?`,
    };
  }
  if (other.leftOut !== undefined)
    return {
      message: `${spec.name} depends on ${target}, which is left out: ${other.leftOut}`,
      hint: `activate ${target}, or leave ${spec.name} out as well`,
    };
  if (require !== "completed" || other.spec.restartPolicy.condition !== "always") return undefined;
  return {
    message: `${spec.name} waits for ${target} to complete, but ${target} is started again whenever it ends (restartPolicy.condition: always)`,
    hint: `give ${target} restartPolicy.condition: never or on-failure, or require: ready`,
  };
}

/** Looked up by name: items that could not be read are missing in the spec. */
function dependencyPlace({ node }: Resolved, target: string, index: number): { path: Path; span: Span } {
  const list = nodeAt(node, ["dependsOn"]);
  const items = list.kind === "list" ? list.items : [];
  const matching = items.map((item, at) => ({ at, span: targetOf(item) })).filter(({ span }) => span?.text === target);
  const { at, span } = matching.find((one) => one.at === index) ?? matching.at(-1) ?? { at: index, span: undefined };
  return { path: ["dependsOn", at, ...(items[at]?.kind === "map" ? ["target"] : [])], span: span ?? list };
}

function targetOf(item: Node): ({ text: string } & Span) | undefined {
  const scalar = item.kind === "map" ? item.entries.get("target")?.value : item;
  return scalar?.kind === "scalar" ? scalar : undefined;
}

function checkCycle(active: Services, report: Report): void {
  const edges = [...active.values()].flatMap(({ spec }) =>
    spec.dependsOn.map(({ target, require }) => ({ from: spec.name, to: target, require })),
  );
  const cycle = findCycle({ nodes: [...active.keys()], edges: edges.filter((edge) => edge.from !== edge.to) });
  const [first, second] = cycle ?? [];
  const service = first === undefined ? undefined : active.get(first);
  if (!cycle || !service || second === undefined) return;
  const index = service.spec.dependsOn.findIndex(({ target }) => target === second);
  const place = dependencyPlace(service, second, index);
  report.add([...service.path, ...place.path], place.span, {
    message: `dependency cycle: ${formatCycle(cycle)}`,
    hint: "a service cannot wait for one that waits for it",
  });
}

function checkInstances(active: Services, report: Report): void {
  let total = 0;
  for (const service of active.values()) {
    total += service.spec.replicas;
    if (total <= MAX_INSTANCES) continue;
    const message = `more than ${MAX_INSTANCES} instances together (MAX_INSTANCES)`;
    report.add([...service.path, "replicas"], nodeAt(service.node, ["replicas"]), { message });
    return;
  }
}
