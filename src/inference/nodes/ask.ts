import type { Clock } from "../../kernel/clock.ts";
import { EngineFault } from "../adapters/adapter.ts";
import type { UpstreamClient } from "../upstream/client.ts";

export interface Question {
  readonly url: string;
  /** Begins with `/`. */
  readonly path: string;
  readonly apiKey?: string | undefined;
}

export interface AskLimits {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

/** The body of a 200, within a time and a size. Rejects with a sentence about why there is none. */
export function ask(client: UpstreamClient, question: Question, { clock, timeoutMs, maxBytes }: AskLimits): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const { path } = question;
  const chunks: Buffer[] = [];
  let size = 0;
  const refuse = (why: string): void => {
    call.cancel();
    reject(new EngineFault("http", `${path} ${why}`));
  };
  const call = client.request(
    { ...question, method: "GET", keep: false },
    {
      head: ({ status }) => {
        if (status !== 200) refuse(`answered ${status}`);
      },
      data: (bytes) => {
        size += bytes.length;
        if (size > maxBytes) refuse(`answered more than ${maxBytes} bytes`);
        else chunks.push(bytes);
      },
      end: () => resolve(Buffer.concat(chunks).toString("utf8")),
      fail: (fault) => reject(fault),
    },
  );
  const cancel = clock.after(timeoutMs, () => refuse(`gave no answer within ${timeoutMs} ms`));
  return promise.finally(cancel);
}
