import { expect, test } from "bun:test";
import fc from "fast-check";
import { FakeClock } from "../../kernel/clock.ts";
import { channelOf, Reader } from "./reader.fake.ts";

const step = fc.oneof(
  fc.record({ do: fc.constant("say" as const), count: fc.integer({ min: 1, max: 60 }), text: fc.string({ minLength: 1, maxLength: 12 }) }),
  fc.record({ do: fc.constant("turn" as const) }),
  fc.record({ do: fc.constant("take" as const), bytes: fc.integer({ min: 1, max: 2000 }) }),
  fc.record({ do: fc.constant("again" as const) }),
);

test("a reader that is cut off anywhere and resumes has every token once, in order", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { channel } = channelOf(new FakeClock(), { cancelOnDisconnect: false });
      let reader = new Reader(channel, { lazy: true });
      let texts = "";
      let said = "";
      const numbers: number[] = [];
      const collect = (): void => {
        said += reader.said;
        numbers.push(...reader.numbers);
      };
      channel.started({ queuePosition: 0, predictedStartMs: 0 });
      let total = 0;
      for (const { do: what, ...how } of steps) {
        if (what === "say" && "count" in how && total < 500) {
          total += how.count;
          texts += how.text.repeat(how.count);
          for (let n = 0; n < how.count; n++) channel.token(how.text);
        }
        if (what === "turn") await Promise.resolve();
        if (what === "take" && "bytes" in how) reader.take(how.bytes);
        if (what !== "again") continue;
        collect();
        reader.leave();
        reader = new Reader(channel, { lazy: true, from: { seq: numbers.at(-1) ?? 0 } });
      }
      channel.ended({ tokens_in: 0, tokens_out: 0, decode_ms: 0, finish_reason: "stop" });
      reader.takeAll();
      collect();
      expect(said).toBe(texts);
      expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, n) => n + 1));
      expect(numbers.length).toBe(total + 2);
    }),
    { numRuns: 200 },
  );
});
