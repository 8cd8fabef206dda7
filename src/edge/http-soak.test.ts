import { expect, test } from "bun:test";
import { connect, createServer, type Socket } from "node:net";
import { until } from "../../test/until.ts";
import { EdgeFixture, active } from "./http/frontend-fixture.ts";

const ROUNDS = 40;
const CLIENTS = 24;
const REQUESTS = 6;

/** Deterministic, so that a failure can be had again: SOAK_SEED. */
function dice(seed: number): (sides: number) => number {
  let state = seed >>> 0;
  return (sides) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

/** What a target answers to request `id`: all of it names the id, so that a byte of somebody else's answer would be seen. */
function answerOf(id: string, head: boolean, roll: (sides: number) => number): { bytes: string; close: boolean } {
  const body = `<${id}>`.repeat(1 + roll(roll(8) === 0 ? 9000 : 5));
  const start = `HTTP/1.1 200 OK\r\nX-Id: ${id}\r\n`;
  const interim = roll(6) === 0 ? `HTTP/1.1 103 Early Hints\r\nX-Id: ${id}\r\n\r\n` : "";
  switch (roll(7)) {
    case 0:
      return { bytes: `${interim}${start}Transfer-Encoding: chunked\r\n\r\n${head ? "" : chunked(body, roll)}`, close: false };
    case 1:
      return { bytes: `${interim}${start}Connection: close\r\n\r\n${head ? "" : body}`, close: true };
    case 2:
      return { bytes: `HTTP/1.1 204 No Content\r\nX-Id: ${id}\r\n\r\n`, close: false };
    case 3:
      return { bytes: `${start}Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${head ? "" : body}`, close: true };
    default:
      return { bytes: `${interim}${start}Content-Length: ${body.length}\r\n\r\n${head ? "" : body}`, close: false };
  }
}

function chunked(body: string, roll: (sides: number) => number): string {
  let text = "";
  for (let at = 0; at < body.length;) {
    const size = Math.min(body.length - at, 1 + roll(2000));
    text += `${size.toString(16)}\r\n${body.slice(at, at + size)}\r\n`;
    at += size;
  }
  return `${text}0\r\n\r\n`;
}

/** Reads requests one after the other and answers them in pieces; now and then it breaks off, or answers before it has read the body. */
class OddTarget {
  readonly server = createServer({ allowHalfOpen: true }, (socket) => this.serve(socket));

  constructor(private readonly roll: (sides: number) => number) {}

  private serve(socket: Socket): void {
    let text = "";
    let answering = false;
    const next = async (): Promise<void> => {
      if (answering) return;
      answering = true;
      for (let message = this.first(text); message; message = this.first(text)) {
        text = text.slice(message.bytes);
        if (!(await this.answer(socket, message))) return;
        // Whoever answers early does not know where the next request begins.
        if (message.early) return void socket.end();
      }
      answering = false;
    };
    socket.on("error", () => undefined);
    socket.on("data", (bytes: Buffer) => {
      text += bytes.toString("latin1");
      void next();
    });
    socket.on("end", () => socket.end());
  }

  private first(text: string): { id: string; head: boolean; bytes: number; early: boolean } | undefined {
    const end = text.indexOf("\r\n\r\n");
    if (end === -1) return undefined;
    const [, method = "", id = ""] = /^(\w+) \/([^ ]+) HTTP\/1\.1\r\n/.exec(text) ?? [];
    if (id === "") throw new Error(`no request: ${JSON.stringify(text.slice(0, 80))}`);
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(text.slice(0, end))?.[1] ?? 0);
    if (text.length < end + 4 + length && this.roll(4) > 0) return undefined;
    if (!`<${id}>`.repeat(length).startsWith(text.slice(end + 4, end + 4 + length))) throw new Error(`the body of ${id} is another's`);
    const bytes = Math.min(text.length, end + 4 + length);
    return { id, head: method === "HEAD", bytes, early: bytes < end + 4 + length };
  }

  /** False when the connection is over. */
  private async answer(socket: Socket, { id, head }: { id: string; head: boolean }): Promise<boolean> {
    const { roll } = this;
    const { bytes, close } = answerOf(id, head, roll);
    const cut = roll(15) === 0 ? roll(bytes.length) : bytes.length;
    for (let at = 0; at < cut;) {
      const to = Math.min(cut, at + 1 + roll(roll(3) === 0 ? 40 : 8000));
      socket.write(Buffer.from(bytes.slice(at, to), "latin1"));
      at = to;
      if (roll(3) === 0) await new Promise(setImmediate);
    }
    if (cut < bytes.length) socket.resetAndDestroy();
    else if (close) socket.end();
    return cut === bytes.length && !close;
  }
}

