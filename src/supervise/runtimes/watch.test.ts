import { expect, test } from "bun:test";
import { FakeClock } from "../../kernel/clock.ts";
import { type Pace, Watch, type Watched } from "./watch.ts";

class Counted implements Watched {
  looks = 0;
  thorough = 0;
  readonly shim = { bootId: "", pid: 1, startTime: 0 };
  constructor(public pace: Pace) {}
  look(thorough: boolean): void {
    this.looks++;
    if (thorough) this.thorough++;
  }
}

test("each is looked at as often as it needs, by one timer", async () => {
  const clock = new FakeClock();
  const watch = new Watch(clock);
  const [own, adopted] = [new Counted("own"), new Counted("adopted")];
  watch.add(own);
  watch.add(adopted);
  expect(clock.pendingTimers).toBe(1);
  await clock.advance(10_000);
  expect([adopted.looks, adopted.thorough]).toEqual([100, 10]);
  expect([own.looks, own.thorough]).toEqual([10, 10]);
});

test("a stop is noticed within milliseconds; without instances there is no timer", async () => {
  const clock = new FakeClock();
  const watch = new Watch(clock);
  const adopted = new Counted("adopted");
  watch.add(adopted);
  adopted.pace = "stopping";
  watch.pace();
  await clock.advance(100);
  expect(adopted.looks).toBe(20);
  watch.remove(adopted);
  expect(clock.pendingTimers).toBe(0);
});
