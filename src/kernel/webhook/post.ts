import { errnoOf, messageOf } from "../errors.ts";
import { MAX_ANSWER_BYTES, readAnswer, type WebhookAnswer } from "./answer.ts";

export interface PostTarget {
  /** Where the connection goes; nothing is looked up any more. */
  readonly address: string;
  readonly port: number;
  /** Whose certificate it must show; absent: no TLS. */
  readonly serverName?: string;
  /** PEM, in place of the usual authorities. */
  readonly ca?: string;
}

/**
 * Sends one request over a connection of its own and reads the head of the answer. Not `fetch`: that obeys HTTP_PROXY, and cannot be told which of a
 * name's addresses to take. Nothing is sent before the certificate is proven. Never rejects; ends when the signal aborts.
 */
export function post(target: PostTarget, request: Buffer, signal: AbortSignal): Promise<WebhookAnswer> {
  const { address: hostname, port, serverName, ca } = target;
  const answer = Promise.withResolvers<WebhookAnswer>();
  const fail = (problem: string): void => answer.resolve({ problem });
  let received = "";
  let unsent = request;
  let proven = serverName === undefined;
  const send = (socket: Bun.Socket): void => {
    if (proven) unsent = unsent.subarray(Math.max(0, socket.write(unsent)));
  };
  const settle = (closed: boolean): void => {
    const found = readAnswer(received, closed);
    if (found) answer.resolve(found);
  };
  const connecting = Bun.connect({
    hostname,
    port,
    ...(serverName !== undefined && { tls: { serverName, rejectUnauthorized: true, ...(ca !== undefined && { ca }) } }),
    socket: {
      open: send,
      handshake: (socket, success, error) => {
        proven = success && !error;
        if (proven) return send(socket);
        fail(`its certificate is not trusted (${errnoOf(error) ?? "unknown reason"})`);
        socket.terminate();
      },
      drain: send,
      data: (_socket, chunk) => {
        received += chunk.toString("latin1", 0, MAX_ANSWER_BYTES - received.length);
        settle(false);
      },
      error: (_socket, error) => fail(troubleOf(error)),
      end: (socket) => void socket.end(),
      close: () => settle(true),
    },
  });
  connecting.catch((error: unknown) => fail(troubleOf(error)));
  const onAbort = (): void => fail("cancelled");
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  return answer.promise.finally(() => {
    signal.removeEventListener("abort", onAbort);
    connecting.then((socket) => socket.terminate()).catch(() => undefined);
  });
}

function troubleOf(error: unknown): string {
  const code = errnoOf(error);
  if (code === "ECONNREFUSED") return "the connection was refused";
  if (code === "ECONNRESET" || code === "EPIPE") return "the connection was reset";
  return `the connection failed (${code ?? messageOf(error)})`;
}
