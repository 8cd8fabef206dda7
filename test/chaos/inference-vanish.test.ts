import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { systemClock } from "../../src/kernel/clock.ts";
import { uuidv7 } from "../../src/kernel/id.ts";
import { InferenceRig } from "./inference-rig.ts";
import { between, cycles } from "./rig.ts";

/** In the gate few; `npm run chaos` takes all. */
const CLIENTS = cycles(10, 200) * 50;
const AT_ONCE = 32;
const WARM_UP = 200;
const MS_PER_CLIENT = 30;
const ENGINE = { slots: 4, tokensPerS: 300 };
/** Connections that the daemon keeps to its engines, its clients and its files for a moment. */
const FDS_MORE = 40;
/** What a runtime keeps of its peak does not grow with how many came. */
const MIB_MORE = 96;
const clock = systemClock();

/** What a client sends before it is gone; `waits`: it hears the first bytes of an answer. */
interface Plan {
  readonly sends: string;
  readonly waits: boolean;
}

function post(path: string, body: object, length?: number): string {
  const text = JSON.stringify(body);
  return `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${length ?? text.length}\r\n\r\n${text}`;
}

/** Whose client is not missed holds its slot for minutes. */
const CHAT = { model: "chain", max_tokens: 50_000, messages: [{ role: "user", content: "loop" }] };

function planOf(n: number): Plan {
  const waits = Math.random() < 0.5;
  const id = uuidv7(clock);
  // Without any reader it runs to its end.
  const task = { task_id: id, model_ref: "chain", prompt: "go", max_tokens: 3 };
  const plans: readonly Plan[] = [
    { sends: "", waits: false },
    { sends: "POST /v1/chat/completions HTTP/1.1\r\nHos", waits: false },
    { sends: post("/v1/chat/completions", CHAT, 100_000), waits: false },
    { sends: post("/v1/chat/completions", { ...CHAT, stream: true }), waits },
    { sends: post("/v1/chat/completions", CHAT), waits: false },
    // Pipelined: whoever reads the stream is gone with the one who asked for the task.
    { sends: `${post("/v2/tasks", task)}GET /v2/tasks/${id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n`, waits },
  ];
  return plans[n % plans.length] ?? { sends: "", waits: false };
}

/** Connects, sends, and vanishes: mostly with a reset. */
async function vanish(port: number, { sends, waits }: Plan): Promise<void> {
  const heard = Promise.withResolvers<void>();
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: { data: () => heard.resolve(), close: () => heard.resolve(), error: () => heard.resolve() },
  }).catch(() => undefined);
  if (!socket) return;
  socket.write(sends);
  await Promise.race([...(waits ? [heard.promise] : []), clock.sleep(between(0, waits ? 300 : 30))]);
  if (Math.random() < 0.8) socket.terminate();
  else socket.end();
}

async function crowd(port: number, count: number): Promise<void> {
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < count) await vanish(port, planOf(next++));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
}

async function idle(rig: InferenceRig): Promise<void> {
  await rig.until("queues and slots to be free", async () => {
    const { pools } = (await rig.ask("/v2/pools")).body;
    return pools.every(({ queue_depth: depth, slots_free: free, slots_total: total }) => depth === 0 && free === total && total === 8);
  });
  await rig.until("the engines to be idle", async () =>
    (await Promise.all(rig.engines.map((one) => one.stats()))).every(({ active }) => active === 0),
  );
}

function fdsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

function rssMibOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}

test(
  `${CLIENTS} clients that connect and vanish leave nothing behind: no slot, no place, no stream, no socket, no memory`,
  async () => {
    await using rig = new InferenceRig([ENGINE, ENGINE], { ORCHD_ADMISSION_CAPACITY: "1000" });
    const pid = await rig.beginAll();
    await crowd(rig.port, WARM_UP);
    await idle(rig);
    const before = { fds: fdsOf(pid), rss: rssMibOf(pid) };
    await crowd(rig.port, CLIENTS);
    await idle(rig);
    await rig.until("sockets to be closed", async () => fdsOf(pid) <= before.fds + FDS_MORE, 60_000);
    const scrape = async (): Promise<string> => (await fetch(`${rig.url}/metrics`)).text();
    await rig.until("streams to be closed", async () => /^orco_sse_connections 0$/m.test(await scrape()), 60_000);
    const metrics = await scrape();
    const after = { fds: fdsOf(pid), rss: rssMibOf(pid) };
    // Tasks of those who vanished waited and ran, else nothing was tried.
    const canceled = Number(/^tasks_canceled_total\{reason="CANCELED"\} (\d+)$/m.exec(metrics)?.[1] ?? 0);
    const atWork = Number(/^orchd_tasks_dispatched_total\{pool_id="chain",outcome="canceled"\} (\d+)$/m.exec(metrics)?.[1] ?? 0);
    expect(canceled).toBeGreaterThan(CLIENTS / 25);
    expect(atWork).toBeGreaterThan(5);
    console.log(
      `${CLIENTS} clients vanished, ${canceled} tasks of theirs were canceled, ${atWork} of them at work; fds ${before.fds} → ${after.fds}, RSS ${before.rss.toFixed(0)} → ${after.rss.toFixed(0)} MiB`,
    );
    expect(after.rss).toBeLessThan(before.rss + MIB_MORE);
    const answer = await rig.ask("/v1/chat/completions", { method: "POST", body: { ...CHAT, max_tokens: 2 } });
    expect(answer.status).toBe(200);
    expect(readFileSync(rig.log, "utf8").match(/"msg":"(defect|background work failed)".*/g)).toBeNull();
  },
  60_000 + CLIENTS * MS_PER_CLIENT,
);
