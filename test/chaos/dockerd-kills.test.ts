import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import type { StackView } from "../../src/stack/view.ts";
import { dockerHere, IMAGE } from "../docker/engine.ts";
import { OwnDockerd } from "../docker/own-dockerd.ts";
import { freePort } from "../free-port.ts";
import { ORCO, Rig } from "../scenarios/rig.ts";
import { until } from "../until.ts";
import { cycles } from "./rig.ts";

const CYCLES = cycles(2, 10);
const NOTICED_WITHIN_MS = 12_000;
const RIGHT_WITHIN_MS = 15_000;
const STATUS_WITHIN_MS = 5000;
const ASKER = new URL("../programs/asker.ts", import.meta.url).pathname;

const docker = await dockerHere();

/** Its daemon runs beside a docker of its own, where the containers' addresses are. */
class BesideDocker extends Rig {
  constructor(private readonly own: OwnDockerd) {
    super({ DOCKER_HOST: own.engine.host });
  }

  async begin(): Promise<void> {
    Bun.spawn([...this.own.beside, ORCO, "serve"], { env: this.base(), stdin: "ignore", stdout: "ignore", stderr: "ignore" });
    await until("the daemon to answer", () => this.client.health().catch(() => undefined), 10_000);
  }

  ask(url: string): { stop(): Promise<{ sent: number; failures: string[] }> } {
    const child = Bun.spawn([...this.own.beside, process.execPath, ASKER, url], { stdout: "pipe", env: this.base() });
    return {
      stop: async () => {
        child.kill("SIGTERM");
        return JSON.parse(await child.stdout.text()) as { sent: number; failures: string[] };
      },
    };
  }
}

describe.skipIf(!docker)("dockerd", () => {
  let own: OwnDockerd;
  beforeAll(async () => {
    if (!docker) return;
    own = await OwnDockerd.begin(docker);
    Bun.spawnSync([...own.beside, "ip", "link", "set", "lo", "up"]);
  }, 60_000);
  afterAll(() => own?.end(), 30_000);

  test(
    `killed ${CYCLES} times, stopped, and the daemon with it: containers go on to serve, processes are untouched, status tells and is right again`,
    async () => {
      const rig = new BesideDocker(own);
      try {
        await rig.begin();
        const port = freePort();
        const stack = rig.stack(services(port));
        stack.write("work/begun", "");
        await stack.up();
        const before = await stack.view();
        const asking = rig.ask(`http://127.0.0.1:${port}/`);
        const [noticedMs, rightMs, statusMs]: [number[], number[], number[]] = [[], [], []];
        const timed = async (into: number[], what: string, wanted: (view: StackView) => unknown): Promise<void> => {
          const began = performance.now();
          let last: StackView | undefined;
          await until(
            what,
            async () => {
              const asked = performance.now();
              last = await stack.view();
              statusMs.push(performance.now() - asked);
              return wanted(last);
            },
            30_000,
          ).catch((error: unknown) => {
            throw new Error(`last seen: ${Bun.inspect(last?.services, { depth: 4 })}`, { cause: error });
          });
          into.push(performance.now() - began);
        };
        for (let cycle = 0; cycle < CYCLES; cycle++) {
          const restarts = (await stack.service("job")).restarts;
          await own.crash();
          await timed(noticedMs, "status to tell", isAway);
          stack.write("work/end", "");
          if (cycle % 2 === 1) {
            await rig.killDaemon();
            await rig.begin();
            await timed([], "the next daemon to tell", isAway);
          }
          await own.start();
          await timed(
            rightMs,
            "status to be right",
            (view) => isBack(view) && view.services.some(({ service, restarts: now }) => service === "job" && now > restarts),
          );
          rmSync(`${stack.dir}/work/end`);
        }
        own.pause();
        await timed(noticedMs, "a docker that hangs to be told", isAway);
        expect((await stack.orco("status")).code).toBe(0);
        own.resume();
        await timed(rightMs, "status to be right after a hang", isBack);
        const { sent, failures } = await asking.stop();
        const after = await stack.view();
        const idsOf = (view: StackView, name: string): unknown =>
          view.services.find(({ service }) => service === name)?.instances.map(({ id }) => id);
        expect([idsOf(after, "api"), idsOf(after, "own")]).toEqual([idsOf(before, "api"), idsOf(before, "own")]);
        expect(failures).toEqual([]);
        expect(sent).toBeGreaterThan(100 * CYCLES);
        console.log(
          `dockerd killed ${CYCLES} times and stopped once: noticed within ${ms(noticedMs)}, right within ${ms(rightMs)} of its return, status answers within ${ms(statusMs)}; ${sent} requests, 0 failed`,
        );
        expect(Math.max(...noticedMs)).toBeLessThan(NOTICED_WITHIN_MS);
        expect(Math.max(...rightMs)).toBeLessThan(RIGHT_WITHIN_MS);
        expect(Math.max(...statusMs)).toBeLessThan(STATUS_WITHIN_MS);
        await stack.ok("down", "--force");
      } finally {
        await rig.close();
      }
    },
    60_000 + CYCLES * 30_000,
  );
});

function ms(values: readonly number[]): string {
  return `${Math.round(Math.max(...values))} ms`;
}

const SERVE = "mkdir -p /tmp/w; echo hello > /tmp/w/index.html; exec httpd -f -p 8080 -h /tmp/w";

const services = (port: number): string => `
    services:
      api:
        image: ${IMAGE}
        command: ["sh", "-c", "${SERVE}"]
        ports: ["${port}:8080"]
        replicas: 2
        init: true
        health: { http: { url: "http://localhost:${port}/" }, interval: 500ms, timeout: 5s, gracePeriod: 30s }
      job:
        image: ${IMAGE}
        command: ["sh", "-c", "while :; do sleep 0.1; test -f /w/end && exit 5; done"]
        volumes: ["./work:/w"]
        restartPolicy: { condition: always, maxRetries: -1, backoff: { min: 10ms, max: 10ms } }
      own: { command: "exec sleep 1000" }
`;

const isAway = ({ services: all }: StackView): boolean =>
  all.every(({ service, degraded = "" }) => (service === "own" ? degraded === "" : degraded.startsWith("docker unreachable since")));
// A job that ended often may be told as flapping.
const isBack = ({ services: all }: StackView): boolean =>
  all.every(({ degraded = "", ready }) => !degraded.startsWith("docker unreachable since") && ready);
