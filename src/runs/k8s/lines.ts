/** What is kept of a line that is longer than it may be. */
const CUT_MARK = "…";

/** Text lines of a stream, as many at a time as came. A line without a line break at the end counts. A line above `maxChars` is cut, not lost. */
export async function* linesOf(body: AsyncIterable<Uint8Array>, maxChars: number): AsyncGenerator<string[]> {
  const decoder = new TextDecoder();
  let rest = "";
  let cutting = false;
  for await (const chunk of body) {
    const pieces = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = pieces.pop() ?? "";
    if (cutting && pieces.length > 0) {
      pieces.shift(); // the end of the line whose beginning was given already
      cutting = false;
    }
    if (rest.length > maxChars) {
      if (!cutting) pieces.push(rest.slice(0, maxChars) + CUT_MARK);
      cutting = true;
      rest = "";
    }
    if (pieces.length > 0) yield pieces;
  }
  rest += decoder.decode();
  if (rest !== "" && !cutting) yield [rest];
}
