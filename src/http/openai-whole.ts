import { Aggregate } from "../inference/relay/aggregate.ts";
import type { Consumer, Subscription } from "../inference/relay/audience.ts";
import type { Channel } from "../inference/relay/channel.ts";
import type { OpenAiCall } from "../inference/request.ts";
import { isJsonObject, type Json, type JsonObject } from "../kernel/event.ts";
import { OrcoError } from "../kernel/errors.ts";
import { failureError } from "./openai-error.ts";

const TAKE_BYTES = 64 * 1024;
/** Of the chunks of one answer; more of it than anybody asks for without a stream. */
const MAX_ANSWER_BYTES = 256 * 1024 * 1024;

/** The one who waits for a whole answer: upstream it is a stream. */
export class WholeAnswer implements Consumer {
  private readonly aggregate: Aggregate;
  private readonly subscription: Subscription;
  private readonly settled = Promise.withResolvers<JsonObject>();
  private bytes = 0;

  constructor(
    private readonly channel: Channel,
    private readonly call: OpenAiCall,
  ) {
    this.aggregate = new Aggregate(call.path === "/completions" ? "completion" : "chat");
    this.subscription = channel.subscribe(this);
  }

  /** Rejects with what the task failed with. A client that vanishes gives up its place. */
  async answer(signal: AbortSignal): Promise<JsonObject> {
    const gone = (): void => this.giveUp(new OrcoError("CANCELED", "the client has left"));
    signal.addEventListener("abort", gone, { once: true });
    if (signal.aborted) gone();
    this.wake();
    try {
      return await this.settled.promise;
    } finally {
      signal.removeEventListener("abort", gone);
    }
  }

  wake(): void {
    for (let frames = this.subscription.take(TAKE_BYTES); frames; frames = this.subscription.take(TAKE_BYTES)) {
      this.bytes += frames.byteLength;
      if (this.bytes > MAX_ANSWER_BYTES) return this.giveUp(tooLong());
      this.aggregate.push(frames);
    }
    const { outcome, answer } = this.channel;
    if (!outcome) return;
    if ("failure" in outcome) this.settled.reject(failureError(outcome.failure));
    else if (this.call.path === "/embeddings") this.settled.resolve(embeddings(answer ?? {}, this.call));
    else this.settled.resolve(this.aggregate.answer(outcome.end));
  }

  cut(cause?: unknown): void {
    this.giveUp(new OrcoError("INTERNAL", "the answer was given up", {}, { cause }));
  }

  private giveUp(error: OrcoError): void {
    this.settled.reject(error);
    this.subscription.leave();
  }
}

function tooLong(): OrcoError {
  const detail = `the answer is longer than ${MAX_ANSWER_BYTES} bytes of chunks; ask for a stream, or for fewer tokens`;
  return new OrcoError("INVALID_PARAMS", detail, { retriable: false, param: "max_tokens" });
}

/** SDKs ask for base64 unasked and take nothing else; engines that do not know it send numbers. */
function embeddings(answer: Json, { body }: OpenAiCall): JsonObject {
  const whole = isJsonObject(answer) ? answer : { object: "list", data: answer };
  const { data } = whole;
  if (body["encoding_format"] !== "base64" || !Array.isArray(data)) return whole;
  return { ...whole, data: (data as readonly Json[]).map(inBase64) };
}

function inBase64(entry: Json): Json {
  if (!isJsonObject(entry) || !Array.isArray(entry["embedding"])) return entry;
  const vector = entry["embedding"] as readonly Json[];
  if (!vector.every((one) => typeof one === "number")) return entry;
  const numbers = Float32Array.from(vector);
  return { ...entry, embedding: Buffer.from(numbers.buffer).toString("base64") };
}
