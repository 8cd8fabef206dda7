import { sayAnswer } from "./answer.ts";
import { type Context } from "./context.ts";
import { waits } from "./inference-text.ts";
import { promptGiven, taskOptions } from "./prompt.ts";
import type { Message, Talk } from "./chat-loop.ts";

/** One answer that a model gives, or a talk with it where a person sits at a terminal and names no prompt. */
export async function chat(context: Context): Promise<undefined> {
  const [model = "", ...words] = context.args;
  const wish = taskOptions(context);
  const prompt = await promptGiven(words);
  const { inference } = await context.client();

  /** Ends with the answer, or throws; cancelled by the signal. */
  const talk: Talk = async (messages, signal) => {
    const { task_id: id, ...place } = await inference.submitTask({ model_ref: model, workload: "chat", messages, ...wish });
    if (place.predicted_start_ms > 0) context.note(waits(place));
    const cancel = (): void => void inference.cancelTask(id).catch(() => undefined);
    signal?.addEventListener("abort", cancel, { once: true });
    try {
      return (await sayAnswer(context, { inference, id, model })).text;
    } finally {
      signal?.removeEventListener("abort", cancel);
    }
  };

  if (prompt === undefined) await (await import("./chat-loop.ts")).chatLoop(context, model, talk);
  else await talk([{ role: "user", content: prompt } satisfies Message]);
  return undefined;
}
