import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Random } from "./redis-random.ts";

/** A plan of the mixture, and what must have become of a run of it that nobody cancelled. */
export interface Sort {
  readonly name: string;
  readonly steps: readonly object[];
  readonly end: "completed" | "failed";
  /** Data of its checkpoints, in order. */
  readonly checkpoints: readonly number[];
  /** Outputs by step. */
  readonly outputs: Readonly<Record<string, object>>;
  /** How often its steps may have failed; of those that are not here, never. */
  readonly failures: Readonly<Record<string, readonly [least: number, most: number]>>;
}

/** What an execution wrote down by itself: `begin` and `end`, each with its step, its number and when. */
export interface Deed {
  readonly what: string;
  readonly step: string;
  readonly attempt: number;
  readonly at: number;
}

const DEED = `deed() { echo "$1 $ORCO_STEP_ID $ORCO_ATTEMPT $(date +%s%3N)" >>"$LEDGER/$ORCO_RUN_ID"; }`;
const CHECKPOINT = String.raw`echo "{\"type\":\"checkpoint\",\"data\":$at}"`;
const OUTPUT = String.raw`echo "{\"type\":\"output\",\"data\":{\"v\":$v}}"`;
const BACKOFF = { min_ms: 50, max_ms: 200, factor: 2 };

type Make = (random: Random) => Partial<Sort> & Pick<Sort, "name" | "steps">;

/** Plans whose steps write what they do into a file of their run in `ledger`. */
export class Mixture {
  constructor(private readonly ledger: string) {}

  pick(random: Random): Sort {
    const { steps, ...more } = random.of([one, chain, pages, pages, tries, fails, each])(random);
    const env = { LEDGER: this.ledger };
    return { end: "completed", checkpoints: [], outputs: {}, failures: {}, ...more, steps: steps.map((step) => ({ ...step, env })) };
  }

  deeds(run: string): Deed[] {
    const file = join(this.ledger, run);
    if (!existsSync(file)) return [];
    const lines = readFileSync(file, "utf8").split("\n").filter(Boolean);
    return lines.map((line) => {
      const [what = "", step = "", attempt, at] = line.split(" ");
      return { what, step, attempt: Number(attempt), at: Number(at) };
    });
  }
}

const one: Make = (random) => {
  const script = `sleep 0.${random.whole(0, 3)}; v=7; ${OUTPUT}`;
  return { name: "one", steps: [step("only", script)], outputs: { only: { v: 7 } } };
};

const chain: Make = (random) => {
  const n = random.whole(1, 1000);
  const next = (of: string): string => `v=$((\${steps.${of}.outputs.v} + 1)); sleep 0.1; ${OUTPUT}`;
  const steps = [
    step("a", `v=${n}; ${OUTPUT}`),
    step("b", next("a"), { needs: ["a"] }),
    step("c", next("b"), { needs: ["b"] }),
    step("d", next("a"), { needs: ["a"] }),
    step("last", "true", { needs: ["c", "d"] }),
  ];
  return { name: "chain", steps, outputs: { a: { v: n }, b: { v: n + 1 }, c: { v: n + 2 }, d: { v: n + 1 } } };
};

/** Long enough to be cancelled, or to lose its worker, in the middle. */
const pages: Make = (random) => {
  const last = random.whole(5, 40);
  const read = `at=0; [ -n "$ORCO_RESUME" ] && at=$(cat "$ORCO_RESUME"); while [ "$at" -lt ${last} ]; do at=$((at+1)); sleep 0.05; ${CHECKPOINT}; done`;
  return { name: "pages", steps: [step("read", read)], checkpoints: Array.from({ length: last }, (_, index) => index + 1) };
};

/** Fails twice, whoever executes it; an execution that was lost may have counted already. */
const tries: Make = () => {
  const script = `echo x >>"$LEDGER/$ORCO_RUN_ID.tries"; [ "$(wc -l <"$LEDGER/$ORCO_RUN_ID.tries")" -gt 2 ]`;
  const flaky = step("flaky", script, { retry: { max: 2, backoff: BACKOFF } });
  return { name: "tries", steps: [flaky, step("after", "true", { needs: ["flaky"] })], failures: { flaky: [0, 2] } };
};

const fails: Make = () => {
  const steps = [
    step("good", "true"),
    step("bad", "exit 3", { needs: ["good"], retry: { max: 1, backoff: BACKOFF } }),
    step("never", "true", { needs: ["bad"] }),
    step("tidy", "sleep 0.1", { needs: ["bad"], when: "failure" }),
  ];
  return { name: "fails", steps, end: "failed", failures: { bad: [2, 2] } };
};

const each: Make = (random) => {
  const items = Array.from({ length: random.whole(2, 5) }, (_, index) => index * 10);
  const all = step("each", `v=\${item}; sleep 0.1; ${OUTPUT}`, { for_each: { items, max_parallel: 2 } });
  const outputs = Object.fromEntries(items.map((v, index) => [`each[${index}]`, { v }]));
  return { name: "each", steps: [all, step("after", "true", { needs: ["each"] })], outputs };
};

function step(id: string, script: string, more: object = {}): object {
  return { id, command: ["/bin/sh", "-c", `${DEED}; deed begin; ( ${script} ) || exit $?; deed end`], ...more };
}
