import { OrcoError } from "../../kernel/errors.ts";
import { plainLine } from "../../kernel/plain-text.ts";
import { Redactor } from "../../supervise/logs/redact.ts";

const TIMEOUT_MS = 30_000;
const MAX_ANSWER_BYTES = 1024 * 1024;

export interface PullRequest {
  /** `owner/name`. */
  readonly repo: string;
  readonly branch: string;
  /** The branch it is to go into. */
  readonly base: string;
  readonly title: string;
  readonly body: string;
}

export interface HostingApi {
  /** e.g. https://api.github.com */
  readonly api: string;
  readonly token: string;
  readonly signal: AbortSignal;
}

/** Opens it, or finds the one that is open for the branch. Returns its address for people. Throws `unavailable`, which never tells the token. */
export async function openPullRequest(wanted: PullRequest, hosting: HostingApi): Promise<string> {
  const { repo, branch, base, title, body } = wanted;
  if (!/^[\w.-]{1,100}\/[\w.-]{1,100}$/.test(repo) || /(?:^|\/)\.{1,2}(?:\/|$)/.test(repo))
    throw new OrcoError("invalid", `${JSON.stringify(plainLine(repo, 100))} is no repository: write owner/name`);
  const path = `/repos/${repo}/pulls`;
  const made = await ask(hosting, path, JSON.stringify({ title, body, head: branch, base }));
  if (made.status === 201) return addressOf(made.body);
  if (made.status === 422) {
    const owner = repo.split("/")[0] ?? "";
    const found = await ask(hosting, `${path}?state=open&head=${encodeURIComponent(`${owner}:${branch}`)}`);
    if (found.status === 200 && Array.isArray(found.body) && found.body.length > 0) return addressOf(found.body[0]);
  }
  throw failed(`it answered ${made.status}${new Redactor([hosting.token]).clean(messageIn(made.body))}`);
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

async function ask({ api, token, signal }: HostingApi, path: string, body?: string): Promise<Answer> {
  const headers = {
    accept: "application/vnd.github+json",
    "content-type": "application/json",
    "user-agent": "orco",
    "x-github-api-version": "2022-11-28",
    authorization: `Bearer ${token}`,
  };
  try {
    const response = await fetch(`${api}${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers,
      // The token goes to nobody else.
      redirect: "manual",
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
      ...(body !== undefined && { body }),
    });
    return { status: response.status, body: parsed(await boundedText(response)) };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof OrcoError) throw error;
    throw failed(
      error instanceof Error && error.name === "TimeoutError" ? `no answer within ${TIMEOUT_MS / 1000} s` : "it cannot be reached",
    );
  }
}

async function boundedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw failed("its answer is too long");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function addressOf(body: unknown): string {
  const url = (body as { html_url?: unknown } | undefined)?.html_url;
  if (typeof url === "string" && /^https?:\/\//.test(url) && URL.canParse(url)) return plainLine(url, 2000);
  throw failed("its answer names no pull request");
}

function messageIn(body: unknown): string {
  const message = (body as { message?: unknown } | undefined)?.message;
  return typeof message === "string" ? `: ${plainLine(message, 200)}` : "";
}

function failed(why: string): OrcoError {
  return new OrcoError("unavailable", `the hosting API did not open a pull request: ${why}`);
}
