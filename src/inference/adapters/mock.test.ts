import { expect, test } from "bun:test";
import { systemClock } from "../../kernel/clock.ts";
import { startMockEngine } from "../mock/engine.ts";
import { MOCK_DEFAULTS } from "../mock/settings.ts";
import { AdapterRig } from "./contract.fake.ts";

const NEVER = new AbortController().signal;

test("the mock engine tells its models, slots and context: it never gets more tasks than it takes", async () => {
  const engine = startMockEngine({ ...MOCK_DEFAULTS, models: ["a", "b"], slots: 3, ctx: 64 }, systemClock());
  using rig = new AdapterRig("mock");
  try {
    expect(await rig.adapter.props({ url: engine.url }, NEVER)).toEqual({ models: ["a", "b"], slots: 3, ctxMax: 64 });
  } finally {
    engine.stop();
  }
});
