/** The mock engine as a process of its own until it is ended: `relay-engine.ts '{"slots": 4}'` takes settings of src/inference/mock/settings.ts as JSON. */
import { startMockEngine } from "../../src/inference/mock/engine.ts";
import { MOCK_DEFAULTS, type MockSettings } from "../../src/inference/mock/settings.ts";
import { systemClock } from "../../src/kernel/clock.ts";

startMockEngine({ ...MOCK_DEFAULTS, ...(JSON.parse(process.argv[2] ?? "{}") as Partial<MockSettings>) }, systemClock());
