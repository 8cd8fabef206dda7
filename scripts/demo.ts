/**
 * `npm run demo`: brings up examples/demo-stack in a folder and on ports of its own, breaks things, and takes it all down again.
 * Exit code 0 when every step held, 1 with the step that did not. ORCO_BIN chooses the orco to show (default: bin/orco).
 */
import { show } from "./demo/show.ts";
import { buildStage } from "./demo/stage.ts";
import { STEPS } from "./demo/steps.ts";

const stage = await buildStage();
console.log(`orco demo: ${stage.command.join(" ")}\n  home ${stage.home}, web on ${stage.webUrl}`);
await show({ stage, steps: STEPS });
