import type { Json } from "../../kernel/event.ts";
import type { EngineSink } from "./adapter.ts";

/** Between who reads an answer and its sink: once closed nothing passes, however deep in a loop the reader is. */
export class SinkGate implements Required<EngineSink> {
  private closed = false;

  constructor(private readonly sink: EngineSink) {}

  close(): void {
    this.closed = true;
  }

  opened(): void {
    if (!this.closed) this.sink.opened();
  }

  token(text: string): void {
    if (!this.closed) this.sink.token(text);
  }

  frames(bytes: Uint8Array, tokens: number): void {
    if (!this.closed) this.sink.frames(bytes, tokens);
  }

  result(data: Json): void {
    if (!this.closed) this.sink.result(data);
  }

  skipped(): void {
    if (!this.closed) this.sink.skipped();
  }

  alive(): void {
    if (!this.closed) this.sink.alive?.();
  }
}
