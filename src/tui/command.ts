import type { ServiceAction } from "../http/services.ts";
import { selectedIndex, servicesOf, type State } from "./state.ts";

/** What a key makes orco do beside the screen. */
export type Command =
  | { readonly kind: "quit" | "interrupt" | "suspend" | "redraw" | "graph" }
  | { readonly kind: "act"; readonly action: ServiceAction; readonly service: string; readonly replicas?: number }
  | { readonly kind: "refuse"; readonly why: string };

/** Of one service (stack.md, Limits). */
const MAX_REPLICAS = 100;

export function commandOf(state: State, key: string): Command | undefined {
  if (key === "ctrl-c") return { kind: "interrupt" };
  if (key === "ctrl-l") return { kind: "redraw" };
  if (key === "ctrl-z") return { kind: "suspend" };
  if (state.prompt) return undefined;
  if (key === "q") return { kind: "quit" };
  if (state.overlay) return key === "g" && !state.overlay.graph ? { kind: "graph" } : undefined;
  return key === "g" ? { kind: "graph" } : actionOf(state, key);
}

function actionOf(state: State, key: string): Command | undefined {
  const found = servicesOf(state)[selectedIndex(state)];
  if (!found) return undefined;
  const { service } = found;
  switch (key) {
    case "r":
      return { kind: "act", action: "restart", service };
    case "s":
      return { kind: "act", action: found.state === "Stopped" || found.state === "Failed" ? "start" : "stop", service };
    case "p":
      return { kind: "act", action: "promote", service };
    case "a":
      return { kind: "act", action: "abort", service };
    case "+":
    case "-":
      return scaled(service, (state.asked[service]?.replicas ?? found.replicas.desired) + (key === "+" ? 1 : -1));
    default:
      return undefined;
  }
}

function scaled(service: string, replicas: number): Command {
  if (replicas < 0) return { kind: "refuse", why: `${service} has no replicas already` };
  if (replicas > MAX_REPLICAS) return { kind: "refuse", why: `${service} cannot have more than ${MAX_REPLICAS} replicas` };
  return { kind: "act", action: "scale", service, replicas };
}
