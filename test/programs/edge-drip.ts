/**
 * A thousand clients that never come to the point: `edge-drip.ts <port> <connections>`. Half of them send a head, the others a body, byte by byte.
 * Says `ready` when all are connected; ends when its input does.
 */
import { connect, type Socket } from "bun";

const [port = 0, count = 0] = process.argv.slice(2).map(Number);
/** Each sends ten bytes a second. */
const PERIOD_MS = 100;
const SLICES = 10;
/** As long as a head may be: looking at all of it for each byte would be dear. */
const HEAD = `GET / HTTP/1.1\r\nHost: a.example\r\n${"X-A: b\r\n".repeat(1_800)}X-A: `;
const BODY = "POST /drip HTTP/1.1\r\nHost: a.example\r\nContent-Length: 1000000\r\n\r\n";

const socket = { data: () => undefined, error: () => undefined };
const clients: Socket[] = [];
for (let n = 0; n < count; n++) {
  const client = await connect({ hostname: "127.0.0.1", port, socket });
  client.write(n % 2 === 0 ? HEAD : BODY);
  clients.push(client);
}
console.log("ready");

let slice = 0;
setInterval(() => {
  slice = (slice + 1) % SLICES;
  for (let n = slice; n < clients.length; n += SLICES) clients[n]?.write("a");
}, PERIOD_MS / SLICES);
for await (const _ of Bun.stdin.stream()) void _;
process.exit(0);
