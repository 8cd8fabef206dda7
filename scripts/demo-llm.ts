/**
 * `npm run demo:llm`: examples/inference with real llama.cpp servers – tasks, OpenAI's API, a cancel, servers killed in mid-stream. Needs Python with venv, and the
 * network once. Exit code 0 when every step held.
 */
import { LLM_HOME, LLM_STEPS } from "./demo/inference-llm.ts";
import { show } from "./demo/show.ts";
import { buildStage } from "./demo/stage.ts";

const built = await buildStage("examples/inference/stack.yaml");
const stage = { ...built, env: { ...built.env, ORCO_LLM_HOME: LLM_HOME } };
console.log(`orco demo with llama.cpp: ${stage.command.join(" ")}\n  home ${stage.home}, API on http://${built.env["ORCHD_BIND_ADDR"]}`);
await show({ stage, steps: LLM_STEPS });
