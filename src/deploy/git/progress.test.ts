import { expect, test } from "bun:test";
import { FakeClock } from "../../kernel/clock.ts";
import { Progress } from "./progress.ts";

function watched(): { clock: FakeClock; lines: string[]; say: (text: string) => void } {
  const clock = new FakeClock();
  const lines: string[] = [];
  const progress = new Progress(clock, (line) => lines.push(line));
  return { clock, lines, say: (text) => progress.push(Buffer.from(text)) };
}

test("a fetch that is over within a second says nothing", () => {
  const { lines, say } = watched();
  say("remote: Counting objects: 100% (9/9)\rReceiving objects:  50% (1/2)\rReceiving objects: 100% (2/2), done.\n");
  expect(lines).toEqual([]);
});

test("a long one says a line a second, and what is complete once", async () => {
  const { clock, lines, say } = watched();
  await clock.advance(1000);
  say("Receiving objects:  41% (41/100), 80.00 MiB | 9.00 MiB/s\rReceiving objects:  42% (42/100), 81.00 MiB | 9.00 MiB/s\r");
  await clock.advance(1000);
  say("Receiving objects:  60% (60/100), 90.00 MiB | 9.00 MiB/s\rReceiving objects: 100% (100/100), 99.00 MiB\rReceiving obj");
  say("ects: 100% (100/100), 99.00 MiB | 9.00 MiB/s, done.\n");
  expect(lines).toEqual([
    "receiving objects: 41 %, 80.00 MiB",
    "receiving objects: 60 %, 90.00 MiB",
    "receiving objects: 100 %, 99.00 MiB",
  ]);
});
