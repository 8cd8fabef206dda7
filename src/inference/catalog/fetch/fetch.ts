import type { Progress } from "../digest.ts";
import type { ModelRecord } from "../record.ts";
import type { FileFacts, ModelRoots } from "../roots.ts";
import type { Source } from "../source.ts";
import { diskTrouble, Partial } from "./partial.ts";
import type { FetchPorts } from "./ports.ts";
import type { Reply } from "./reply.ts";
import { request } from "./request.ts";
import { FetchTrouble } from "./trouble.ts";

/** However much each of them brings. */
const MAX_TRIES = 1000;
const MAX_BACKOFF_MS = 30_000;

interface Wanted {
  readonly record: Pick<ModelRecord, "id" | "digest">;
  readonly source: Source & { readonly kind: "remote" };
  /** Where the file goes. */
  readonly path: string;
  readonly roots: ModelRoots;
}

interface Run {
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/**
 * Fetches a file to its place, and goes on where it was cut off. `facts` are absent when it is not what was registered: then it is thrown away.
 * Throws `FetchTrouble`, or the signal's reason; what was fetched so far stays, unless the disk is full.
 */
export async function fetchModel(wanted: Wanted, ports: FetchPorts, run: Run): Promise<{ digest: string; facts?: FileFacts }> {
  const { record, source, path, roots } = wanted;
  const sure = record.digest !== undefined;
  const partial = await onDisk(roots.first, () => Partial.open({ roots, id: record.id, url: source.url.href, sure }, run.signal));
  try {
    await insist(() => attempt(wanted, partial, { ports, run }), partial, { ports, run });
    const digest = `sha256:${partial.hasher.digest("hex")}`;
    if (sure && digest !== record.digest) {
      await partial.discard();
      return { digest };
    }
    await onDisk(path, () => partial.settle(path, roots));
    const facts = roots.look(path);
    if (!facts) throw new FetchTrouble("lasting", `${path} has gone as soon as it was there`);
    return { digest, facts };
  } catch (error) {
    if (error instanceof FetchTrouble && error.kind === "full") await partial.discard();
    throw error;
  } finally {
    await partial.close();
  }
}

interface Means {
  readonly ports: FetchPorts;
  readonly run: Run;
}

/** Tries that lead further than any before are no failures. */
async function insist(attempt: () => Promise<void>, partial: Partial, { ports: { clock, limits }, run: { signal } }: Means): Promise<void> {
  let inVain = 0;
  let furthest = partial.size;
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof FetchTrouble) || error.kind !== "passing") throw error;
      inVain = partial.size > furthest ? 0 : inVain + 1;
      furthest = Math.max(furthest, partial.size);
      if (inVain >= limits.tries || tries >= MAX_TRIES)
        throw new FetchTrouble("lasting", `${error.message}, ${tries} times; what is there is kept: fetch it again to go on`);
    }
    const most = Math.min(MAX_BACKOFF_MS, limits.backoffMs * 2 ** inVain);
    await clock.sleep(clock.random() * most, signal);
  }
}

async function attempt({ source, roots }: Wanted, partial: Partial, { ports, run: { progress, signal } }: Means): Promise<void> {
  const { url, redirects } = source;
  const { validator } = partial;
  const headers = validator === undefined ? [] : [`Range: bytes=${partial.size}-`, `If-Range: ${validator}`];
  const reply = await request({ url, redirects, headers }, ports, signal);
  try {
    const total = await onDisk(roots.first, () => accept(reply, partial, url.href));
    if (total !== undefined && total > ports.limits.maxBytes)
      throw new FetchTrouble("lasting", `it is ${total} bytes, and nothing larger than ${ports.limits.maxBytes} is fetched`);
    progress.total = total ?? 0;
    progress.done = partial.size;
    if (total !== undefined) await partial.assertFits(total - partial.size);
    for await (const chunk of reply.chunks()) {
      if (partial.size + chunk.length > ports.limits.maxBytes)
        throw new FetchTrouble("lasting", `it goes on for more than ${ports.limits.maxBytes} bytes`);
      await onDisk(roots.first, () => partial.write(chunk));
      progress.done = partial.size;
    }
    if (total !== undefined && partial.size !== total)
      throw new FetchTrouble("passing", `${partial.size} bytes came, and ${total} were announced`);
  } finally {
    reply.close();
  }
}

/** Makes the partial file fit the answer. Returns how long the whole file is, where the sender says. */
async function accept(reply: Reply, partial: Partial, url: string): Promise<number | undefined> {
  const { status } = reply;
  if (status === 206) return continued(reply, partial);
  if (status === 416) {
    await partial.restart();
    throw new FetchTrouble("passing", "the file is shorter than what was fetched of it: it is fetched anew");
  }
  if (status !== 200) throw refusal(status);
  const length = reply.header("content-length");
  await partial.restart({ url, validator: validatorOf(reply) });
  if (length === undefined && reply.header("transfer-encoding") === undefined)
    throw new FetchTrouble("lasting", "the sender does not say how long the file is, so that nobody could tell whether it is whole");
  return length === undefined ? undefined : Number(length);
}

async function continued(reply: Reply, partial: Partial): Promise<number> {
  const [, first, last, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(reply.header("content-range") ?? "") ?? [];
  const isRest = Number(first) === partial.size && Number(last) === Number(total) - 1;
  const validator = validatorOf(reply);
  if (isRest && (validator === undefined || validator === partial.validator)) return Number(total);
  await partial.restart();
  throw new FetchTrouble("passing", "the sender went on with something else: it is fetched anew");
}

/** A weak ETag does not say that the bytes are the same (RFC 9110 §13.1.5). */
function validatorOf(reply: Reply): string | undefined {
  const etag = reply.header("etag");
  if (etag !== undefined) return etag.startsWith('"') ? etag : undefined;
  return reply.header("last-modified");
}

function refusal(status: number): FetchTrouble {
  const isPassing = status === 408 || status === 429 || status >= 500;
  const why =
    status === 401 || status === 403 ? ": it wants a login (for Hugging Face: HF_TOKEN)" : status === 404 ? ": there is no such file" : "";
  return new FetchTrouble(isPassing ? "passing" : "lasting", `the sender answered ${status}${why}`);
}

async function onDisk<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw diskTrouble(error, path) ?? error;
  }
}
