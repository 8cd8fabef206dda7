import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dockerHere, IMAGE } from "../../../test/docker/engine.ts";
import { systemClock } from "../../kernel/clock.ts";
import { buildDigest } from "./build-context.ts";
import { containerOwner } from "./container-owner.ts";
import { containerLogs, createContainer, removeContainer, startContainer, waitContainer } from "./containers.ts";
import { Engine } from "./engine.ts";
import { Images } from "./provide.ts";
import { SecretFiles } from "./secret-files.ts";

const docker = (await dockerHere()) ?? new Engine("unix:///nowhere/docker.sock");
const here = docker.host !== "unix:///nowhere/docker.sock";
const root = mkdtempSync(join(tmpdir(), "orco-secrets-"));
const homeId = `test-${crypto.randomUUID()}`;
const instanceDir = (instance: string): string => join(root, instance);
const image = `orco-test-${crypto.randomUUID()}:1`;
const secrets = [{ name: "PASSWORD", path: "/run/secrets/PASSWORD", value: "s3cret" }];

beforeAll(async () => {
  if (!here) return;
  const people = "printf 'root:x:0:0::/:/bin/sh\\nnobody:x:65534:65533::/:/bin/sh\\n' >/etc/passwd; printf 'crew:x:4242:\\n' >/etc/group";
  writeFileSync(join(root, "Dockerfile"), `FROM ${IMAGE}\nRUN ${people}\nUSER nobody\n`);
  const images = new Images({ engine: docker, clock: systemClock(), env: { HOME: root } });
  await images.provide({ image, pull: "missing", build: { context: root, digest: await buildDigest({ context: root }) } });
});

afterAll(async () => {
  if (here) await docker.call("DELETE", `/images/${encodeURIComponent(image)}`, { query: { force: true } });
  rmSync(root, { recursive: true });
  for (const place of ["/run", "/dev/shm"]) rmSync(join(place, `orco-${process.getuid?.()}`, homeId), { recursive: true, force: true });
});

async function made(user?: string, binds: readonly { source: string; target: string }[] = []): Promise<string> {
  const Mounts = binds.map(({ source, target }) => ({ Type: "bind" as const, Source: source, Target: target, ReadOnly: true }));
  const Cmd = [
    "sh",
    "-c",
    "cat /run/secrets/PASSWORD; echo; stat -c '%a %u %g' /run/secrets/PASSWORD; echo x 2>&1 >>/run/secrets/PASSWORD",
  ];
  const spec = { Image: image, Cmd, ...(user !== undefined && { User: user }), HostConfig: { Mounts } };
  return createContainer(docker, `orco-secrets-${crypto.randomUUID()}`, { spec });
}

async function says(id: string): Promise<string> {
  await startContainer(docker, id);
  await waitContainer(docker, id);
  let text = "";
  for await (const frames of containerLogs(docker, id, { stderr: false }))
    for (const { data } of frames) text += Buffer.from(data).toString();
  await removeContainer(docker, id);
  return text;
}

describe.skipIf(!here || process.getuid?.() !== 0)("secrets in a container", () => {
  test("are the user's alone, in memory, read-only, and go with the instance", async () => {
    const files = new SecretFiles({ homeId, instanceDir });
    for (const [user, owner] of [
      [undefined, "65534 65533"],
      ["nobody", "65534 65533"],
      ["1234:crew", "1234 4242"],
      ["77", "77 0"],
    ] as const) {
      const instance = crypto.randomUUID();
      const placed = await files.place(instance, secrets);
      const source = placed.binds[0]?.source ?? "";
      expect(source).toStartWith("/dev/shm/");
      const id = await made(user, placed.binds);
      await files.own(docker, id, { ...placed, user: user ?? "" });
      expect(await says(id)).toStartWith(`s3cret\n400 ${owner}\n`);
      expect(readFileSync(source, "utf8")).toBe("s3cret");
      await files.remove(instance);
      await files.remove(instance);
      expect(existsSync(source)).toBe(false);
    }
  });

  test("users that are not there are said", async () => {
    const id = await made();
    expect(await containerOwner(docker, id, { user: "" })).toEqual({ uid: 65534, gid: 65533 });
    expect(await containerOwner(docker, id, { user: "0" })).toEqual({ uid: 0, gid: 0 });
    expect(containerOwner(docker, id, { user: "ghost" })).rejects.toMatchObject({
      code: "invalid",
      message: expect.stringContaining("user ghost"),
    });
    expect(containerOwner(docker, id, { user: "nobody:ghosts" })).rejects.toMatchObject({
      message: expect.stringContaining("group ghosts"),
    });
    await removeContainer(docker, id);
  });
});

describe("secret files", () => {
  test("lie below the instance where nothing is in memory, or somebody else was there first", async () => {
    const instance = crypto.randomUUID();
    const onDisk = new SecretFiles({ homeId, instanceDir, places: ["/no/such/place", root] });
    const [bind] = (await onDisk.place(instance, [{ name: "A", path: "conf/a", value: "1" }])).binds;
    expect(bind).toEqual({ source: join(root, instance, "secrets/0"), target: "/conf/a" });
    expect(statSync(bind?.source ?? "").mode & 0o777).toBe(0o400);
    expect(statSync(join(root, instance, "secrets")).mode & 0o777).toBe(0o700);
    await onDisk.remove(instance);
    expect(existsSync(join(root, instance, "secrets"))).toBe(false);
  });

  test("are not put where somebody else has prepared the place", async () => {
    const shm = mkdtempSync("/dev/shm/orco-test-");
    const top = join(shm, `orco-${process.getuid?.()}`);
    const files = new SecretFiles({ homeId, instanceDir, places: [shm] });
    symlinkSync(root, top);
    expect((await files.place("one", secrets)).binds[0]?.source).toStartWith(root);
    rmSync(top);
    mkdirSync(top, { mode: 0o777 });
    chmodSync(top, 0o777);
    expect((await files.place("two", secrets)).binds[0]?.source).toStartWith(root);
    rmSync(shm, { recursive: true });
  });
});
