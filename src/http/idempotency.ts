import { createHash } from "node:crypto";
import { canonical } from "../kernel/canonical.ts";
import type { Clock } from "../kernel/clock.ts";
import { OrcoError } from "../kernel/errors.ts";
import type { Journal } from "../kernel/journal.ts";
import type { Ctx } from "./context.ts";
import { type IdempotencyRow, IdempotencyStore, type StoredAnswer } from "./idempotency-store.ts";
import { refusalResponse } from "./refusal.ts";

const KEY = /^[\x21-\x7e]{1,255}$/;
const RETRY_AFTER_S = 1;
/** A longer answer is not kept: a repeated request is carried out again, under the same reserved id. */
const MAX_KEPT = 1024 * 1024;

export interface IdempotencyDeps {
  readonly journal: Pick<Journal, "query" | "append">;
  readonly clock: Clock;
  readonly newId: () => string;
  /** Keys of different callers are different keys. */
  readonly callerOf: (c: Ctx) => string;
  /** The answer could not be kept; it is given all the same. */
  readonly onError: (error: unknown) => void;
}

/**
 * `reserved`: the id for what the request makes. It is on disk before, and the same when the request is repeated after a crash (or after a 5xx):
 * a maker that returns what has this id already makes nothing twice. Undefined without a key.
 */
export type Handle = (reserved: string | undefined) => Response | Promise<Response>;

/**
 * Idempotency-Key (api.md) for whatever creates. The same key, path, caller and body within 24 h is given the stored answer, with
 * `Idempotency-Replayed: true`; 422 `unprocessable` for another body or query, 409 `conflict` while the first is under way, 400 for a bad key. Answers from 500
 * on, and those that ask to come again (Retry-After), are not stored.
 */
export function idempotent(deps: IdempotencyDeps): (c: Ctx, body: unknown, handle: Handle) => Promise<Response> {
  const store = new IdempotencyStore(deps.journal);
  /** Of this daemon: row id to hash of the request. */
  const running = new Map<string, string>();
  return async (c, body, handle) => {
    const key = c.req.header("idempotency-key");
    if (key === undefined) return handle(undefined);
    if (!KEY.test(key)) throw new OrcoError("invalid", "the Idempotency-Key is not 1 to 255 visible ASCII characters", {});
    const id = digest([deps.callerOf(c), c.req.method, c.req.path, key]);
    const request = digest([new URL(c.req.url).search, canonical(body)]);
    // From here to `running.set` nothing is awaited: of two requests with one key one gets through.
    const kept = running.has(id) ? undefined : store.get(id, deps.clock.now());
    assertSame(running.get(id) ?? kept?.request, request);
    if (running.has(id)) throw underWay();
    if (kept?.answer) return replayed(kept.answer);
    running.set(id, request);
    try {
      const started: IdempotencyRow = kept ?? { request, reserved: deps.newId() };
      if (!kept) await store.put(id, started, deps.clock.now());
      const { response, answer } = await carriedOut(c, () => handle(started.reserved));
      if (answer) await store.put(id, { ...started, answer }, deps.clock.now()).catch(deps.onError);
      return response;
    } finally {
      running.delete(id);
    }
  };
}

/** Refusals are answers too; what is not kept is thrown on, for the log. */
async function carriedOut(c: Ctx, handle: () => Response | Promise<Response>): Promise<{ response: Response; answer?: StoredAnswer }> {
  let response: Response;
  try {
    response = await handle();
  } catch (error) {
    response = refusalResponse(c, error);
    if (!isKept(response, c)) throw error;
  }
  if (!isKept(response, c)) return { response };
  const body = await response.text();
  const { status, headers } = response;
  const again = new Response(bodyFor(status, body), { status, headers });
  return body.length > MAX_KEPT ? { response: again } : { response: again, answer: { status, headers: [...headers], body } };
}

/** What somebody who hung up was told is no answer to anybody. */
function isKept({ status, headers }: Response, c: Ctx): boolean {
  return status < 500 && !headers.has("retry-after") && !c.req.raw.signal.aborted;
}

function replayed({ status, headers, body }: StoredAnswer): Response {
  const answer = new Response(bodyFor(status, body), { status, headers: headers.map(([name, value]): [string, string] => [name, value]) });
  answer.headers.set("idempotency-replayed", "true");
  return answer;
}

function bodyFor(status: number, body: string): string | null {
  return status === 204 || status === 304 ? null : body;
}

function assertSame(former: string | undefined, request: string): void {
  if (former === undefined || former === request) return;
  throw new OrcoError("unprocessable", "this Idempotency-Key was used for another request; take a new key for a new request");
}

function underWay(): OrcoError {
  return new OrcoError("conflict", "the first request with this Idempotency-Key is still under way; ask again for its answer", {
    retry_after_s: RETRY_AFTER_S,
  });
}

function digest(parts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}
