import type { Engine } from "../../supervise/docker/engine.ts";
import type { ToolRun } from "../finding.ts";
import type { Distribution } from "../snapshot.ts";
import type { Copy, Work } from "../target.ts";
import { distributionIn } from "./distributions.ts";
import { runTool, type ToolResult } from "./tool-run.ts";

/** What an analysis asks of docker besides trial builds. */
export interface Tools {
  /** Undefined for an image that is not on this machine. */
  readonly distribution: (image: string, signal: AbortSignal) => Promise<Distribution | undefined>;
  /** `directory`: what the tool gets to see, relative to the workspace. */
  readonly run: (run: ToolRun, copy: Copy, work: Work & { readonly directory: string }) => Promise<ToolResult>;
}

/** `run` is the id of the repair: a label on every container. */
export function dockerTools(engine: Engine, run: string): Tools {
  return {
    distribution: (image, signal) => distributionIn(engine, image, { run, signal }),
    run: (toolRun, copy, work) => runTool(toolRun, copy, { ...work, engine, run }),
  };
}
