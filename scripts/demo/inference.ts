import { join } from "node:path";
import { submit, TaskStream, type TaskReply } from "./inference-client.ts";
import { cancelAct, killAct, takeEnginesDown, waitForPool } from "./inference-faults.ts";
import { orcoOk, type Stage } from "./stage.ts";
import type { Step } from "./steps.ts";

const STACK = join(import.meta.dir, "../../examples/inference/stack-mock.yaml");
const ENGINES = 2;
const BATCH_TASKS = 6;
/** Most of a second at the mock's pace: all have to be asked for before the first two are done. */
const TOKENS = 40;

interface Waiting {
  readonly what: string;
  readonly reply: TaskReply;
  readonly stream: TaskStream;
  readonly acceptedAt: number;
}

const engines: Step = {
  name: "bring up two mock engines; their labels make them a pool",
  async run(stage, say) {
    const own = engineStage(stage);
    await orcoOk(own, "up", "-d", "--wait");
    say(await waitForPool(own, ENGINES));
  },
};

const queueing: Step = {
  name: "more tasks than slots: positions, predicted starts, and one that overtakes",
  async run(stage, say) {
    const waiting: Waiting[] = [];
    for (let n = 1; n <= BATCH_TASKS; n++) waiting.push(await ask(stage, `batch ${n}`, "batch"));
    const urgent = await ask(stage, "interactive", "interactive");
    const all = [...waiting, urgent];
    await Promise.all(all.map(({ stream }) => stream.ended));
    say(all.map(row).join("\n"));
    for (const { what, stream } of all)
      if (stream.of("token").length !== TOKENS || stream.events.at(-1)?.name !== "end")
        throw new Error(`${what} did not get its ${TOKENS} tokens`);
    checkOrder(waiting, urgent);
  },
};

async function ask(stage: Stage, what: string, priority: "batch" | "interactive"): Promise<Waiting> {
  const acceptedAt = performance.now();
  const reply = await submit(stage, { model_ref: "chain", prompt: "loop", max_tokens: TOKENS, expected_tokens: TOKENS, priority });
  return { what, reply, stream: new TaskStream(stage, reply.task_id), acceptedAt };
}

function row({ what, reply, stream, acceptedAt }: Waiting): string {
  const firstMs = Math.round((stream.of("token")[0]?.at ?? Number.NaN) - acceptedAt);
  return `${what.padEnd(12)} position ${reply.queue_position}   predicted start ${String(reply.predicted_start_ms).padStart(5)} ms   first token after ${String(firstMs).padStart(5)} ms`;
}

function checkOrder(batch: readonly Waiting[], urgent: Waiting): void {
  const positions = batch.map(({ reply }) => reply.queue_position);
  const expected = batch.map((_, at) => Math.max(0, at - ENGINES));
  if (positions.join() !== expected.join()) throw new Error(`positions ${positions.join(" ")} instead of ${expected.join(" ")}`);
  if (urgent.reply.queue_position !== 0) throw new Error(`the interactive task has position ${urgent.reply.queue_position}, not 0`);
  const begun = ({ stream }: Waiting): number => stream.of("token")[0]?.at ?? Infinity;
  const waited = batch.slice(ENGINES);
  const overtaken = waited.filter((each) => begun(each) > begun(urgent)).length;
  // The engines become free at almost the same time: of those that get them then, either may be the first with a token.
  if (overtaken < waited.length - (ENGINES - 1))
    throw new Error(`the interactive task overtook only ${overtaken} of ${waited.length} that waited`);
}

const cancel: Step = {
  name: "cancel an endless task",
  run: (stage, say) => cancelAct(engineStage(stage), say),
};

const kill: Step = {
  name: "kill -9 the engines in mid-stream: no client takes half an answer for a whole one",
  async run(stage, say) {
    const own = engineStage(stage);
    await killAct(own, say);
    await takeEnginesDown(own);
  },
};

/** The same daemon, with the stack of the engines. */
function engineStage(stage: Stage): Stage {
  const [binary = "orco"] = stage.command;
  return { ...stage, env: { ...stage.env, ORCO_BIN: binary }, command: [binary, "-f", STACK] };
}

export const INFERENCE_STEPS: readonly Step[] = [engines, queueing, cancel, kill];
