import type { JsonObject } from "../kernel/event.ts";

const MAX_MESSAGE_CHARS = 2000;
/** As JSON text. */
const MAX_DATA_CHARS = 8192;
/** Of one run in one daemon: progress is for people who watch, not a log. */
const MAX_LINES = 1000;
const MAX_UNWRITTEN = 64;

/** Progress of one run, bounded in every direction; what is over is dropped, and said once. */
export class Progress {
  private lines = 0;
  private unwritten = 0;

  constructor(
    private readonly write: (message: string, data: JsonObject) => Promise<void>,
    private readonly onError: (error: unknown) => void,
  ) {}

  tell(message: string, data: JsonObject): void {
    if (this.lines > MAX_LINES || this.unwritten >= MAX_UNWRITTEN) return;
    this.lines += 1;
    const over = this.lines > MAX_LINES;
    const kept = JSON.stringify(data).length > MAX_DATA_CHARS ? {} : data;
    this.unwritten += 1;
    this.write(over ? "further progress is not recorded" : message.slice(0, MAX_MESSAGE_CHARS), over ? {} : kept)
      .catch(this.onError)
      .finally(() => (this.unwritten -= 1));
  }
}
