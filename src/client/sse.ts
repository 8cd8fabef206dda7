import { createParser, type EventSourceMessage } from "eventsource-parser";
import { errnoOf, messageOf, OrcoError } from "../kernel/errors.ts";

interface Reader {
  read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

/** A message of an event stream; `event` is `message` where the server named none. */
export interface SseMessage {
  readonly id?: string;
  readonly event: string;
  readonly data: string;
}

/** One line from another server than ours could be endless; ours are bounded by its body limit. */
const MAX_BUFFER_CHARS = 16 * 1024 * 1024;

/** Reads an answer as Server-Sent Events. Throws `unreachable` when the connection breaks; returns when the server closes it properly. */
export async function* readSse(response: Response): AsyncGenerator<SseMessage> {
  const ready: SseMessage[] = [];
  const parser = createParser({
    onEvent: (message) => ready.push(asMessage(message)),
    maxBufferSize: MAX_BUFFER_CHARS,
  });
  for await (const text of decoded(response)) {
    parser.feed(text);
    yield* ready.splice(0);
  }
}

/** Reads an answer line by line; empty lines (keep-alive) are skipped. */
export async function* readLines(response: Response): AsyncGenerator<string> {
  let rest = "";
  for await (const text of decoded(response)) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line !== "") yield line;
  }
}

async function* decoded(response: Response): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const reader: Reader | undefined = response.body?.getReader();
  try {
    for (let next = await read(reader); !next.done; next = await read(reader)) yield decoder.decode(next.value, { stream: true });
  } finally {
    await reader?.cancel().catch(() => undefined);
  }
}

async function read(reader: Reader | undefined): Promise<{ done: boolean; value?: Uint8Array | undefined }> {
  if (!reader) return { done: true };
  try {
    return await reader.read();
  } catch (error) {
    throw new OrcoError("unreachable", `the connection to the daemon broke (${errnoOf(error) ?? messageOf(error)})`, {}, { cause: error });
  }
}

function asMessage({ id, event, data }: EventSourceMessage): SseMessage {
  return { event: event ?? "message", data, ...(id !== undefined && { id }) };
}
