import { isatty } from "node:tty";
import type { JsonObject } from "../kernel/event.ts";
import { type Context, countOf, textOption } from "./context.ts";
import { usageError } from "./exit.ts";

const MAX_PROMPT_BYTES = 32 * 1024 * 1024;

/** The words of the command line, else what is piped in; undefined where a person sits there. Errors: usage. */
export async function promptGiven(words: readonly string[]): Promise<string | undefined> {
  if (words.length > 0) return words.join(" ");
  if (isatty(0)) return undefined;
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of Bun.stdin.stream()) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_PROMPT_BYTES) throw usageError(`the prompt on standard input is larger than ${MAX_PROMPT_BYTES} bytes`);
  }
  text = (text + decoder.decode()).trim();
  if (text === "") throw usageError("there is no prompt: name one after the model, or pipe one in");
  return text;
}

/** What `chat` and `tasks submit` have in common. Errors: usage. */
export function taskOptions({ options }: Context): JsonObject {
  const [session, maxTokens, temperature, priority] = ["session", "maxTokens", "temperature", "priority"].map((name) =>
    textOption(options, name),
  );
  return {
    ...(session !== undefined && { session_id: session }),
    ...(maxTokens !== undefined && { max_tokens: countOf(maxTokens, "--max-tokens", { min: 1 }) }),
    ...(temperature !== undefined && { temperature: temperatureOf(temperature) }),
    ...(priority !== undefined && { priority }),
  };
}

function temperatureOf(text: string): number {
  const value = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= 100)) throw usageError(`--temperature takes a number from 0 to 100, not ${JSON.stringify(text)}`);
  return value;
}
