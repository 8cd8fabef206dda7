import type { Json } from "../../kernel/event.ts";
import type { UpstreamClient } from "../upstream/client.ts";
import type { AnswerHead } from "../upstream/exchange.ts";
import { type Endpoint, EngineFault } from "./adapter.ts";
import { answerFault, originOf } from "./fault.ts";
import { parseJson } from "./parse.ts";

/** Of what an engine says about itself; vLLM's metrics are the longest. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

export interface Answer {
  readonly status: number;
  readonly body: string;
  /** Undefined where the body is no JSON. */
  readonly json: Json | undefined;
  /** Of a status other than 200. */
  readonly fault: EngineFault | undefined;
}

/** Asks engines about themselves; a question of no task. */
export class Ask {
  constructor(
    private readonly client: UpstreamClient,
    private readonly endpoint: Endpoint,
    private readonly signal: AbortSignal,
  ) {}

  /** Throws `EngineFault` when there is no answer, also because the signal was aborted. */
  get(path: string): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const pieces: Buffer[] = [];
    let bytes = 0;
    let head: AnswerHead | undefined;
    const { url, apiKey } = this.endpoint;
    const call = this.client.request(
      { url, apiKey, method: "GET", path, accept: "*/*" },
      {
        head: (read) => (head = read),
        data: (piece) => {
          pieces.push(piece);
          bytes += piece.length;
          if (bytes <= MAX_ANSWER_BYTES) return;
          call.cancel();
          reject(new EngineFault("http", `the engine at ${originOf(url)} answered ${path} with more than ${MAX_ANSWER_BYTES} bytes`));
        },
        end: () => {
          if (head) resolve(this.answer(head, Buffer.concat(pieces).toString("utf8")));
        },
        fail: reject,
      },
    );
    const giveUp = (): void => {
      call.cancel();
      reject(new EngineFault("connect", `the engine at ${originOf(url)} did not answer ${path} in time`));
    };
    if (this.signal.aborted) giveUp();
    else this.signal.addEventListener("abort", giveUp, { once: true });
    return promise.finally(() => this.signal.removeEventListener("abort", giveUp));
  }

  /** The JSON of an answer 200; else throws `EngineFault`. */
  async json(path: string): Promise<Json> {
    const { json, fault } = await this.get(path);
    if (fault) throw fault;
    if (json !== undefined) return json;
    throw new EngineFault("http", `the engine at ${originOf(this.endpoint.url)} answered ${path} with something that is not JSON`);
  }

  /** The same, undefined for whatever went wrong: for what an engine need not have. */
  async maybe(path: string): Promise<Json | undefined> {
    return this.json(path).catch(() => undefined);
  }

  private answer(head: AnswerHead, body: string): Answer {
    const fault = head.status === 200 ? undefined : answerFault(this.endpoint, head, body);
    return { status: head.status, body, json: parseJson(body), fault };
  }
}
