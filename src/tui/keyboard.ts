import { flushKeys, readKeys } from "./keys.ts";

/** After an ESC, this long the rest of a sequence may take; then it was the key. */
const ESC_MS = 40;

/** Makes keys of what is typed, across the borders of reads. */
export class Keyboard {
  private rest = "";
  private timer: Timer | undefined;

  private pasting = false;

  /** `pasted`: nobody pressed it. */
  constructor(private readonly onKey: (key: string, pasted: boolean) => void) {}

  feed(text: string): void {
    clearTimeout(this.timer);
    const { keys, rest } = readKeys(this.rest + text);
    this.rest = rest;
    for (const key of keys) this.press(key);
    if (rest !== "") this.timer = setTimeout(() => this.flush(), ESC_MS);
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  private flush(): void {
    const keys = flushKeys(this.rest);
    this.rest = "";
    for (const key of keys) this.press(key);
  }

  /** Ctrl-C is one wherever it comes from: the end of a paste may be lost. */
  private press(key: string): void {
    this.pasting = key === "paste-begin" || (this.pasting && key !== "paste-end" && key !== "ctrl-c");
    if (!key.startsWith("paste-")) this.onKey(key, this.pasting);
  }
}
