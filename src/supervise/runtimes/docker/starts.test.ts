import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { dockerHere, IMAGE } from "../../../../test/docker/engine.ts";
import { freePort } from "../../../../test/free-port.ts";
import { until } from "../../../../test/until.ts";
import { createContainer, inspectContainer, listContainers, removeContainer, startContainer } from "../../docker/containers.ts";
import { Engine } from "../../docker/engine.ts";
import { SecretFiles } from "../../docker/secret-files.ts";
import { listNetworks, removeNetwork } from "../../docker/networks.ts";
import type { LaunchSpec, StartOptions } from "../../runtime.ts";
import { type DockerRig, rigsOn } from "./rig.suite.ts";

const here = await dockerHere();
const docker = here ?? new Engine("unix:///nowhere/docker.sock");
const STAY = "exec sleep 3600";

const using = rigsOn(() => docker);

function refused(rig: DockerRig, launch: LaunchSpec, options?: StartOptions): Promise<unknown> {
  return rig.runtime.start(launch, options).catch((error: unknown) => error);
}

async function leftOf(rig: DockerRig, { instance }: LaunchSpec): Promise<unknown[]> {
  return [
    ...(await listContainers(docker, { "orco.instance": instance })),
    ...(existsSync(join(rig.home, "instances", instance)) ? ["its folder"] : []),
  ];
}

describe.skipIf(!here)("a container starts", () => {
  test("where it can be dialled, known to others by its service's name, with its limits", () =>
    using(async (rig) => {
      const launch = rig.launch("exec nc -ll -p 7000 -e echo hello", { limits: { memory: 64 << 20 } }, { dialled: [7000] });
      const handle = await rig.runtime.start(launch);
      const { host = "", ports = {} } = handle.endpoint ?? {};
      expect(ports).toEqual({ 7000: 7000 });
      await until("an answer", () =>
        Bun.connect({ hostname: host, port: 7000, socket: { data: () => undefined } }).then(
          (socket) => (socket.end(), true),
          () => false,
        ),
      );
      const info = await inspectContainer(docker, handle.container ?? "");
      expect(info.Config.Labels).toMatchObject({ "orco.home": rig.homeId, "orco.instance": launch.instance });
      const asked = await rig.runtime.command(rig.launch(""), { argv: ["nc", "x", "7000"], timeoutMs: 5000 });
      expect(asked).toMatchObject({ ended: "exited", code: 0, output: "hello" });
      expect(handle.usage()?.rssBytes).toBeGreaterThan(0);
    }));

  test("says which port is taken, and by whom", () =>
    using(async (rig) => {
      const port = freePort();
      const server = createServer().listen(port, "127.0.0.1");
      const publish = [{ container: 80, protocol: "tcp" as const, host: port, hostIp: "127.0.0.1" }];
      const launch = rig.launch(STAY, {}, { publish });
      const error = await refused(rig, launch);
      server.close();
      expect(error).toMatchObject({ code: "port_in_use", facts: { port, pid: process.pid } });
      expect(await leftOf(rig, launch)).toEqual([]);
      const holder = await rig.runtime.start(rig.launch(STAY, {}, { publish }));
      expect(holder.endpoint?.host).not.toBe("127.0.0.1");
      expect(await refused(rig, rig.launch(STAY, {}, { publish }))).toMatchObject({ code: "port_in_use", facts: { port } });
    }));

  test("leaves nothing when it is not wanted any more, or its user does not exist", () =>
    using(async (rig) => {
      const leaving = new AbortController();
      const launch = rig.launch(STAY);
      const starting = refused(rig, launch, { signal: leaving.signal });
      await until("its container", async () => (await listContainers(docker, { "orco.instance": launch.instance })).length > 0);
      const why = new Error("not wanted");
      leaving.abort(why);
      expect(await starting).toBe(why);
      expect(await leftOf(rig, launch)).toEqual([]);
      const nobody = rig.launch(STAY, { user: "no-such-user" });
      expect(await refused(rig, nobody)).toMatchObject({ code: "invalid", message: expect.stringContaining("no-such-user") });
      expect(await leftOf(rig, nobody)).toEqual([]);
    }));

  test("an image that is not here and must not be pulled is told", () =>
    using(async (rig) => {
      expect(await refused(rig, rig.launch(STAY, {}, { image: "no-such-image-here:1" }))).toMatchObject({ code: "not_found" });
    }));

  test("a network that somebody has removed is made again, and told", () =>
    using(async (rig) => {
      const told: string[] = [];
      const mended = (reason: string): unknown => told.push(reason);
      const first = await rig.runtime.start(rig.launch("exit 0"), { mended });
      await first.exited;
      await rig.runtime.forget(first.instance);
      for (const { Id } of await listNetworks(docker, { label: [`orco.home=${rig.homeId}`] })) await removeNetwork(docker, Id);
      await rig.runtime.start(rig.launch(STAY), { again: true, mended });
      await rig.runtime.start(rig.launch(STAY), { again: true, mended });
      expect(told).toEqual(["network_lost"]);
    }));

  test("its name is not taken from somebody else; what a former try left gives way", () =>
    using(async (rig) => {
      const launch = rig.launch(STAY);
      const name = launch.container?.name ?? "";
      const foreign = await createContainer(docker, name, { spec: { Image: IMAGE, Labels: { "orco.home": rig.homeId } } });
      expect(await refused(rig, launch)).toMatchObject({ code: "conflict", message: expect.stringContaining(name) });
      expect((await inspectContainer(docker, foreign)).Id).toBe(foreign);
      await removeContainer(docker, foreign);
      await createContainer(docker, name, { spec: { Image: IMAGE, Labels: launch.container?.labels ?? {} } });
      await rig.runtime.start(launch);
    }));

  test("one that was made and never started is gone", () =>
    using(async (rig) => {
      const launch = rig.launch(STAY);
      await createContainer(docker, launch.container?.name ?? "", { spec: { Image: IMAGE, Labels: launch.container?.labels ?? {} } });
      expect(await rig.runtime.adopt(launch.instance)).toEqual({ kind: "gone" });
      expect(await leftOf(rig, launch)).toEqual([]);
    }));
});

