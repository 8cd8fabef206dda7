import type { FailingStep } from "../finding.ts";

/** Steps of BuildKit that are remembered; a Dockerfile has some dozens. */
const MAX_VERTICES = 2000;
const MAX_INSTRUCTION_CHARS = 1000;

/** `Step 4/9 : RUN …`; podman's is `[1/2] STEP 4/9: RUN …`. */
const STEP = /^(?:\[\d+\/\d+\] )?step (\d{1,4})\/(\d{1,4}) ?: (.*)$/i;
const BUILT = /^(?:Successfully (?:built|tagged) |COMMIT )/;
const VERTEX = /^#(\d{1,6}) \[(?:[a-z0-9]+\/[a-z0-9/]+(?:->[a-z0-9/]+)? )?(?:([A-Za-z0-9_.-]+) )?(\d{1,4})\/(\d{1,4})\] (.*)$/;
const VERTEX_ERROR = /^#(\d{1,6}) ERROR: /;
const SUMMARY = /^ ?> \[(?:[a-z0-9]+\/[a-z0-9/]+(?:->[a-z0-9/]+)? )?(?:([A-Za-z0-9_.-]+) )?(\d{1,4})\/(\d{1,4})\] (.*?):?$/;
/** `failed to solve: process "/bin/sh -c make" did not complete successfully`, and of older ones `executor failed running [/bin/sh -c make]`. */
const SOLVE = /(?:process "\/bin\/sh -c (.*)" did not complete|executor failed running \[\/bin\/sh -c (.*)\])/;
/** The line of the Dockerfile that is marked in the frame around it. */
const FRAME = /^ *\d{1,6} \| >>> (.*)$/;
/** A stage without a name. */
const NAMELESS = /^stage-\d+$/;

/** Where a build failed, and how much of it there is. */
export interface BuildPlace extends FailingStep {
  /** Steps in all, counted as `step` is. */
  readonly of?: number;
}

/**
 * Finds the instruction that failed in the output of the classic builder, BuildKit or podman, line by line as seen: with their prefixes.
 * BuildKit says it up to four times; what names the stage counts most.
 */
export class FailingStepReader {
  private readonly vertices = new Map<string, BuildPlace>();
  private classic: BuildPlace | undefined;
  private summary: BuildPlace | undefined;
  private vertex: BuildPlace | undefined;
  private marked: string | undefined;

  readonly take = (seen: string): void => {
    this.takeClassic(seen);
    const [, number, stage, step, of, text] = VERTEX.exec(seen) ?? [];
    if (number !== undefined) this.remember(number, placeOf({ stage, step, of, text }));
    const failed = VERTEX_ERROR.exec(seen)?.[1];
    if (failed !== undefined) this.vertex ??= this.vertices.get(failed);
    const [whole, inStage, at, all, said] = SUMMARY.exec(seen) ?? [];
    if (whole !== undefined) this.summary = placeOf({ stage: inStage, step: at, of: all, text: said });
    const [, process, executor] = SOLVE.exec(seen) ?? [];
    const shell = process ?? executor;
    if (shell !== undefined) this.marked ??= `RUN ${shell}`.slice(0, MAX_INSTRUCTION_CHARS);
    const framed = FRAME.exec(seen)?.[1];
    if (framed !== undefined) this.marked = framed.trim().slice(0, MAX_INSTRUCTION_CHARS);
  };

  /** Of the classic builder: the last step that began, where the build did not get to its end. */
  get found(): BuildPlace | undefined {
    return this.summary ?? this.vertex ?? this.classic ?? (this.marked === undefined ? undefined : { instruction: this.marked });
  }

  private takeClassic(seen: string): void {
    const [, step, of, text] = STEP.exec(seen) ?? [];
    if (step !== undefined) this.classic = placeOf({ step, of, text });
    else if (BUILT.test(seen)) this.classic = undefined;
  }

  private remember(number: string, place: BuildPlace): void {
    if (this.vertices.size < MAX_VERTICES) this.vertices.set(number, place);
  }
}

type Words = { readonly [Key in "stage" | "step" | "of" | "text"]?: string | undefined };

function placeOf({ stage, step, of, text = "" }: Words): BuildPlace {
  const named = stage !== undefined && !NAMELESS.test(stage);
  return {
    instruction: text.trim().slice(0, MAX_INSTRUCTION_CHARS),
    ...(named && { stage }),
    step: Number(step),
    of: Number(of),
  };
}
