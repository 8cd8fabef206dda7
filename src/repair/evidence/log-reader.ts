import type { EvidenceText, Source } from "../finding.ts";
import { type BuildPlace, FailingStepReader } from "./failing-step.ts";
import { asSeen, Prefixes, withoutLogPrefixes } from "./normalise.ts";
import { type Kept, Passages } from "./passages.ts";

const MAX_LINE_CHARS = 4000;
/** What is kept of a line before escapes and prefixes are gone. */
const MAX_RAW_CHARS = 4 * MAX_LINE_CHARS;

/** `lines` are the end of the log, all of it where it is short. */
export interface ReadLog extends Kept {
  readonly failing?: BuildPlace;
}

export function textsOf({ lines, firstLine, failing, earlier }: ReadLog, source: Source): EvidenceText[] {
  const passages = [{ lines, firstLine }, ...earlier].filter((one) => one.lines.length > 0);
  return passages.map((one) => ({ source, ...one, ...(failing && { failing }) }));
}

/** Bytes to lines without prefixes, in bounded memory. Lines over 4,000 characters are cut. */
export class LogReader {
  private readonly decoder = new TextDecoder();
  private readonly prefixes = new Prefixes();
  private readonly steps = new FailingStepReader();
  private readonly passages = new Passages();
  private rest = "";

  /** `onLine` is told every line as it was seen. */
  constructor(private readonly onLine: (seen: string) => void = () => undefined) {}

  push(chunk: Uint8Array): void {
    this.text(this.decoder.decode(chunk, { stream: true }));
  }

  /** One line that has no break in it. */
  line(raw: string): void {
    const seen = asSeen(raw.slice(0, MAX_RAW_CHARS));
    this.onLine(seen);
    this.steps.take(withoutLogPrefixes(seen));
    this.passages.push(this.prefixes.strip(seen).slice(0, MAX_LINE_CHARS));
  }

  end(): ReadLog {
    this.text(this.decoder.decode());
    if (this.rest !== "") this.line(this.rest);
    this.rest = "";
    const failing = this.steps.found;
    return { ...this.passages.kept(), ...(failing && { failing }) };
  }

  private text(text: string): void {
    let at = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", at)) {
      this.keepRest(text.slice(at, end));
      this.line(this.rest);
      this.rest = "";
      at = end + 1;
    }
    this.keepRest(text.slice(at));
  }

  /** A progress bar may go on for megabytes without a line break: only what is drawn last is seen. */
  private keepRest(more: string): void {
    const text = this.rest + more;
    const drawn = text.length > MAX_RAW_CHARS ? text.lastIndexOf("\r", text.length - 2) + 1 : 0;
    this.rest = text.slice(drawn, drawn + MAX_RAW_CHARS);
  }
}
