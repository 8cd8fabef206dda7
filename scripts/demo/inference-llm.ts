import { homedir } from "node:os";
import { join } from "node:path";
import { apiUrl, post, submit } from "./inference-client.ts";
import { cancelAct, killAct, takeEnginesDown, waitForPool } from "./inference-faults.ts";
import { processesWith } from "./processes.ts";
import { orco, orcoOk, type Stage } from "./stage.ts";
import { eventually } from "./state.ts";
import type { Step } from "./steps.ts";

const EXAMPLE = join(import.meta.dir, "../../examples/inference");
const ENGINES = 2;
const LAST_EVENTS = 3;
const GONE_WITHIN_MS = 10_000;

/** Where examples/inference/setup.sh puts Python and model. */
export const LLM_HOME =
  process.env["ORCO_LLM_HOME"] ?? join(process.env["XDG_CACHE_HOME"] ?? join(process.env["HOME"] ?? homedir(), ".cache"), "orco-llm");

const setUp: Step = {
  name: "llama.cpp and a model of 6.5 MB: examples/inference/setup.sh",
  async run(_stage, say) {
    const isThere = await Bun.file(join(LLM_HOME, "bin/python")).exists();
    say(isThere ? `they are in ${LLM_HOME}` : `first use: installing llama.cpp (100 MB from PyPI) into ${LLM_HOME}`);
    const child = Bun.spawn([join(EXAMPLE, "setup.sh"), LLM_HOME], { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
    const [said, code] = await Promise.all([child.stderr.text(), child.exited]);
    if (code !== 0) throw new Error(`setup.sh exited with ${code}:\n${said}`);
  },
};

const bringUp: Step = {
  name: "two llama.cpp servers as services; their labels make them a pool: orco up -d --wait",
  async run(stage, say) {
    const { code, stderr } = await orco(stage, "up", "-d", "--wait");
    if (code !== 0) throw new Error(`orco up exited with ${code}:\n${stderr}`);
    say((await orcoOk(stage, "status")).stdout);
    say(await waitForPool(stage, ENGINES));
  },
};

const task: Step = {
  name: "a task of /v2 and its stream",
  async run(stage, say) {
    const body = { model_ref: "chain", prompt: "hello", temperature: 0 };
    say(curl(stage, "/v2/tasks", body));
    const { task_id: id, queue_position: position, predicted_start_ms: startMs } = await submit(stage, body);
    say(`{"task_id": "${id}", "queue_position": ${position}, "predicted_start_ms": ${startMs}, …}`);
    const path = `/v2/tasks/${id}/events`;
    say(`$ curl -N ${apiUrl(stage)}${path}`);
    const text = await (await fetch(apiUrl(stage) + path)).text();
    say(shortened(text));
    if (!text.includes("event: end\n")) throw new Error(`the stream is not whole:\n${text}`);
  },
};

const chat: Step = {
  name: "the same over OpenAI's API",
  async run(stage, say) {
    const body = { model: "chain", stream: true, temperature: 0, messages: [{ role: "user", content: "hello" }] };
    say(curl(stage, "/v1/chat/completions", body));
    const text = await (await post(stage, "/v1/chat/completions", { body, status: 200 })).text();
    say(shortened(text));
    if (!text.endsWith("data: [DONE]\n\n")) throw new Error(`the stream does not end with [DONE]:\n${text}`);
  },
};

const cancel: Step = { name: "cancel an endless task", run: cancelAct };

const kill: Step = { name: "kill -9 both servers in mid-stream: no client takes half an answer for a whole one", run: killAct };

const down: Step = {
  name: "take everything down: orco down, orco shutdown",
  async run(stage, say) {
    await takeEnginesDown(stage);
    await orcoOk(stage, "shutdown");
    await eventually("the end of every process", GONE_WITHIN_MS, async () => (processesWith(stage.folder).length === 0 ? true : undefined));
    say("processes left: 0");
  },
};

export const LLM_STEPS: readonly Step[] = [setUp, bringUp, task, chat, cancel, kill, down];

/** As one would type it. */
function curl(stage: Stage, path: string, body: object): string {
  return `$ curl -N ${apiUrl(stage)}${path} -H content-type:application/json -d '${JSON.stringify(body)}'`;
}

/** The first two events of a stream, and the last ones. */
function shortened(text: string): string {
  const events = text.trim().split("\n\n");
  return [...events.slice(0, 2), "…", ...events.slice(-LAST_EVENTS)].join("\n");
}
