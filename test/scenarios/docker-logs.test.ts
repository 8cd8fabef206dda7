import { describe, expect, test } from "bun:test";
import { until } from "../until.ts";
import type { LogRecord } from "../../src/supervise/logs/record.ts";
import { dockerRig, type Docker } from "./docker-rig.ts";
import type { Rig } from "./rig.ts";

const found = await dockerRig();
const { rig, docker } = found ?? ({} as { rig: Rig; docker: Docker });

const CHUNKS = 100;
const [OUT, ERR] = [1600, 400];
const KILLS = 3;
/** Numbers its lines, 200,000 in all, on both streams by turns. */
const TALK = `
i=0; while [ $$i -lt ${CHUNKS} ]; do
  seq $$((i * ${OUT})) $$((i * ${OUT} + ${OUT - 1})) | sed "s/^/o /"
  seq $$((i * ${ERR})) $$((i * ${ERR} + ${ERR - 1})) | sed "s/^/e /" >&2
  i=$$((i + 1)); sleep 0.05
done; printf "no newline"; exec sleep 1000`;

describe.skipIf(!found)("logs of containers", () => {
  test("200,000 lines across kills of the daemon: each once, in order, on its stream, with docker's time", async () => {
    const stack = rig.stack(`
      services:
        talks: { image: ${docker.image}, init: true, command: ["sh", "-c", ${JSON.stringify(TALK)}], logging: { maxFileSize: 64Mi } }
    `);
    await stack.up();
    for (let kill = 1; kill <= KILLS; kill++) {
      await until("the log to grow", async () => (await newest(stack.name)) >= (kill * 200_000) / (KILLS + 1), 60_000);
      await rig.killDaemon();
      await rig.serve();
    }
    await until("all of it to be there", async () => (await newest(stack.name)) >= 200_000, 60_000);
    const since = new Date((await halfway(stack.name)) ?? 0).toISOString();
    await stack.ok("stop", "talks");
    const next = { stdout: 0, stderr: 0 };
    let [seq, last, late] = [0, "", 0];
    let text = "";
    for await (const record of records(stack.name)) {
      if (record.seq !== ++seq) throw new Error(`seq ${record.seq} after ${seq - 1}`);
      if (record.timestamp < last) throw new Error(`${record.timestamp} after ${last}`);
      last = record.timestamp;
      if (record.source === "orco") continue;
      if (record.timestamp >= since) late += 1;
      text = record.message;
      if (text === "no newline") continue;
      const number = next[record.source]++;
      if (text !== `${record.source === "stdout" ? "o" : "e"} ${number}`)
        throw new Error(`${record.source} has ${text} instead of ${number}`);
    }
    expect(next).toEqual({ stdout: CHUNKS * OUT, stderr: CHUNKS * ERR });
    expect(text).toBe("no newline");
    expect((await stack.records("logs", "--since", since)).filter(({ source }) => source !== "orco").length).toBe(late);
  }, 180_000);

  test("a line has the time at which docker had it, and the streams are in one order by it", async () => {
    const stack = rig.stack(`
      services:
        talks:
          image: ${docker.image}
          init: true
          command: ["sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do echo out $$i; usleep 20000; echo err $$i >&2; usleep 20000; done; echo ready; exec sleep 1000"]
          health: { log: { pattern: ready } }
    `);
    await stack.up();
    const [instance] = (await stack.service("talks")).instances;
    const said = (await stack.records("logs")).filter(({ source }) => source !== "orco");
    const theirs = Bun.spawnSync(["docker", "logs", "-t", instance?.container ?? ""], { stdout: "pipe", stderr: "pipe" });
    const ofStream = (stream: Buffer): string[] => stream.toString().split("\n").filter(Boolean);
    const lines = [...ofStream(theirs.stdout), ...ofStream(theirs.stderr)].toSorted();
    expect(lines).toHaveLength(19);
    expect(said.map(({ message, timestamp }) => `${timestamp} ${message}`)).toEqual(
      lines.map((line) => `${line.slice(0, 23)}Z${line.slice(line.indexOf(" "))}`),
    );
  });
});

function records(stack: string): AsyncGenerator<LogRecord, void> {
  return rig.client.logs(stack, { services: ["talks"], query: {} });
}

async function newest(stack: string): Promise<number> {
  for await (const { seq } of rig.client.logs(stack, { services: ["talks"], query: { tail: 1 } })) return seq;
  return 0;
}

/** Time of a line in the middle. */
async function halfway(stack: string): Promise<number | undefined> {
  for await (const { timestamp } of rig.client.logs(stack, { services: ["talks"], query: { after: { talks: 100_000 } } }))
    return Date.parse(timestamp);
  return undefined;
}
