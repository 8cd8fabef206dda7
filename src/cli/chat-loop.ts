import { createInterface } from "node:readline/promises";
import { messageOf, OrcoError } from "../kernel/errors.ts";
import type { Context } from "./context.ts";

/** Of what was said before; the oldest is forgotten first. */
const MAX_MESSAGES = 200;
const PROMPT = "> ";

export type Message = { readonly role: "user" | "assistant"; readonly content: string };
/** One answer; the signal ends it early. */
export type Talk = (messages: readonly Message[], signal?: AbortSignal) => Promise<string>;

/** Question and answer until Ctrl-D. Ctrl-C ends an answer, or takes back what is being written. */
export async function chatLoop(context: Context, model: string, talk: Talk): Promise<void> {
  context.note(`talking to ${model}; Ctrl-C ends an answer, Ctrl-D leaves`);
  const lines = createInterface({ input: process.stdin, output: process.stdout, historySize: MAX_MESSAGES });
  let answering: AbortController | undefined;
  lines.on("SIGINT", () => {
    if (answering) return answering.abort();
    if (lines.line === "") context.note("\nCtrl-D leaves");
    else lines.write(null, { ctrl: true, name: "u" });
    lines.prompt(true);
  });
  const left = new Promise<undefined>((resolve) => lines.once("close", () => resolve(undefined)));
  let messages: readonly Message[] = [];
  for (;;) {
    const line = await Promise.race([lines.question(PROMPT), left]);
    if (line === undefined) break;
    if (line.trim() === "") continue;
    answering = new AbortController();
    const asked: Message[] = [...messages, { role: "user", content: line }];
    try {
      messages = [...asked, { role: "assistant" as const, content: await talk(asked, answering.signal) }].slice(-MAX_MESSAGES);
    } catch (error) {
      if (!(error instanceof OrcoError)) throw error;
      if (!answering.signal.aborted) context.note(messageOf(error));
    } finally {
      answering = undefined;
    }
  }
  lines.close();
  context.io.out("\n");
}