describe.skipIf(!here)("commands", () => {
  test("are carried out inside while it runs, else in a container of their own; nothing is left of them", () =>
    using(async (rig) => {
      const launch = rig.launch(`echo mine >/tmp/mark; echo up; ${STAY}`, { env: { PATH: "/bin", WHO: "web" } });
      const run = {
        argv: ["/bin/sh", "-c", 'echo "$WHO $MORE $ORCO_INSTANCE"; cat /tmp/mark; exit 4'],
        timeoutMs: 5000,
        env: { MORE: "more" },
      };
      const before = await rig.runtime.command(launch, run);
      expect([before.ended, before.code]).toEqual(["exited", 4]);
      expect(before.output).toContain(`web more ${launch.instance}`);
      expect(before.output).toContain("No such file");
      const handle = await rig.runtime.start(launch);
      await until("its line", () => readFileSync(handle.spools.stdout, "utf8").includes("up"));
      expect(await rig.runtime.command(launch, run)).toMatchObject({ code: 4, output: `web more ${launch.instance}\nmine` });
      expect((await listContainers(docker, { "orco.home": rig.homeId })).map(({ Id }) => Id)).toEqual([handle.container ?? ""]);
    }));

  test("end at their time, and when they are not wanted any more", () =>
    using(async (rig) => {
      const launch = rig.launch("");
      const stay = { argv: ["/bin/sh", "-c", "echo begun; sleep 3600"] };
      expect(await rig.runtime.command(launch, { ...stay, timeoutMs: 3000 })).toMatchObject({ ended: "timeout", output: "begun" });
      const leaving = new AbortController();
      const left = rig.runtime.command(launch, { ...stay, timeoutMs: 60_000, signal: leaving.signal });
      await until("its container", async () =>
        (await listContainers(docker, { "orco.home": rig.homeId })).some(({ State }) => State === "running"),
      );
      leaving.abort();
      expect(await left).toMatchObject({ ended: "cancelled" });
      expect(await listContainers(docker, { "orco.home": rig.homeId })).toEqual([]);
    }));

  test("one that is not there is told as such", () =>
    using(async (rig) => {
      const run = { argv: ["no-such-program"], timeoutMs: 5000 };
      const code = (error: unknown): unknown => (error as { code?: string }).code;
      const init = { ...rig.launch("", { argv: [] }) };
      expect(await rig.runtime.command(init, run).catch(code)).toBe("executable_not_found");
      const launch = rig.launch(STAY);
      await rig.runtime.start(launch);
      expect(await rig.runtime.command(launch, run).catch(code)).toBe("executable_not_found");
    }));
});

