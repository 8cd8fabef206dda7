import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { SlotName } from "./contract.ts";
import type { Trace } from "./slot.ts";

export interface State {
  readonly live: SlotName | null;
  readonly previous: SlotName | null;
  readonly commits: Readonly<Partial<Record<SlotName, string>>>;
  readonly lastDeployTime: string | null;
  readonly traces: readonly Trace[];
}

const EMPTY: State = { live: null, previous: null, commits: {}, lastDeployTime: null, traces: [] };

export function loadState(home: string): State {
  try {
    return JSON.parse(readFileSync(join(home, "state.json"), "utf8")) as State;
  } catch {
    return EMPTY; // The first start.
  }
}

export function saveState(home: string, state: State): void {
  const path = join(home, "state.json");
  writeFileSync(`${path}.tmp`, JSON.stringify(state));
  renameSync(`${path}.tmp`, path);
}
