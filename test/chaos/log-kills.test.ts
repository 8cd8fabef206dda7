import { expect, test } from "bun:test";
import { join, resolve } from "node:path";
import type { LogRecord } from "../../src/supervise/logs/record.ts";
import { until } from "../until.ts";
import { ChaosRig, cycles, figures } from "./rig.ts";

const KILLS = cycles(6, 20);
const SERVICES = 10;
const LINES = KILLS < 20 ? 30_000 : 300_000;
const CHUNK = 500;
const PAUSE_S = 0.02;
const LIMIT_MS = 600_000;
const STACK = "logs";

const names = Array.from({ length: SERVICES }, (_, n) => `writer-${n}`);

test(
  `${(LINES * SERVICES) / 1e6} million log lines from ${SERVICES} services across ${KILLS} kills of the daemon: every line once, in order`,
  async () => {
    await using rig = new ChaosRig();
    await rig.begin();
    const began = performance.now();
    await rig.client.putStack(STACK, { source: source(), workdir: "/", env: rig.environment });
    await until("the stack to be there", () => rig.client.stack(STACK).catch(() => undefined));
    for (let kill = 1; kill <= KILLS; kill++) {
      await until("the logs to grow", async () => (await stored(rig)) >= (LINES * SERVICES * kill) / (KILLS + 1), LIMIT_MS);
      await rig.kill();
      await rig.begin();
    }
    await until(
      "all to end",
      async () => (await rig.client.stack(STACK)).services.every(({ message }) => message === "completed"),
      LIMIT_MS,
    );
    await until("all to be stored", async () => (await stored(rig)) >= LINES * SERVICES + SERVICES, LIMIT_MS);
    const tookS = (performance.now() - began) / 1000;
    for (const service of names) await check(rig, service);
    console.log(
      `${LINES * SERVICES} lines in ${tookS.toFixed(1)} s across ${KILLS} kills, every one once and in order; API back ${figures(rig.backMs)}`,
    );
  },
  2 * LIMIT_MS,
);

function source(): string {
  const program = join(resolve(import.meta.dirname, "../programs"), "numbered.sh");
  const service = (name: string): string => `
  ${name}:
    command: [${JSON.stringify(program)}, "${LINES}", "${CHUNK}", "${PAUSE_S}"]
    restartPolicy: { condition: never }
    logging: { maxFileSize: 32Mi, maxFiles: 64, format: text }`;
  return `version: 0.1\nstack: { name: ${STACK} }\nservices:${names.map(service).join("")}\n`;
}

/** Lines on disk, by the seq of the newest of each service. */
async function stored(rig: ChaosRig): Promise<number> {
  const newest = names.map(async (service) => {
    for await (const { seq } of rig.client.logs(STACK, { services: [service], query: { tail: 1 } })) return seq;
    return 0;
  });
  return (await Promise.all(newest)).reduce((sum, seq) => sum + seq, 0);
}

/** seq without a hole, and on each stream all of its numbers, upwards. */
async function check(rig: ChaosRig, service: string): Promise<void> {
  const next = { stdout: 1, stderr: 1 };
  let [seq, lines] = [0, 0];
  for await (const record of rig.client.logs(STACK, { services: [service], query: {} })) {
    if (record.seq !== ++seq) throw new Error(`${service}: seq ${record.seq} after ${seq - 1}`);
    if (record.source === "orco") continue;
    if (record.message === `done ${LINES}`) continue;
    const number = numberOf(record);
    const expected = onStream(record.source, next[record.source]);
    if (number !== expected) throw new Error(`${service}: ${record.source} has ${number} instead of ${expected}`);
    next[record.source] = number + 1;
    lines += 1;
  }
  expect([service, lines]).toEqual([service, LINES]);
}

function numberOf({ source: stream, message }: LogRecord): number {
  const found = /^([oe]) (\d+)$/.exec(message);
  if (found?.[1] !== (stream === "stdout" ? "o" : "e")) throw new Error(`${stream} has ${JSON.stringify(message)}`);
  return Number(found[2]);
}

/** The first number from `at` on that belongs to the stream: every fifth chunk is the other one's. */
function onStream(stream: "stdout" | "stderr", at: number): number {
  const chunk = Math.floor((at - 1) / CHUNK);
  const isError = chunk % 5 === 4;
  if (isError === (stream === "stderr")) return at;
  const ahead = isError ? 1 : 4 - (chunk % 5);
  return (chunk + ahead) * CHUNK + 1;
}
