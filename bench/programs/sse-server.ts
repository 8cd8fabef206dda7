/**
 * The HTTP server with a real journal, in a process of its own: `bun sse-server.ts`. Prints one JSON line when it listens (`{url, run}`),
 * then obeys lines on stdin: `go <events/s> <seconds> <bytes>` appends events to the run, each with the time it was made, and answers
 * `{events, cpu, waited, peakMiB}`; `rss` answers `{rssMiB}`, `slow` `{slow}`: how many readers were cut; `end` ends the run.
 */
import { readFileSync } from "node:fs";
import { systemClock } from "../../src/kernel/clock.ts";
import { startTestServer } from "../../src/http/daemon.fake.ts";

const server = startTestServer(systemClock());
server.daemon.outcome = undefined;
const { id } = await server.daemon.begin("external", "bench");
const topic = `run/${id}`;
const rssMiB = () => process.memoryUsage.rss() / 2 ** 20;
const say = (facts: object) => console.log(JSON.stringify(facts));
say({ url: server.url, run: id });

for await (const line of console) {
  const [command, rate, seconds, bytes] = line.split(" ");
  if (command === "go")
    say(await go({ perSecond: Number(rate), seconds: Number(seconds), text: "so far so good ".repeat(Number(bytes) / 15) }));
  if (command === "rss") say({ rssMiB: rssMiB() });
  if (command === "slow") say({ slow: await slow() });
  if (command === "end") await server.daemon.finish(id, { status: "completed" });
  if (command === "stop") break;
}
await server.dispose();
process.exit(0);

async function go({ perSecond, seconds, text }: { perSecond: number; seconds: number; text: string }): Promise<object> {
  const cpu = process.cpuUsage();
  const waitedBefore = waitedMs();
  const from = performance.now();
  let peakMiB = rssMiB();
  let events = 0;
  while (events < perSecond * seconds) {
    const due = Math.floor(((performance.now() - from) / 1000) * perSecond);
    for (; events < due; events++) void server.daemon.journal.append([checkpoint(events, text)]);
    peakMiB = Math.max(peakMiB, rssMiB());
    await Bun.sleep(1);
  }
  const { user, system } = process.cpuUsage(cpu);
  const tookMs = performance.now() - from;
  return { events, cpu: (user + system) / 1000 / tookMs, waited: (waitedMs() - waitedBefore) / tookMs, peakMiB };
}

/** How long this thread was ready to run and another had the core. */
function waitedMs(): number {
  return Number(readFileSync("/proc/thread-self/schedstat", "utf8").split(" ")[1]) / 1e6;
}

function checkpoint(n: number, text: string) {
  const at = performance.timeOrigin + performance.now();
  const data = {
    id: `c${n}`,
    runId: id,
    ts: new Date(at).toISOString(),
    type: "progress",
    data: { at, text },
    step: "work",
  };
  return { topic, type: "checkpoint", data };
}

async function slow(): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return Number(/orco_sse_disconnects_total\{reason="slow"\} (\d+)/.exec(text)?.[1] ?? 0);
}
