/**
 * The mock engine as a process of its own, which a test may kill: `fake-engine.ts '{"slots": 4, "fault": {"cut": 5}}'` takes settings of
 * src/inference/mock/settings.ts as JSON. Prints `READY <url>`; ends when its input does.
 */
import { startMockEngine } from "../../src/inference/mock/engine.ts";
import { MOCK_DEFAULTS, type MockSettings } from "../../src/inference/mock/settings.ts";
import { systemClock } from "../../src/kernel/clock.ts";

const settings = JSON.parse(process.argv[2] ?? "{}") as Partial<MockSettings>;
const engine = startMockEngine({ ...MOCK_DEFAULTS, ...settings }, systemClock());
console.log(`READY ${engine.url}`);
for await (const _ of Bun.stdin.stream()) void _;
process.exit(0);
