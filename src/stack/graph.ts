import { OrcoError } from "../kernel/errors.ts";
import { layers, type Graph } from "../kernel/graph.ts";
import { didYouMean } from "../kernel/nearest.ts";
import type { Requirement, ServiceSpec, StackSpec } from "./spec.ts";

/** A name from outside may be `constructor`. */
export function serviceOf(spec: StackSpec | undefined, name: string): ServiceSpec | undefined {
  return spec && Object.hasOwn(spec.services, name) ? spec.services[name] : undefined;
}

/** `not_found`, with the name that was meant or all there are. */
export function unknownService({ name, services }: StackSpec, service: string): OrcoError {
  const names = Object.keys(services);
  const hint = didYouMean(service, names);
  const there = hint === undefined ? "" : ` (${hint})`;
  return new OrcoError("not_found", `stack ${name} has no service ${service}${there}; it has ${names.join(", ")}`, {
    stack: name,
    service,
  });
}

/** The dependency graph of a spec: an edge points from the dependent to what it needs. */
export function graphOf(spec: StackSpec): Graph & Pick<GraphShape, "edges"> {
  const services = Object.values(spec.services);
  return {
    nodes: services.map(({ name }) => name),
    edges: services.flatMap(({ name, dependsOn }) => dependsOn.map(({ target, require }) => ({ from: name, to: target, require }))),
  };
}

export interface GraphShape {
  readonly nodes: readonly { readonly service: string; readonly layer: number }[];
  readonly edges: readonly { readonly from: string; readonly to: string; readonly require: Requirement }[];
}

export function graphShape(spec: StackSpec): GraphShape {
  const graph = graphOf(spec);
  return { nodes: layers(graph).flatMap((names, layer) => names.map((service) => ({ service, layer }))), edges: graph.edges };
}
