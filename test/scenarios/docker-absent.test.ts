import { describe, expect, test } from "bun:test";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { Docker } from "./docker-rig.ts";
import { dockerHere } from "../docker/engine.ts";
import { FlakySocket } from "../docker/flaky-socket.ts";
import { OwnDockerd } from "../docker/own-dockerd.ts";
import { Rig } from "./rig.ts";

const engine = await dockerHere();
/** Who waits for docker waits for ten seconds. */
const STATUS_MS = 5000;

const MIXED = `
  services:
    own: { command: "exec sleep 1000" }
    box: { image: busybox:local, command: [sleep, "1000"], stop: { signal: SIGKILL } }
    api: { command: "exec sleep 1000", dependsOn: [box] }
`;

async function using(host: string, body: (rig: Rig, name: string) => Promise<void>): Promise<void> {
  const rig = new Rig({ DOCKER_HOST: host });
  try {
    await body(rig, `away-${crypto.randomUUID().slice(0, 6)}`);
  } finally {
    await rig.close();
  }
}

/** A docker that takes connections and says nothing. */
async function silent(path: string): Promise<{ end(): Promise<void> }> {
  const open = new Set<{ destroy(): unknown }>();
  const server: Server = createServer((socket) => {
    open.add(socket.on("error", () => socket.destroy()));
  });
  await new Promise<void>((ready) => server.listen(path, ready));
  return {
    end: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}

describe.skipIf(!engine)("without docker", () => {
  test("that is not there: processes run, containers wait with the reason, and come when it comes; up --wait --timeout ends with 124 and the chain", async () => {
    const sock = join(process.env["TMPDIR"] ?? "/tmp", `orco-${crypto.randomUUID().slice(0, 8)}.sock`);
    await using(`unix://${sock}`, async (rig, name) => {
      const stack = rig.stack(MIXED, name);
      const said = await stack.orco("up", "-d", "--wait", "--timeout", "3s");
      expect(said.code).toBe(124);
      expect(said.err).toMatch(/box .*docker unreachable since \d\d:\d\d:\d\d/);
      expect(said.err).toContain(`: there is no ${sock}`);
      expect(said.err).toMatch(/api .*waiting for box \(ready\)/);
      const { services } = await stack.view();
      const [own, box] = services;
      expect(own).toMatchObject({ service: "own", ready: true });
      expect(own?.degraded).toBeUndefined();
      expect(box).toMatchObject({ ready: false, restarts: 0, degraded: expect.stringContaining("docker unreachable since") });
      const socket = new FlakySocket(sock, "/var/run/docker.sock");
      try {
        await stack.up();
        expect(await stack.service("box")).toMatchObject({ ready: true, restarts: 0 });
        await stack.ok("down");
        expect(await new Docker(engine as NonNullable<typeof engine>, rig).containers(name)).toEqual([]);
      } finally {
        await socket.take();
      }
    });
  });

  test("that hangs: status, logs and the processes' own commands answer at once, and down goes through", async () => {
    const sock = join(process.env["TMPDIR"] ?? "/tmp", `orco-${crypto.randomUUID().slice(0, 8)}.sock`);
    const hang = await silent(sock);
    try {
      await using(`unix://${sock}`, async (rig, name) => {
        const stack = rig.stack(MIXED, name);
        await stack.ok("up", "-d");
        const times: number[] = [];
        const timed = async (...args: string[]): Promise<void> => {
          const began = performance.now();
          await stack.ok(...args);
          times.push(performance.now() - began);
        };
        const began = performance.now();
        await stack.whenService("own", "to run", ({ ready }) => ready);
        const ownMs = Math.round(performance.now() - began);
        // Nor does it wait for docker, which never answers.
        expect(ownMs).toBeLessThan(10_000);
        await stack.whenService("box", "to say why", ({ degraded = "" }) => degraded.startsWith("docker unreachable since"));
        await timed("status", "--json");
        await timed("logs", "--tail", "1");
        await timed("restart", "own");
        await timed("stop", "box");
        await timed("status");
        if (process.env["ORCO_FIGURES"])
          console.log(
            `a docker that hangs: its stack's process runs after ${ownMs} ms; status and the like: ${times.map(Math.round).join(", ")} ms`,
          );
        expect(Math.max(...times)).toBeLessThan(STATUS_MS);
        await stack.ok("down", "--force");
      });
    } finally {
      await hang.end();
    }
  });

  test("that has no disk left for an image says so, and pulls it when there is some", async () => {
    const own = await OwnDockerd.begin(engine as NonNullable<typeof engine>, { dataBytes: 12 << 20 });
    const program = new URL("../programs/registry.ts", import.meta.url).pathname;
    Bun.spawnSync([...own.beside, "ip", "link", "set", "lo", "up"]);
    const registry = Bun.spawn([...own.beside, process.execPath, program], { stdout: "pipe" });
    try {
      const port = Buffer.from((await registry.stdout.getReader().read()).value ?? [])
        .toString()
        .trim();
      await using(own.engine.host, async (rig, name) => {
        const file = (more: string): string =>
          `services: { one: { image: busybox:local, command: [sleep, "1000"], stop: { signal: SIGKILL } }${more} }`;
        const stack = rig.stack(file(""), name);
        own.fill();
        const full = await stack.orco("up", "-d", "--wait");
        expect(full.code).toBe(1);
        expect(full.err).toMatch(/docker has no space left: .*docker system prune/);
        own.empty();
        await stack.up();
        own.fill();
        stack.edit(
          file(`, tiny: { image: "127.0.0.1:${port}/tiny:1", command: [/bin/busybox, sleep, "1000"], stop: { signal: SIGKILL } }`),
        );
        await stack.ok("apply", "-d");
        await stack.event("tiny to be there", ({ service }) => service === "tiny");
        const message = await stack.whenService("tiny", "to say so", (service) => /no space/.test(service.message) && service.message);
        expect(message).toContain("docker system prune");
        expect(await stack.service("one")).toMatchObject({ ready: true });
        expect((await stack.service("tiny")).restarts).toBe(0);
        own.empty();
        await stack.whenService("tiny", "to run", ({ ready }) => ready);
        await stack.ok("down");
      });
    } finally {
      registry.kill();
      await registry.exited;
      await own.end();
    }
  }, 60_000);
});
