import type { Clock } from "../clock.ts";
import { formatDuration } from "../duration.ts";
import type { WebhookAnswer } from "./answer.ts";
import { post, type PostTarget } from "./post.ts";

export const TRY_TIMEOUT_MS = 5000;

/** One try: one connection, 5 s. Never rejects. */
export async function attempt(
  target: PostTarget,
  request: Buffer,
  { clock, signal }: { clock: Clock; signal?: AbortSignal | undefined },
): Promise<WebhookAnswer> {
  const limit = new AbortController();
  let late = false;
  const cancel = clock.after(TRY_TIMEOUT_MS, () => {
    late = true;
    limit.abort();
  });
  const answer = await post(target, request, signal ? AbortSignal.any([signal, limit.signal]) : limit.signal);
  cancel();
  return late ? { problem: `no answer within ${formatDuration(TRY_TIMEOUT_MS)}` } : answer;
}

export function isDelivered(answer: WebhookAnswer): boolean {
  return "status" in answer && answer.status >= 200 && answer.status < 300;
}

/** Only what may pass by itself is tried again. */
export function isFinal(answer: WebhookAnswer): boolean {
  return "status" in answer && answer.status < 500 && answer.status !== 408 && answer.status !== 429;
}

/** Completes "webhook on <host>: …". */
export function whyOf(answer: WebhookAnswer): string {
  if ("problem" in answer) return answer.problem;
  const redirects = answer.status >= 300 && answer.status < 400 ? "; redirects are not followed" : "";
  return `it answered ${answer.status} ${answer.reason}`.trimEnd() + redirects;
}
