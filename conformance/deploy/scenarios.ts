import type { Scenario } from "./scenario.ts";
import { ANSWERS } from "./scenarios/answers.ts";
import { PROCESSES } from "./scenarios/processes.ts";
import { ROLLBACK } from "./scenarios/rollback.ts";
import { SWAP } from "./scenarios/swap.ts";
import { TRAFFIC } from "./scenarios/traffic.ts";

/** 1 to 8 as the document numbers them, then ours. */
export const SCENARIOS: readonly Scenario[] = [...SWAP, ...PROCESSES, ...TRAFFIC, ...ROLLBACK, ...ANSWERS].toSorted((a, b) => a.id - b.id);
