/** What the model test believes: how many replicas of which version of which service run once everything has come to rest. */

export interface ServiceModel {
  readonly wanted: "run" | "stop";
  readonly replicas: number;
  /** In its command: tells versions apart from outside. */
  readonly version: number;
}

type Declared = Pick<ServiceModel, "replicas" | "version">;

export interface World {
  /** What the file says. `scale` changes only the daemon's number; the next apply goes back to the file's. */
  readonly file: Readonly<Record<string, Declared>>;
  readonly running: Readonly<Record<string, ServiceModel>>;
}

export type Command =
  | { readonly do: "up" | "apply" | "kill daemon" | "stop daemon" }
  | { readonly do: "stop" | "start" | "restart" | "kill"; readonly service: string }
  | { readonly do: "scale" | "edit"; readonly service: string; readonly replicas: number };

/** Each with what it depends on. */
export const SERVICES: Readonly<Record<string, readonly string[]>> = { db: [], api: ["db"], web: ["api"], jobs: ["db"] };
const NAMES = Object.keys(SERVICES);
const MAX_REPLICAS = 3;

export function firstWorld(): World {
  const each = <T>(value: T): Record<string, T> => Object.fromEntries(NAMES.map((name) => [name, value]));
  return { file: each({ replicas: 1, version: 1 }), running: each({ wanted: "run", replicas: 1, version: 1 }) };
}

/** mulberry32: the same seed, the same walk. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const WEIGHTS: Readonly<Record<Command["do"], number>> = {
  up: 2,
  apply: 3,
  edit: 4,
  stop: 3,
  start: 3,
  restart: 3,
  scale: 3,
  kill: 4,
  "kill daemon": 2,
  "stop daemon": 1,
};

/** Below something that is stopped these have to wait, and would fail. */
const NEEDS_ALL_BELOW = new Set<Command["do"]>(["apply", "restart", "scale"]);

export function nextCommand(random: () => number, world: World): Command {
  const weights = Object.entries(WEIGHTS).filter(([name]) => !(hasGap(world) && NEEDS_ALL_BELOW.has(name as Command["do"])));
  let left = random() * weights.reduce((sum, [, weight]) => sum + weight, 0);
  const chosen = weights.find(([, weight]) => (left -= weight) < 0)?.[0] ?? "up";
  const service = NAMES[Math.floor(random() * NAMES.length)] as string;
  return { do: chosen, service, replicas: 1 + Math.floor(random() * MAX_REPLICAS) } as Command;
}

/** What should be so after the command. */
export function follow({ file, running }: World, command: Command): World {
  switch (command.do) {
    case "edit": {
      const version = (file[command.service]?.version ?? 0) + 1;
      return { running, file: { ...file, [command.service]: { replicas: command.replicas, version } } };
    }
    case "up":
    case "apply": {
      const moved = Object.entries(running).map(([name, now]) => [
        name,
        { ...now, ...file[name], ...(command.do === "up" && { wanted: "run" as const }) },
      ]);
      return { file, running: Object.fromEntries(moved) as World["running"] };
    }
    case "scale":
      return { file, running: change(running, command.service, { replicas: command.replicas, wanted: "run" }) };
    case "stop":
      return { file, running: change(running, command.service, { wanted: "stop" }) };
    case "start":
    case "restart":
      return { file, running: change(running, command.service, { wanted: "run" }) };
    case "kill":
    case "kill daemon":
    case "stop daemon":
      return { file, running };
  }
}

function change(running: World["running"], service: string, to: Partial<ServiceModel>): World["running"] {
  return { ...running, [service]: { ...(running[service] as ServiceModel), ...to } };
}

/** Something that should run stands on something that is stopped. */
function hasGap({ running }: World): boolean {
  return NAMES.some((name) => running[name]?.wanted === "run" && standsOnStopped(name, running));
}

/** Then it runs on if it ran, and waits if it has to start: both are right. */
export function standsOnStopped(service: string, running: World["running"]): boolean {
  return (SERVICES[service] ?? []).some((below) => running[below]?.wanted === "stop" || standsOnStopped(below, running));
}
