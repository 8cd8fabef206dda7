import { expect, test } from "bun:test";
import fc from "fast-check";
import { linesOf } from "./lines.ts";

async function linesIn(chunks: readonly Uint8Array[], maxChars: number): Promise<string[]> {
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
  return (await Array.fromAsync(linesOf(stream, maxChars))).flat();
}

function cutAt(text: string, places: readonly number[]): Uint8Array[] {
  const bytes = new TextEncoder().encode(text);
  const edges = [0, ...places.map((place) => place % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b);
  return edges.slice(1).map((edge, index) => bytes.slice(edges[index], edge));
}

test("lines are whole wherever the chunks end, in the middle of a letter too", async () => {
  const line = fc.string({ unit: fc.constantFrom("a", "é", "漢", "😀", " ") });
  await fc.assert(
    fc.asyncProperty(fc.array(line), fc.array(fc.nat()), async (lines, places) => {
      const text = lines.map((each) => `${each}\n`).join("");
      expect(await linesIn(cutAt(text, places), 1000)).toEqual(lines);
    }),
  );
});

test("a line that is too long is cut once, and the next one is whole", async () => {
  const text = `${"x".repeat(100)}\nshort\n${"y".repeat(60)}`;
  for (const places of [[5], [30, 60, 90], [101], [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]]) {
    const lines = await linesIn(cutAt(text, places), 8);
    expect(lines.filter((line) => line === "short")).toHaveLength(1);
    expect(lines.filter((line) => line.startsWith("x"))).toHaveLength(1);
    expect(lines.filter((line) => line.startsWith("y"))).toHaveLength(1);
  }
});
