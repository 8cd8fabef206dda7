/** What a request to an OpenAI-compatible API held. */
export interface AskedPlanner {
  readonly path: string;
  readonly headers: Headers;
  /** As it came. */
  readonly text: string;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
}

/** Content of the message it answers with, or another answer. */
export type PlannerAnswer = string | (() => Response | Promise<Response>);

export interface PlannerServer extends Disposable {
  /** Base URL, with its `/v1`. */
  readonly url: string;
  readonly asked: readonly AskedPlanner[];
}

/** Chat completions of an OpenAI-compatible API: one answer after the other, the last one again and again. `onAsked` may look on meanwhile. */
export function startPlanner(answers: readonly PlannerAnswer[], onAsked: () => void = () => undefined): PlannerServer {
  const asked: AskedPlanner[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request) {
      const text = await request.text();
      const { messages } = JSON.parse(text) as Pick<AskedPlanner, "messages">;
      const answer = answers[Math.min(asked.length, answers.length - 1)];
      asked.push({ path: new URL(request.url).pathname, headers: request.headers, text, messages });
      onAsked();
      if (typeof answer === "function") return answer();
      return Response.json({ choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: answer } }] });
    },
  });
  return { url: `http://127.0.0.1:${server.port}/v1`, asked, [Symbol.dispose]: () => void server.stop(true) };
}

export function silence(): Promise<Response> {
  return new Promise(() => undefined);
}

/** What a model proposes: a plan with this diff. */
export function proposal(diff: string, more: object = {}): string {
  return JSON.stringify({
    finding: { cause: "it lacks a line", confidence: 0.8 },
    steps: [{ name: "patch", parameters: { diff } }],
    ...more,
  });
}
