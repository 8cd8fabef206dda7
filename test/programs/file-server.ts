import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";

/** A request as it came. */
export interface Asked {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface FileServer extends AsyncDisposable {
  readonly port: number;
  readonly asked: readonly Asked[];
  /** How many connections are open. */
  open(): number;
  /** What holds (`hold=`) goes on. */
  release(): void;
}

/** Byte `at` of the file of that seed: every position differs from its neighbours, so that one byte in the wrong place changes the digest. */
export function contentOf(size: number, { seed = 1, from = 0 } = {}): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  for (let n = 0; n < size; n++) bytes[n] = ((from + n) * 131 + ((from + n) >>> 8) * 7 + ((from + n) >>> 16) * 3 + seed * 17) & 255;
  return bytes;
}

const PIECE = 64 * 1024;

/**
 * A file server that misbehaves as its URL says. `/anything?size=N` is a file of N bytes with ETag and ranges; beside it:
 * `seed` other content and ETag · `cut=K` the connection breaks after K bytes, `times` (1) times · `hold=K` nothing comes after K bytes until `release()`, `times` times ·
 * `norange` ranges are passed over · `noetag`, `weak` · `nolength` the connection's end is the file's end · `chunked` · `say=N` another Content-Length · `status=N` `times` times ·
 * `to=URL` a redirect · `shift=N` the range begins N bytes late · `rate=N` bytes a second · `change` from the second request on it is another file.
 */
export async function startFileServer(tls?: { readonly key: string; readonly cert: string }): Promise<FileServer> {
  const asked: Asked[] = [];
  const sockets = new Set<Socket>();
  const held: (() => void)[] = [];
  const faults = new Map<string, number>();
  const serve = (socket: Socket): void => {
    sockets.add(socket);
    socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
    let text = "";
    socket.on("data", (bytes: Buffer) => {
      text += bytes.toString("latin1");
      const end = text.indexOf("\r\n\r\n");
      if (end < 0) return;
      const request = readAsked(text.slice(0, end));
      text = text.slice(end + 4);
      asked.push(request);
      void answer(socket, request, { faults, held }).catch(() => socket.destroy());
    });
  };
  const server: Server = tls ? createTlsServer(tls, serve) : createServer(serve);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const release = (): void => held.splice(0).forEach((go) => go());
  return {
    port: (server.address() as { port: number }).port,
    asked,
    open: () => sockets.size,
    release,
    [Symbol.asyncDispose]: async () => {
      release();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function readAsked(head: string): Asked {
  const [line = "", ...fields] = head.split("\r\n");
  const headers = fields.map((field) => [field.slice(0, field.indexOf(":")).toLowerCase(), field.slice(field.indexOf(":") + 1).trim()]);
  return { path: line.split(" ")[1] ?? "", headers: Object.fromEntries(headers) as Record<string, string> };
}

interface State {
  readonly faults: Map<string, number>;
  readonly held: (() => void)[];
}

async function answer(socket: Socket, { path, headers }: Asked, state: State): Promise<void> {
  const { searchParams: query } = new URL(path, "http://x");
  const number = (name: string, other: number): number => (query.has(name) ? Number(query.get(name)) : other);
  const seen = (state.faults.get(path) ?? 0) + 1;
  state.faults.set(path, seen);
  const isFaulty = seen <= number("times", 1);
  if (query.has("to")) return void socket.end(`HTTP/1.1 302 Found\r\nLocation: ${query.get("to")}\r\nContent-Length: 0\r\n\r\n`);
  if (query.has("status") && isFaulty) return void socket.end(`HTTP/1.1 ${query.get("status")} No\r\nContent-Length: 0\r\n\r\n`);
  const size = number("size", 0);
  const seed = number("seed", 1) + (query.has("change") && seen > 1 ? 1 : 0);
  const etag = query.has("weak") ? `W/"${seed}"` : `"${seed}-${size}"`;
  const wanted = Number(/^bytes=(\d+)-$/.exec(headers["range"] ?? "")?.[1] ?? -1);
  const isRange = wanted >= 0 && !query.has("norange") && headers["if-range"] === etag;
  if (isRange && wanted >= size) return void socket.end(`HTTP/1.1 416 No\r\nContent-Range: bytes */${size}\r\nContent-Length: 0\r\n\r\n`);
  const from = isRange ? wanted + number("shift", 0) : 0;
  const fields = [
    isRange ? "HTTP/1.1 206 Partial Content" : "HTTP/1.1 200 OK",
    ...(query.has("noetag") ? [] : [`ETag: ${etag}`]),
    ...(isRange ? [`Content-Range: bytes ${from}-${size - 1}/${size}`] : []),
    ...(query.has("nolength")
      ? []
      : query.has("chunked")
        ? ["Transfer-Encoding: chunked"]
        : [`Content-Length: ${number("say", size - from)}`]),
  ];
  socket.write(`${fields.join("\r\n")}\r\n\r\n`);
  await send(socket, { from, size, seed }, { query, number, isFaulty, held: state.held });
}

async function send(
  socket: Socket,
  { from, size, seed }: { from: number; size: number; seed: number },
  how: { query: URLSearchParams; number: (name: string, other: number) => number; isFaulty: boolean; held: (() => void)[] },
): Promise<void> {
  const { query, number, isFaulty, held } = how;
  const stop = isFaulty ? Math.min(from + number("cut", Infinity), from + number("hold", Infinity)) : Infinity;
  for (let at = from; at < size && !socket.destroyed;) {
    const bytes = Math.min(PIECE, size - at, Math.max(0, stop - at));
    if (bytes === 0) {
      if (query.has("cut")) return void socket.resetAndDestroy();
      await new Promise<void>((resolve) => {
        held.push(resolve);
        socket.once("close", () => resolve());
      });
      return void socket.destroy();
    }
    const content = contentOf(bytes, { seed, from: at });
    if (query.has("chunked")) socket.write(`${bytes.toString(16)}\r\n`);
    const hasRoom = socket.write(content);
    if (query.has("chunked")) socket.write("\r\n");
    if (!hasRoom) await drained(socket);
    if (query.has("rate")) await new Promise((resolve) => setTimeout(resolve, (bytes / number("rate", 1)) * 1000));
    at += bytes;
  }
  socket.end(query.has("chunked") ? "0\r\n\r\n" : "");
}

/** Or closed. */
function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off("drain", done).off("close", done);
      resolve();
    };
    socket.on("drain", done).on("close", done);
  });
}