/** Sends requests, pipelined or not, and leaves when it likes. The text of what it got. */
async function client(port: number, name: string, roll: (sides: number) => number): Promise<{ name: string; text: string }> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  const over = Promise.withResolvers<void>();
  let text = "";
  socket.on("data", (bytes: Buffer) => {
    text += bytes.toString("latin1");
    if (roll(200) === 0) socket.resetAndDestroy();
  });
  socket.on("error", () => undefined);
  socket.on("end", () => socket.end());
  socket.on("close", () => over.resolve());
  for (let n = 0; n < REQUESTS; n++) {
    const id = `${name}-${n}`;
    const body = roll(3) === 0 ? `<${id}>`.repeat(1 + roll(2000)) : "";
    const method = body === "" ? (["GET", "GET", "HEAD", "DELETE"][roll(4)] ?? "GET") : "POST";
    const bytes = `${method} /${id} HTTP/1.1\r\nHost: a.example\r\n${body === "" ? "" : `Content-Length: ${body.length}\r\n`}\r\n${body}`;
    const cut = roll(12) === 0 ? roll(bytes.length) : bytes.length;
    socket.write(Buffer.from(bytes.slice(0, cut), "latin1"));
    if (cut < bytes.length) break;
    if (roll(2) === 0) await new Promise(setImmediate);
  }
  if (roll(4) === 0) socket.resetAndDestroy();
  else socket.end();
  await over.promise;
  return { name, text };
}

test("among clients and targets that end in all ways nobody gets a byte of another's, and nothing is left over", async () => {
  const seed = Number(process.env["SOAK_SEED"] ?? Date.now() % 1e9);
  console.log(`SOAK_SEED=${seed}`);
  const roll = dice(seed);
  using edge = await EdgeFixture.start();
  const odd = new OddTarget(roll);
  const { promise, resolve } = Promise.withResolvers<void>();
  odd.server.listen(0, "127.0.0.1", resolve);
  await promise;
  const address = odd.server.address();
  edge.put({ targets: [active({ id: "odd", port: typeof address === "object" && address ? address.port : 0 })] });
  for (let round = 0; round < ROUNDS; round++) {
    const all = await Promise.all(Array.from({ length: CLIENTS }, (_, n) => client(edge.port, `r${round}c${n}`, roll)));
    for (const { name, text } of all) {
      const strangers = [...text.matchAll(/(?:<|X-Id: )(r\d+c\d+)-\d+/g)].filter(([, who]) => who !== name);
      expect(strangers.map(([what]) => what)).toEqual([]);
      // In order, each once.
      const heads = [...text.matchAll(/HTTP\/1\.1 2\d\d [^]*?X-Id: \S+-(\d+)\r\n/g)].map(([, n]) => Number(n));
      expect(heads).toEqual(heads.toSorted((a, b) => a - b));
    }
  }
  await until("an end of all", () => edge.frontend.connections === 0 && edge.pool.inFlight === 0);
  expect(edge.stats).toMatchObject({ inFlight: 0, held: 0, connections: 0 });
  odd.server.close();
}, 60_000);
