import fc from "fast-check";
import { diffOfChanges } from "./patch/diff.ts";
import { isWhole, type Mood, type Service, SPOILT } from "./repair-engine.fake.ts";
import type { StepName } from "./record.ts";

/** rules: the catalogue finds it. mend, spoil, nothing: a plan of the operator that mends it, breaks it, or changes no file. */
export type How = "rules" | "mend" | "spoil" | "nothing";

export type Act =
  | {
      readonly do: "submit";
      readonly service: Service;
      readonly how: How;
      readonly priority: "normal" | "high";
      readonly dryRun: boolean;
      readonly propose: boolean;
    }
  | {
      readonly do: "decide";
      readonly run: number;
      readonly decision: "approve" | "reject";
      readonly who: "boss" | "requester";
      readonly hash: "none" | "right" | "wrong";
    }
  | { readonly do: "edit" | "break"; readonly service: Service }
  | { readonly do: "expire" | "crash" }
  | { readonly do: "cancel"; readonly run: number }
  | { readonly do: "retry"; readonly run: number; readonly from: StepName | undefined };

export interface Command {
  /** Turns that pass before it. */
  readonly wait: number;
  readonly act: Act;
}

/** What people and machines do to the repairs of one workspace. */
export interface Story {
  readonly commands: readonly Command[];
  /** By the number of the call to docker. */
  readonly moods: ReadonlyMap<number, Mood>;
  /** The number of the write at which each daemon dies: an even one before it is on disk, an odd one after. */
  readonly deaths: readonly number[];
}

const service = fc.constantFrom<Service[]>("api", "api", "gate");
const run = fc.nat(5);

const submit: fc.Arbitrary<Act> = fc.record({
  do: fc.constant("submit" as const),
  service,
  how: fc.constantFrom<How[]>("rules", "mend", "mend", "spoil", "nothing"),
  priority: fc.constantFrom("normal" as const, "high" as const),
  dryRun: fc.constantFrom(false, false, false, false, true),
  propose: fc.constantFrom(false, false, false, true),
});

const decide: fc.Arbitrary<Act> = fc.record({
  do: fc.constant("decide" as const),
  run,
  decision: fc.constantFrom("approve" as const, "approve" as const, "approve" as const, "reject" as const),
  who: fc.constantFrom("boss" as const, "boss" as const, "boss" as const, "requester" as const),
  hash: fc.constantFrom("none" as const, "right" as const, "wrong" as const),
});

const retry: fc.Arbitrary<Act> = fc.record({
  do: fc.constant("retry" as const),
  run,
  from: fc.constantFrom<(StepName | undefined)[]>(undefined, undefined, "analyze", "patch", "build"),
});

const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 6, arbitrary: submit },
  { weight: 8, arbitrary: decide },
  { weight: 2, arbitrary: retry },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("cancel" as const), run }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("edit" as const, "break" as const), service }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("expire" as const, "crash" as const, "crash" as const) }) },
);

const MOODS: readonly Mood[] = ["refuse", "refuse", "fail", "hang", "lose", "lose", "die", "die after"];

export const story: fc.Arbitrary<Story> = fc
  .record({
    first: fc.array(submit, { minLength: 1, maxLength: 4 }),
    rest: fc.array(fc.record({ wait: fc.oneof(fc.nat(3), fc.nat(60)), act }), { maxLength: 8 }),
    moods: fc.array(fc.tuple(fc.nat(60), fc.constantFrom(...MOODS)), { maxLength: 5 }),
    deaths: fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 3 }),
  })
  .map(({ first, rest, moods, deaths }) => ({
    commands: [...first.map((one) => ({ wait: 0, act: one })), ...rest],
    moods: new Map(moods),
    deaths,
  }));

/** Of an operator. */
export function planOf(service: Service, how: How, before: string): object {
  const after = { rules: before, nothing: before, spoil: `${before}${SPOILT}`, mend: mendedText(before) }[how];
  const diff = diffOfChanges([{ path: `${service}/Dockerfile`, before, after }]);
  const names = ["build", "restart", "verify"].map((name) => ({ name, parameters: {} }));
  return { steps: [...(diff === "" ? [] : [{ name: "patch", parameters: { diff } }]), ...names] };
}

function mendedText(text: string): string {
  const whole = text.replaceAll(SPOILT, "");
  if (isWhole(whole)) return `${whole}# once more\n`;
  return whole.replace("RUN chmod", "RUN sed -i 's/\\r$//' /start.sh\nRUN chmod");
}
