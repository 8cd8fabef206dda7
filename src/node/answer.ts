import type { Wire } from "../edge/wire.ts";

const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  502: "Bad Gateway",
  503: "Service Unavailable",
};

/** One whole answer; the connection ends with it. */
export function answerJson(wire: Wire, status: number, body: unknown): void {
  const text = Buffer.from(JSON.stringify(body));
  const type = status < 400 ? "application/json" : "application/problem+json";
  const head = [
    `HTTP/1.1 ${status} ${REASONS[status] ?? "Error"}`,
    `Content-Type: ${type}`,
    `Content-Length: ${text.length}`,
    "X-Content-Type-Options: nosniff",
    ...(status === 401 ? ['WWW-Authenticate: Bearer realm="orco"'] : []),
    "Connection: close",
  ];
  wire.write(Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), text]));
  wire.end();
}

/** RFC 9457, as the daemon answers. */
export function answerProblem(wire: Wire, status: number, { code, message }: { code: string; message: string }): void {
  answerJson(wire, status, { type: "about:blank", title: REASONS[status] ?? "Error", status, code, message, detail: message });
}
