import { afterEach, expect, test } from "bun:test";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { until } from "../../test/until.ts";

/** 1 GiB with ORCO_SPLICE_MIB=1024. */
const MIB = Number(process.env.ORCO_SPLICE_MIB ?? 96);
const TOTAL = MIB * 2 ** 20;
/** Sockets hold up to a few MiB in the kernel; what a splice may add is its queues and what the collector has not freed yet. */
const GROWTH_MIB = 64;
const BLOCK = Buffer.alloc(256 * 1024, 5);

const toDo: (() => unknown)[] = [];
afterEach(async () => {
  for (const undo of toDo.splice(0)) await undo();
});

async function targetPort(onSocket: (socket: Socket) => void): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, onSocket).listen(0, "127.0.0.1");
  toDo.push(() => server.close());
  await once(server, "listening");
  const address = server.address();
  return typeof address === "object" && address ? address.port : 0;
}

interface Proxy {
  readonly port: number;
  /** The most memory it ever had, in MiB. */
  peakMib(): number;
}

async function proxyTo(port: number): Promise<Proxy> {
  const child = Bun.spawn([process.execPath, new URL("../../test/programs/tcp-proxy.ts", import.meta.url).pathname, String(port)]);
  toDo.push(() => {
    child.kill();
    return child.exited;
  });
  for await (const line of child.stdout.pipeThrough(new TextDecoderStream())) {
    return { port: Number(line), peakMib: () => peakOf(child.pid) };
  }
  throw new Error("the proxy said nothing");
}

/** proc(5), VmHWM. */
function peakOf(pid: number): number {
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}

function client(port: number): Socket {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  toDo.push(() => socket.destroy());
  return socket;
}

/** Writes TOTAL bytes as fast as they are taken, then ends. */
async function pour(socket: Socket): Promise<void> {
  for (let left = TOTAL; left > 0; left -= BLOCK.length) {
    if (!socket.write(BLOCK.subarray(0, left))) await once(socket, "drain");
  }
  socket.end();
}

/** Reads nothing until its writer has got stuck, then in sips. */
async function sip(socket: Socket, stuck: () => Promise<unknown>): Promise<number> {
  let got = 0;
  let sinceRest = 0;
  socket.pause();
  await stuck();
  socket.on("data", (bytes: Buffer) => {
    got += bytes.length;
    sinceRest += bytes.length;
    if (sinceRest < 2 ** 20) return;
    sinceRest = 0;
    socket.pause();
    setImmediate(() => socket.resume());
  });
  socket.resume();
  await once(socket, "end");
  return got;
}

/** Nothing more of what is written goes anywhere. */
async function stopped(socket: () => Socket | undefined): Promise<void> {
  let before = -1;
  let same = 0;
  await until("the writer to be stuck", () => {
    const now = socket()?.bytesWritten ?? -1;
    same = now === before && now > 0 ? same + 1 : 0;
    before = now;
    return same > 50;
  });
}

for (const direction of ["to", "from"] as const) {
  test(`${MIB} MiB ${direction} a client, past a reader that is stuck and then slow, with flat memory`, async () => {
    const met = Promise.withResolvers<Socket>();
    const port = await targetPort(met.resolve);
    const proxy = await proxyTo(port);
    const near = client(proxy.port);
    const far = await met.promise;
    const before = proxy.peakMib();
    const [writer, reader] = direction === "to" ? [far, near] : [near, far];
    const reading = sip(reader, () => stopped(() => writer));
    await pour(writer);
    expect(await reading).toBe(TOTAL);
    reader.end();
    await once(writer.resume(), "end");
    expect(proxy.peakMib() - before).toBeLessThan(GROWTH_MIB);
    if (process.env.ORCO_SPLICE_MIB) process.stderr.write(`${direction}: ${before.toFixed(0)} → ${proxy.peakMib().toFixed(0)} MiB\n`);
  }, 120_000);
}
