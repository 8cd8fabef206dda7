import { OrcoError } from "../../kernel/errors.ts";

const MAX_LINE_CHARS = 1024 * 1024;

/** JSON values with line breaks between them, as docker sends progress and events. Throws `internal` for anything else. */
export async function* jsonLines<Value>(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Value, void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") yield valueIn(line) as Value;
    if (rest.length > MAX_LINE_CHARS) throw new OrcoError("internal", "docker sent a line without an end");
  }
  if (rest.trim() !== "") yield valueIn(rest) as Value;
}

function valueIn(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new OrcoError("internal", "docker sent a line that is not JSON", {}, { cause: error });
  }
}
