/** Numbers that depend on the seed alone (mulberry32). */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }

  pick<T>(from: readonly T[]): T {
    const picked = from[this.below(from.length)];
    if (picked === undefined) throw new Error("nothing to pick from");
    return picked;
  }

  times<T>(most: number, make: () => T): T[] {
    return Array.from({ length: this.below(most + 1) }, make);
  }
}

const METHODS = ["GET", "GET", "POST", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "SOURCE", "get"];
const TARGETS = [
  "/",
  "/a",
  "/a?b=c",
  "//a",
  "/a//b",
  "/a/../b",
  "/%2e%2e/b",
  "/a/%2E/b",
  "*",
  "http://b/",
  "HTTP://b:81/x?y",
  "http://b",
  "/a%2fb",
  "/%zz",
  "/a?%zz",
  "/a#b",
];
const VERSIONS = ["HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/1.10"];
const LINES = [
  "X: y",
  "x-y:z",
  "Accept: */*",
  "Cookie: a=b; c=d",
  "X:",
  "X: \t ",
  "X: \xff",
  "Connection: keep-alive",
  "Connection: close",
  "Connection: x, y",
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Expect: 100-continue",
  "Trailer: T",
  "TE: trailers",
  "Keep-Alive: x",
  "X-Forwarded-For: 1.2.3.4",
];
const LENGTHS = [
  "Content-Length: 5",
  "content-length:5",
  "Content-Length: \t5 ",
  "Content-Length: 0",
  "Transfer-Encoding: chunked",
  "transfer-encoding:\tCHUNKED",
];
const NASTY_LINES = [
  "Content-Length: +5",
  "Content-Length: 0x5",
  "Content-Length: 5, 5",
  "Content-Length:",
  "Content-Length: 5 5",
  "Content-Length: 05",
  "Content-Length: 99999999999999999999",
  "Content-Length : 5",
  "Content-Length\t: 5",
  " Content-Length: 5",
  "Content-Length: 5\nX: y",
  "Content-Length: 5\rX: y",
  "Content-Length:\x0b5",
  "Content_Length: 5",
  "Transfer-Encoding: gzip, chunked",
  "Transfer-Encoding: chunked, gzip",
  "Transfer-Encoding: identity",
  "Transfer-Encoding: xchunked",
  "Transfer-Encoding: chunked;x",
  "Transfer-Encoding : chunked",
  "Transfer-Encoding:\x0bchunked",
  "Transfer-Encoding:\r\n chunked",
  "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
  "Transfer-Encoding: ,chunked",
  "Transfer-Encoding",
  "Host: c",
  "Host:",
  "X: y\r\n z",
  "X: y\0",
  ": y",
  "Connection: content-length",
  "Connection: transfer-encoding, host",
];
const CHUNKS = ["5\r\nhello\r\n", "5;x\r\nhello\r\n", '1;a="b"\r\nx\r\n', "A\r\n0123456789\r\n", "00005\r\nhello\r\n"];
const NASTY_CHUNKS = [
  "5\nhello\n",
  "5 \r\nhello\r\n",
  "0x5\r\nhello\r\n",
  "+5\r\nhello\r\n",
  "4\r\nhello\r\n",
  "5\r\nhello\r\r\n",
  "5;\nhello\r\n",
  "fffffffffffffffff\r\nx\r\n",
  "5\r\nhello",
  ";\r\n",
];
const ENDS = [
  "0\r\n\r\n",
  "0\r\n\r\n",
  "0\r\n\r\n",
  "0\r\nX: y\r\n\r\n",
  "0\r\nX : y\r\n\r\n",
  "00\r\n\r\n",
  "0\n\n",
  "0\r\n\n",
  "0;x\r\n\r\n",
  "0\r\nContent-Length: 5\r\n\r\n",
  "-0\r\n\r\n",
];
const BYTES = [
  "\r",
  "\n",
  "\r\n",
  " ",
  "\t",
  "\0",
  ":",
  ",",
  ";",
  "0",
  "5",
  "a",
  "\x0b",
  "\x7f",
  "\xff",
  "/",
  "%",
  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
];

/** The bytes of one client connection: requests one after the other, most of them right, some of them changed. */
export function generateConnection(dice: Dice): Buffer {
  let text = Array.from({ length: 1 + dice.below(3) }, () => request(dice)).join("");
  if (dice.below(3) === 0) for (const change of dice.times(2, () => mutate)) text = change(text, dice);
  return Buffer.from(text, "latin1");
}

function request(dice: Dice): string {
  const lines = dice.times(3, () => dice.pick(LINES));
  if (dice.below(20) !== 0) lines.unshift(dice.pick(["Host: a", "host:b:80", "HOST: \tc"]));
  if (dice.below(2) === 0) lines.push(dice.pick(LENGTHS));
  if (dice.below(8) === 0) lines.splice(dice.below(lines.length + 1), 0, dice.pick(NASTY_LINES));
  const start = `${dice.pick(dice.below(3) === 0 ? METHODS : ["GET", "POST"])} ${dice.pick(dice.below(3) === 0 ? TARGETS : ["/a"])} ${dice.pick(dice.below(4) === 0 ? VERSIONS : ["HTTP/1.1"])}`;
  return `${start}\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n${body(lines.join("\n"), dice)}`;
}

/** Mostly what the header lines announce. */
function body(lines: string, dice: Dice): string {
  if (/chunked/i.test(lines) ? dice.below(12) !== 0 : dice.below(40) === 0) return chunked(dice);
  return /content-length.*[1-9]/i.test(lines) && dice.below(12) !== 0 ? "hello" : "";
}

function chunked(dice: Dice): string {
  return (
    dice.times(3, () => dice.pick(dice.below(12) === 0 ? NASTY_CHUNKS : CHUNKS)).join("") +
    dice.pick(dice.below(5) === 0 ? ENDS : ["0\r\n\r\n"])
  );
}

/** Something put in, taken out, put in the place of something, or said twice. */
function mutate(text: string, dice: Dice): string {
  const at = dice.below(text.length + 1);
  const to = Math.min(text.length, at + dice.below(4));
  const into = dice.pick(BYTES);
  return dice.pick([
    text.slice(0, at) + into + text.slice(at),
    text.slice(0, at) + text.slice(to),
    text.slice(0, at) + into + text.slice(at + 1),
    text.slice(0, to) + text.slice(at),
  ]);
}
