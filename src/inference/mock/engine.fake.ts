import { systemClock } from "../../kernel/clock.ts";
import { type MockEngine, startMockEngine } from "./engine.ts";
import { MOCK_DEFAULTS, type MockSettings } from "./settings.ts";

/** A mock engine of the test's own. */
export class EngineRig implements Disposable {
  readonly engine: MockEngine;

  constructor(settings: Partial<MockSettings> = {}) {
    this.engine = startMockEngine({ ...MOCK_DEFAULTS, ...settings }, systemClock());
  }

  post(path: string, body: object, init: { mock?: string; signal?: AbortSignal; key?: string } = {}): Promise<Response> {
    const headers = {
      "content-type": "application/json",
      ...(init.mock && { "x-mock": init.mock }),
      ...(init.key && { authorization: `Bearer ${init.key}` }),
    };
    return fetch(this.engine.url + path, {
      method: "POST",
      headers,
      body: JSON.stringify({ model: "chain", ...body }),
      ...(init.signal && { signal: init.signal }),
    });
  }

  async get(path: string): Promise<unknown> {
    return (await fetch(this.engine.url + path)).json();
  }

  chat(content: unknown, more: object = {}, init: { mock?: string; signal?: AbortSignal; key?: string } = {}): Promise<Response> {
    return this.post("/v1/chat/completions", { messages: [{ role: "user", content }], ...more }, init);
  }

  [Symbol.dispose](): void {
    this.engine.stop();
  }
}

/** The data of every whole event. */
export function eventsOf(text: string): string[] {
  return text
    .split("\n\n")
    .slice(0, -1)
    .map((event) => event.replace(/^data: /, ""));
}

/** What the chunks of a chat say together. */
export function saidIn(text: string): string {
  return eventsOf(text)
    .filter((data) => data.startsWith("{"))
    .map((data) => JSON.parse(data).choices?.[0]?.delta?.content ?? "")
    .join("");
}

/** The parts of an answer that tests look at. */
export interface Said {
  readonly choices: readonly {
    readonly message: { readonly content: string; readonly tool_calls: readonly { readonly function: unknown }[] };
    readonly finish_reason: string;
  }[];
  readonly usage: unknown;
  readonly error: { readonly message: string };
  readonly results: unknown;
}

export async function jsonOf(answer: Response | Promise<Response>): Promise<Said> {
  return (await (await answer).json()) as Said;
}
