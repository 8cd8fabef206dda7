import { expect, test } from "bun:test";
import { Lives, REQUEST } from "./lives.fake.ts";

test("wherever a daemon dies, the next one lets the urgent go before those that came earlier", async () => {
  for (let at = 4; at <= 8; at++) {
    const begun: string[] = [];
    using lives = new Lives(({ isAlive, clock }) => ({
      work: async (context, { name }) => {
        await context.step("begin", async (signal) => {
          if (isAlive()) begun.push(name as string);
          await clock.sleep(1000, signal);
          return null;
        });
        return null;
      },
    }));
    const first = lives.next({ at, when: "after" });
    const submit = (name: string, priority = 0) => first.runs.submit({ ...REQUEST, input: { name }, priority });
    const { id: one } = await submit("first");
    const [early, urgent] = [await submit("early").catch(() => undefined), await submit("urgent", 1).catch(() => undefined)];
    if (!early || !urgent) continue;
    await lives.drive(first, one);
    const second = lives.next();
    second.runs.resume();
    for (const { id } of [urgent, early]) await lives.drive(second, id);
    const order = [...new Set(begun)];
    expect([at, order.indexOf("urgent") < order.indexOf("early")]).toEqual([at, true]);
  }
});
