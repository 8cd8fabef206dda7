import { alignRows } from "../terminal/table.ts";
import { HELP } from "./help.ts";
import { servicesOf, type Overlay, type State } from "./state.ts";

export function overlayTitle({ stack }: State, { graph }: Overlay): string {
  return graph ? `${stack}: who waits for whom (Esc: back)` : "keys (Esc: back)";
}

/** All of its lines, in sight or not. */
export function overlayText(state: State, { graph }: Overlay): readonly string[] {
  return graph ? graphLines(state, graph) : HELP;
}

/** A line a service, those first that wait for nobody: however deep the graph, it is no wider than its longest list. */
function graphLines(state: State, { nodes, edges }: NonNullable<Overlay["graph"]>): string[] {
  const needs = Map.groupBy(edges, (edge) => edge.from);
  const now = new Map(servicesOf(state).map((one) => [one.service, one.ready ? "ready" : one.state]));
  const rows = nodes
    .toSorted((a, b) => a.layer - b.layer)
    .map(({ service, layer }) => [
      String(layer),
      service,
      now.get(service) ?? "-",
      (needs.get(service) ?? []).map(({ to, require }) => `${to} (${require})`).join(", "),
    ]);
  return alignRows([["LAYER", "SERVICE", "NOW", "WAITS FOR"], ...rows]).split("\n");
}
