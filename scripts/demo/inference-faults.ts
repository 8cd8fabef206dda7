import { pools, post, rawStream, submit, TaskStream } from "./inference-client.ts";
import { orcoOk, type Stage } from "./stage.ts";
import { eventually, pidsOf, status } from "./state.ts";

const READY_WITHIN_MS = 20_000;
const TOKENS_BEFORE = 5;

type Say = (text: string) => void;

/** An endless task is canceled: its stream says so before the answer, and its engine has the slot back. */
export async function cancelAct(stage: Stage, say: Say): Promise<void> {
  const { task_id: id } = await submit(stage, { model_ref: "chain", prompt: "loop", temperature: 0 });
  const stream = new TaskStream(stage, id);
  await stream.reach("token", TOKENS_BEFORE);
  const askedAt = performance.now();
  await post(stage, `/v2/tasks/${id}/cancel`, { status: 204 });
  const answeredMs = performance.now() - askedAt;
  await eventually("a free slot on every engine", READY_WITHIN_MS, async () => ((await busySlots(stage)) === 0 ? true : undefined));
  const freedMs = performance.now() - askedAt;
  await stream.ended;
  const last = stream.events.at(-1);
  say(
    `after ${stream.of("token").length} tokens: cancel → 204 in ${answeredMs.toFixed(1)} ms, the engine's slot is free ${freedMs.toFixed(1)} ms after it was asked`,
  );
  say(`the stream ends with: ${last?.name} ${JSON.stringify(last?.data)}`);
  if (last?.name !== "error" || last.data["code"] !== "CANCELED") throw new Error("the stream does not end with the error CANCELED");
}

/** Every engine is killed while one client of `/v2` and one of `/v1` read from them. */
export async function killAct(stage: Stage, say: Say): Promise<void> {
  const pids = [...pidsOf(await status(stage))];
  const { task_id: id } = await submit(stage, { model_ref: "chain", prompt: "loop", temperature: 0 });
  const task = new TaskStream(stage, id);
  const raw = rawStream(stage, "/v1/completions", { model: "chain", prompt: "loop", temperature: 0, max_tokens: 1_000_000, stream: true });
  await Promise.all([task.reach("token", TOKENS_BEFORE), raw.begun]);
  for (const [, pid] of pids) process.kill(pid, "SIGKILL");
  const killedAt = performance.now();
  await task.ended;
  const toldMs = performance.now() - killedAt;
  const how = await raw.end;
  const last = task.events.at(-1);
  say(`kill -9 ${pids.map(([name, pid]) => `${name} (${pid})`).join(", ")}; the clients know after ${toldMs.toFixed(0)} ms`);
  say(`/v2, after ${task.of("token").length} tokens: ${last?.name} ${JSON.stringify(last?.data)}`);
  say(`/v1: ${raw.text().trim().split("\n\n").at(-1)}\n     then: ${how}`);
  if (last?.name !== "error" || last.data["code"] !== "WORKER_RESET" || last.data["retriable"] !== true)
    throw new Error("the task does not end with a retriable WORKER_RESET");
  if (how === "ended" || raw.text().includes("[DONE]") || !raw.text().includes('"error"'))
    throw new Error(`the client of /v1 takes its answer for complete: …${raw.text().slice(-300)}`);
  await eventually("every engine back", READY_WITHIN_MS, () => allReady(stage, pids.length));
  say(`${pids.length} engines are back and ready after ${(performance.now() - killedAt).toFixed(0)} ms`);
  await sayHello(stage, say);
}

/** One task from beginning to end, so that everybody sees that it works. */
async function sayHello(stage: Stage, say: Say): Promise<void> {
  const { task_id: id } = await submit(stage, { model_ref: "chain", prompt: "hello", temperature: 0 });
  const stream = new TaskStream(stage, id);
  await stream.ended;
  const end = stream.events.at(-1);
  if (end?.name !== "end" || !stream.text.endsWith("their next trip ."))
    throw new Error(`the task ended with ${end?.name} ${JSON.stringify(end?.data)} after ${JSON.stringify(stream.text)}`);
  say(`hello →${stream.text}\n${end.name} ${JSON.stringify(end.data)}`);
}

/** Errors: with what it is like, when it never becomes so. */
export async function waitForPool(stage: Stage, engines: number): Promise<string> {
  await eventually(`${engines} engines that are ready`, READY_WITHIN_MS, () => allReady(stage, engines));
  return (await pools(stage))
    .map(
      ({ id, engine, slots_total: slots, replicas }) =>
        `pool ${id} (${engine}): ${replicas.map((each) => each.url).join(", ")}; ${slots} slots`,
    )
    .join("\n");
}

export async function takeEnginesDown(stage: Stage): Promise<void> {
  await orcoOk(stage, "down");
}

async function allReady(stage: Stage, engines: number): Promise<true | undefined> {
  const replicas = (await pools(stage)).flatMap((pool) => pool.replicas);
  return replicas.length === engines && replicas.every(({ ready }) => ready) ? true : undefined;
}

/** As the engines themselves say. */
async function busySlots(stage: Stage): Promise<number> {
  const urls = (await pools(stage)).flatMap(({ replicas }) => replicas.map(({ url }) => url));
  const slots = await Promise.all(urls.map(async (url) => (await (await fetch(`${url}/slots`)).json()) as { is_processing: boolean }[]));
  return slots.flat().filter((slot) => slot.is_processing).length;
}
