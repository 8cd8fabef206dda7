import { STATUS_CODES } from "node:http";

/** What the edge itself answers, when no target can (edge.md, Errors). */
export interface Failure {
  readonly status: number;
  /** Of `X-Orco-Error`: for machines. */
  readonly code: string;
  /** One sentence for people: what happened and what to do. */
  readonly detail: string;
}

export const FAILURES = {
  no_such_host: {
    status: 404,
    code: "no_such_host",
    detail: "Nothing here answers for this host name. Check the address, or the hosts of the app.",
  },
  target_refused: { status: 502, code: "target_refused", detail: "The app does not accept connections. Look at its state and its log." },
  target_closed: { status: 502, code: "target_closed", detail: "The app closed the connection before it answered. Look at its log." },
  target_invalid: {
    status: 502,
    code: "target_invalid",
    detail: "The app sent something that is not one HTTP response. Look at what it answers.",
  },
  no_target: { status: 503, code: "no_target", detail: "The app is not running at the moment. Try again shortly." },
  too_many_held: {
    status: 503,
    code: "too_many_held",
    detail: "The app is starting and too many requests wait for it already. Try again shortly.",
  },
  connect_timeout: {
    status: 504,
    code: "connect_timeout",
    detail: "The app did not accept the connection in time. Look at its state and its load.",
  },
  response_timeout: { status: 504, code: "response_timeout", detail: "The app did not answer in time. Look at its log and its load." },
  request_timeout: { status: 408, code: "request_timeout", detail: "The request did not arrive in time. Send it again." },
  drained: { status: 503, code: "drained", detail: "This version of the app was stopped before it answered. Send the request again." },
} as const satisfies Record<string, Failure>;

/** What of the request shapes the answer. */
export interface PageFor {
  readonly method: string;
  readonly version: 0 | 1;
  readonly accept: string;
  readonly requestId: string;
  readonly keepAlive: boolean;
}

/** The whole answer: HTML for browsers, problem+json (RFC 9457) for the rest. No cache keeps it. */
export function pageOf(failure: Failure, asked: PageFor): Buffer {
  const html = asked.accept.includes("text/html");
  const body = Buffer.from(html ? htmlOf(failure, asked.requestId) : problemOf(failure, asked.requestId));
  const lines = [
    `HTTP/1.1 ${failure.status} ${reasonOf(failure.status)}`,
    `Content-Type: ${html ? "text/html; charset=utf-8" : "application/problem+json"}`,
    `Content-Length: ${body.length}`,
    "Cache-Control: no-store",
    `X-Orco-Error: ${failure.code}`,
    `X-Request-Id: ${asked.requestId}`,
  ];
  if (failure.status === 503) lines.push("Retry-After: 1");
  if (!asked.keepAlive) lines.push("Connection: close");
  else if (asked.version === 0) lines.push("Connection: keep-alive");
  const head = Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
  return asked.method === "HEAD" ? head : Buffer.concat([head, body]);
}

function reasonOf(status: number): string {
  return STATUS_CODES[status] ?? "Error";
}

function problemOf({ status, code, detail }: Failure, requestId: string): string {
  return `${JSON.stringify({ type: "about:blank", title: reasonOf(status), status, code, detail, request_id: requestId })}\n`;
}

function htmlOf({ status, code, detail }: Failure, requestId: string): string {
  const title = `${status} ${reasonOf(status)}`;
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:36em;margin:15vh auto;padding:0 1em;color:#222;background:#fff}code{color:#666}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#111}}</style>
<h1>${title}</h1><p>${Bun.escapeHTML(detail)}</p><p><code>${Bun.escapeHTML(code)} · ${Bun.escapeHTML(requestId)}</code></p>
`;
}