describe.skipIf(!here)("strays", () => {
  test("what ended is removed, what runs is named; what is not ours is left alone", () =>
    using(async (rig) => {
      const owner = { "orco.home": rig.homeId, "orco.stack": "gone" };
      const make = async (labels: Record<string, string>, cmd: string[], start = true): Promise<string> => {
        const id = await createContainer(docker, undefined, {
          spec: { Image: IMAGE, Entrypoint: cmd, Labels: labels, HostConfig: { NetworkMode: "none" } },
        });
        if (start) await startContainer(docker, id);
        return id;
      };
      const known = await rig.runtime.start(rig.launch(STAY));
      const running = await make({ ...owner, "orco.instance": "i1" }, ["sleep", "3600"]);
      await make({ ...owner, "orco.instance": "i2" }, ["true"], false);
      await make({ ...owner, "orco.command": "a former daemon" }, ["sleep", "3600"]);
      const step = await make({ ...owner, "orco.run": "r1" }, ["true"], false);
      const foreign = await make({ "orco.home": "else", "orco.stack": "gone" }, ["true"], false);
      const strays = await rig.successor().strays(new Set([known.instance]));
      expect(strays).toMatchObject([{ container: running, instance: "i1" }]);
      const left = await listContainers(docker, { "orco.home": rig.homeId });
      expect(left.map(({ Id }) => Id).toSorted()).toEqual([known.container ?? "", running, step].toSorted());
      expect((await inspectContainer(docker, foreign)).Id).toBe(foreign);
      await removeContainer(docker, foreign);
    }));

  test("secrets of a start that a daemon did not live to make are taken away; those of what is known, and of commands under way, stay", () =>
    using(async (rig) => {
      const secrets = [{ name: "KEY", path: "/run/secrets/KEY", value: "s3cret" }];
      const inMemory = new SecretFiles({ homeId: rig.homeId, instanceDir: (instance) => join(rig.home, "instances", instance) });
      try {
        const known = await rig.runtime.start(rig.launch(STAY, {}, { secrets }));
        for (const key of ["i1", "i2", "i2-command"]) await inMemory.place(key, secrets);
        const successor = rig.successor();
        const stay = { argv: ["/bin/sh", "-c", "cat /run/secrets/KEY; echo; sleep 3600"], timeoutMs: 3000 };
        const asked = rig.launch("", {}, { secrets });
        const running = successor.command(asked, stay);
        await until("its secrets", async () => (await inMemory.keys()).includes(`${asked.instance}-command`));
        expect(await successor.hasLeftovers()).toBe(true);
        await successor.strays(new Set([known.instance, "i2"]));
        expect((await inMemory.keys()).toSorted()).toEqual([known.instance, `${asked.instance}-command`, "i2"].toSorted());
        expect(await running).toMatchObject({ ended: "timeout", output: "s3cret" });
        await inMemory.remove("i2");
        await known.stop({ signal: "SIGKILL", timeoutMs: 0 });
        await successor.forget(known.instance);
        expect([await inMemory.keys(), await successor.hasLeftovers()]).toEqual([[], false]);
      } finally {
        for (const key of await inMemory.keys()) await inMemory.remove(key);
      }
    }));

  test("one that is paused runs; what somebody made of a copy of an instance is not ours, whatever its labels say", () =>
    using(async (rig) => {
      const image = `orco-test-copy-${rig.homeId}`;
      const handle = await rig.runtime.start(rig.launch(STAY));
      await docker.call("POST", "/commit", { query: { container: handle.container ?? "", repo: image }, body: {} });
      const spec = { Image: image, Entrypoint: ["sleep", "3600"], HostConfig: { NetworkMode: "none" } };
      const copies = await Promise.all([1, 2].map(() => createContainer(docker, undefined, { spec })));
      const [kept = "", begun = ""] = copies;
      try {
        await startContainer(docker, begun);
        await docker.call("POST", `/containers/${handle.container}/pause`);
        expect((await rig.successor().strays(new Set())).map(({ container }) => container).toSorted()).toEqual(
          [handle.container ?? "", begun].toSorted(),
        );
        await docker.call("POST", `/containers/${handle.container}/unpause`);
        await rig.runtime.forget(handle.instance);
        const left = await listContainers(docker, { "orco.home": rig.homeId });
        expect(left.map(({ Id }) => Id).toSorted()).toEqual([kept, begun].toSorted());
      } finally {
        for (const copy of copies) await removeContainer(docker, copy);
        await docker.call("DELETE", `/images/${image}`);
      }
    }));
});
