import type { RunView } from "../workflow/view.ts";
import type { Watch } from "./watch/watch.ts";

/** What `up` without `-d` stays with. */
export interface ForegroundChange {
  readonly run: RunView;
  readonly stack: string;
  readonly sinceMs: number;
  /** Its files are watched: what has ended or failed may start again with the next change. */
  readonly watch?: (note: (text: string) => void) => Watch;
}
