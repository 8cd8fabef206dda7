import { describe, expect, test } from "bun:test";
import { freePort } from "../free-port.ts";
import { dockerRig, type Docker } from "./docker-rig.ts";
import { type Rig, sharedRig } from "./rig.ts";

const found = await dockerRig();
const { rig, docker } = found ?? ({} as { rig: Rig; docker: Docker });
const without = sharedRig({ DOCKER_HOST: "unix:///nowhere/docker.sock" });

test("a stack of processes goes with --volumes where there is no docker", async () => {
  const stack = without.stack("services: { one: { command: [sleep, '1000'] } }");
  await stack.up();
  await stack.ok("down", "--volumes");
});

describe.skipIf(!found)("nothing of a stack stays in docker", () => {
  const CONTAINER = (): string => `services: { one: { image: ${docker.image}, command: [sleep, "1000"], init: true } }`;

  test("when its last container went before the stack did", async () => {
    const stack = rig.stack(CONTAINER());
    await stack.up();
    stack.edit("services: { two: { command: [sleep, '1000'] } }");
    await stack.ok("apply");
    await stack.ok("down");
    expect(await docker.networks(stack.name)).toEqual([]);
  });

  test("when it could not come up for want of a port", async () => {
    const port = freePort();
    const holder = Bun.serve({ hostname: "127.0.0.1", port, fetch: () => new Response() });
    try {
      const stack = rig.stack(`
        services:
          one: { image: ${docker.image}, command: [sleep, "1000"], replicas: 2, ports: ["${port}:80"] }
      `);
      expect((await stack.orco("up", "-d", "--wait")).code).not.toBe(0);
      expect(await docker.networks(stack.name)).toEqual([]);
    } finally {
      await holder.stop(true);
    }
  });
});
