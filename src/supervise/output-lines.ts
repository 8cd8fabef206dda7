import type { Clock } from "../kernel/clock.ts";
import { withoutControl } from "../kernel/plain-text.ts";
import { MarkerSweep } from "./identity.ts";
import type { Redactor } from "./logs/redact.ts";
import { bootId } from "./proc.ts";
import { Signals } from "./signal.ts";

/** A line that is longer is told in pieces. */
const MAX_LINE = 8192;
/** What forks while it is being killed is killed with the next sweep. */
const MAX_SWEEPS = 5;

/** Bytes to lines, without what drives terminals and without secrets; a carriage return ends one too, as progress bars use it. */
export class OutputLines {
  private readonly decoder = new TextDecoder();
  private rest = "";

  constructor(
    private readonly onLine: (line: string) => void,
    private readonly redactor?: Redactor,
  ) {}

  push(chunk: Uint8Array): void {
    const pieces = (this.rest + this.decoder.decode(chunk, { stream: true })).split(/\r\n|\n|\r(?!$)/);
    this.rest = pieces.pop() ?? "";
    for (const piece of pieces) this.tell(piece);
    // What may be the beginning of a secret waits for the rest of it.
    const open = this.redactor?.longestBytes ?? 0;
    if (this.rest.length <= MAX_LINE + open) return;
    const text = this.clean(this.rest);
    this.tell(text.slice(0, -open || undefined));
    this.rest = open === 0 ? "" : text.slice(-open);
  }

  end(): void {
    const last = this.rest + this.decoder.decode();
    this.rest = "";
    if (last !== "") this.tell(last);
  }

  private tell(line: string): void {
    const text = this.clean(line);
    // Once more when the colours are gone that a program may have put into the midst of a secret.
    for (let at = 0; at === 0 || at < text.length; at += MAX_LINE)
      this.onLine(this.clean(withoutControl(text.slice(at, at + MAX_LINE)).trimEnd()));
  }

  private clean(text: string): string {
    return this.redactor?.clean(text) ?? text;
  }
}

/** Kills everything that carries the marker of `identity.ts` with this value, wherever it has gone. */
export async function endMarked(id: string, clock: Clock): Promise<void> {
  const boot = bootId();
  const sweep = new MarkerSweep(clock, boot);
  const signals = new Signals(boot);
  for (let turn = 0; turn < MAX_SWEEPS; turn++) {
    const strays = await sweep.find(id);
    if (strays.length === 0) return;
    for (const stray of strays) signals.send(stray, "SIGKILL");
  }
}
