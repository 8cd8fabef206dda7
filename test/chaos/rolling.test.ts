import { describe, expect, test } from "bun:test";
import { freePort } from "../free-port.ts";
import { boundsOf } from "../scenarios/bounds.ts";
import { dockerRig, type Docker } from "../scenarios/docker-rig.ts";
import { type Rig, sharedRig } from "../scenarios/rig.ts";
import { cycles, figures } from "./rig.ts";
import { Traffic } from "./traffic.ts";

const CYCLES = cycles(5, 100);
const CYCLE_BUDGET_MS = 20_000;
const REPLICAS = 3;

const found = await dockerRig();
const { rig, docker } = found ?? ({ rig: sharedRig() } as { rig: Rig; docker: Docker });

/** `service`: what it is, by version. Of every fourth apply nothing comes up, and it is rolled back. */
async function roll(service: (version: string, good: boolean) => string): Promise<string> {
  const port = freePort();
  const file = (version: string, good = true): string => `
    services:
      web:
        ${service(version, good)}
        ports: ["${port}:8080"]
        replicas: ${REPLICAS}
        health: { http: { url: "http://localhost:${port}/health" }, interval: 100ms, timeout: 5s, gracePeriod: 30s }
        restartPolicy: { backoff: { min: 10ms } }
        update: { strategy: rolling, maxUnavailable: 0, maxSurge: 1 }
  `;
  const stack = rig.stack(file("v0"));
  await stack.up();
  const traffic = new Traffic(`http://127.0.0.1:${port}/`, { connections: 8, pauseMs: 5 });
  const tookMs: number[] = [];
  let [live, since] = ["v0", (await stack.history()).at(-1)?.seq ?? 0];
  for (let cycle = 1; cycle <= CYCLES; cycle++) {
    const good = cycle % 4 !== 0;
    stack.edit(file(`v${cycle}`, good));
    const began = performance.now();
    const said = await stack.orco("apply");
    tookMs.push(performance.now() - began);
    if (good && said.code !== 0) throw new Error(`apply ${cycle} exited ${said.code}\n${said.err}`);
    expect(`${cycle} ${said.code}`).toBe(`${cycle} ${good ? 0 : 1}`);
    if (good) live = `v${cycle}`;
    expect((await (await fetch(`http://127.0.0.1:${port}/`)).text()).split(/\s/)[0]).toBe(live);
    const history = await stack.history();
    const { leastReady, mostLive } = boundsOf(history, "web", since);
    expect({ cycle, leastReady: leastReady >= REPLICAS, mostLive: mostLive <= REPLICAS + 1 }).toEqual({
      cycle,
      leastReady: true,
      mostLive: true,
    });
    since = history.at(-1)?.seq ?? 0;
  }
  await traffic.stop();
  expect(traffic.failures).toEqual([]);
  expect(traffic.sent).toBeGreaterThan(CYCLES * 50);
  await stack.ok("down");
  return `${CYCLES} applies, of which every fourth was rolled back: ${figures(tookMs)}; ${traffic.sent} requests, 0 failed`;
}

const VERSIONED = new URL("../programs/versioned.ts", import.meta.url).pathname;

test(
  `rolling applies of processes under load, ${CYCLES} times`,
  async () => {
    console.log(await roll((version, good) => `command: ["${process.execPath}", "${VERSIONED}", "${version}"${good ? "" : ', "--fail"'}]`));
  },
  60_000 + CYCLES * CYCLE_BUDGET_MS,
);

describe.skipIf(!found)("of containers", () => {
  test(
    `rolling applies under load, ${CYCLES} times`,
    async () => {
      const line = (version: string, good: boolean): string =>
        good ? `mkdir -p /tmp/w; echo ${version} > /tmp/w/index.html; touch /tmp/w/health; exec httpd -f -p 8080 -h /tmp/w` : "exit 9";
      console.log(
        await roll(
          (version, good) => `image: ${docker.image}\n        init: true\n        command: ["sh", "-c", "${line(version, good)}"]`,
        ),
      );
    },
    60_000 + CYCLES * CYCLE_BUDGET_MS,
  );
});
