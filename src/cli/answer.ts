import type { InferenceClient } from "../client/inference.ts";
import { type ErrorCode, OrcoError } from "../kernel/errors.ts";
import type { JsonObject } from "../kernel/event.ts";
import { sanitizeText } from "../terminal/sanitize.ts";
import type { Context } from "./context.ts";

/** How a task ended well. */
interface Answer {
  readonly text: string;
  readonly tokens_out: number;
  readonly finish_reason: string;
}

interface Reading {
  readonly onToken?: (text: string) => void;
}

/** Prints the answer as it comes, or with `--json` the whole of it. Throws as `readAnswer` does, on a line of its own. */
export async function sayAnswer(
  { io, global }: Context,
  { inference, id, model }: { readonly inference: InferenceClient; readonly id: string; readonly model: string },
): Promise<Answer> {
  let hasBegun = false;
  // Model text is foreign: it must not drive a terminal, and a program gets it as it is.
  const onToken = (text: string): void => {
    hasBegun = true;
    io.out(io.tty ? sanitizeText(text) : text);
  };
  try {
    const answer = await readAnswer(inference, id, global.json ? {} : { onToken });
    io.out(global.json ? `${JSON.stringify({ task_id: id, model, ...answer })}\n` : "\n");
    return answer;
  } catch (error) {
    if (hasBegun) io.out("\n");
    throw error;
  }
}

/** Reads a task to its end. Throws what it failed with; `unreachable` says so when the daemon is gone in the middle. */
async function readAnswer(client: InferenceClient, id: string, { onToken }: Reading): Promise<Answer> {
  let text = "";
  const said = (piece: string): void => {
    text += piece;
    onToken?.(piece);
  };
  try {
    for await (const { event, data } of client.taskEvents(id)) {
      if (event === "token") said(word(data, "t"));
      else if (event === "result") said(JSON.stringify(data["data"] ?? data));
      else if (event === "end") return { text, tokens_out: number(data, "tokens_out"), finish_reason: word(data, "finish_reason") };
      else if (event === "error")
        throw new OrcoError(word(data, "code") as ErrorCode, `the task failed: ${word(data, "message")}`, { ...data, task: id });
    }
  } catch (error) {
    if (!(error instanceof OrcoError) || error.code !== "unreachable") throw error;
  }
  throw brokenOff(id, text);
}

/** The daemon ended, or what is between it and us. */
function brokenOff(task: string, text: string): OrcoError {
  const what = text === "" ? "before the answer came" : "in the middle of the answer: what came is not the whole of it";
  const next = `once it is back (orco serve): orco tasks show ${task}, or ask again`;
  return new OrcoError("unreachable", `the daemon was lost ${what}`, { known: true, task, next });
}

function word(data: JsonObject, name: string): string {
  const value = data[name];
  return typeof value === "string" ? value : "";
}

function number(data: JsonObject, name: string): number {
  const value = data[name];
  return typeof value === "number" ? value : 0;
}
