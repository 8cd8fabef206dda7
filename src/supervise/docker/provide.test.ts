import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dockerHere, registryHere, type TestRegistry } from "../../../test/docker/engine.ts";
import { until } from "../../../test/until.ts";
import { systemClock } from "../../kernel/clock.ts";
import { Engine } from "./engine.ts";
import { inspectImage } from "./images.ts";
import { Images } from "./provide.ts";

const docker = (await dockerHere()) ?? new Engine("unix:///nowhere/docker.sock");
const here = docker.host !== "unix:///nowhere/docker.sock";
const home = mkdtempSync(join(tmpdir(), "orco-provide-"));
const images = new Images({ engine: docker, clock: systemClock(), env: { DOCKER_CONFIG: home, PATH: `${home}:${process.env["PATH"]}` } });
const open: TestRegistry[] = [];

async function registry(login?: string): Promise<TestRegistry> {
  const one = await registryHere(login);
  open.push(one);
  return one;
}

function config(value: unknown): void {
  writeFileSync(join(home, "config.json"), typeof value === "string" ? value : JSON.stringify(value));
}

afterEach(async () => {
  rmSync(join(home, "config.json"), { force: true });
  for (const { image, close } of open.splice(0)) {
    await docker.call("DELETE", `/images/${encodeURIComponent(image)}`, { query: { force: true } }).catch(() => undefined);
    await close();
  }
});

afterAll(() => rmSync(home, { recursive: true }));

interface Heard {
  readonly notes: string[];
  readonly progress: string[];
}

function asker(signal?: AbortSignal) {
  const heard: Heard = { notes: [], progress: [] };
  const note = (_: string, message: string): unknown => heard.notes.push(message);
  const progress = (message: string): unknown => heard.progress.push(message);
  return { heard, options: { note, progress, ...(signal && { signal }) } };
}

describe.skipIf(!here)("an image", () => {
  test("that is missing is pulled once for all who ask, and told of", async () => {
    const { image, asked } = await registry();
    const askers = [asker(), asker(), asker()];
    const all = await Promise.all(askers.map(({ options }) => images.provide({ image, pull: "missing" }, options)));
    expect(new Set(all.map(({ id }) => id)).size).toBe(1);
    expect(askers.filter(({ heard }) => heard.notes.includes(`${image} is not on this machine: pulling it`)).length).toBeGreaterThan(0);
    for (const { heard } of askers) {
      expect(heard.notes.at(-1)).toMatch(/^pulled .* in /);
      expect(heard.progress[0]).toMatch(/^pulling .*tiny:1 \(\d+%\)$/);
    }
    const before = await asked();
    const again = asker();
    await images.provide({ image, pull: "missing" }, again.options);
    expect(again.heard).toEqual({ notes: [], progress: [] });
    expect(await asked()).toBe(before);
    await images.provide({ image, pull: "always" }, again.options);
    expect(await asked()).toBeGreaterThan(before);
  });

  test("that is never to be pulled has to be there", async () => {
    const { image } = await registry();
    expect(images.provide({ image, pull: "never" })).rejects.toMatchObject({
      code: "not_found",
      message: expect.stringContaining("pull is never"),
    });
    await images.provide({ image, pull: "missing" });
    expect((await images.provide({ image, pull: "never" })).info.RepoTags).toEqual([image]);
  });

  test("is pulled on while one still wants it, and no longer than that", async () => {
    const { image, hold, go } = await registry();
    await hold();
    const [first, second] = [new AbortController(), new AbortController()];
    const [one, two] = [asker(first.signal), asker(second.signal)];
    const code = (promise: Promise<unknown>): Promise<unknown> =>
      promise.then(
        () => "done",
        (error: Error) => error.message,
      );
    const [pulling, too] = [one, two].map(({ options }) => code(images.provide({ image, pull: "missing" }, options)));
    await until("it is on its way", () => two.heard.progress.length > 0);
    first.abort(new Error("one left"));
    expect(await pulling).toBe("one left");
    second.abort(new Error("two left"));
    expect(await too).toBe("two left");
    expect(inspectImage(docker, image)).rejects.toMatchObject({ code: "not_found" });
    await go();
    expect((await images.provide({ image, pull: "missing" })).info.RepoTags).toEqual([image]);
  });

  test("whose registry is away is not pulled; who ran with it before goes on with it", async () => {
    const { image, host, close } = await registry();
    await images.provide({ image, pull: "missing" });
    await close();
    expect(images.provide({ image: `${host}/tiny:2`, pull: "missing" })).rejects.toMatchObject({ code: "unavailable" });
    expect(images.provide({ image, pull: "always" })).rejects.toMatchObject({ code: "unavailable" });
    const { heard, options } = asker();
    await images.provide({ image, pull: "always" }, { ...options, again: true });
    expect(heard.notes.at(-1)).toContain("the image on this machine is used");
  });

  test("that is not there, not for this machine, or no name at all is not found", async () => {
    const { host } = await registry();
    const refused = (image: string) => images.provide({ image, pull: "missing" });
    expect(refused(`${host}/tiny:2`)).rejects.toMatchObject({ code: "not_found", message: expect.stringContaining("tiny:2") });
    expect(refused(`${host}/huge:1`)).rejects.toMatchObject({ code: "not_found" });
    expect(refused("Not A Name")).rejects.toMatchObject({ code: "not_found" });
    // Podman cannot ask a registry what it has.
    const offered = (await docker.isPodman()) ? [] : ["linux/s390x", "linux/mips64le"];
    const what = offered.length > 0 ? ".*linux/s390x, linux/mips64le" : ".*registry does not say";
    expect(refused(`${host}/tiny:foreign`)).rejects.toMatchObject({
      code: "not_found",
      message: expect.stringMatching(new RegExp(`is not there for linux/\\w+${what}`)),
      facts: { offered },
    });
  });
});

describe.skipIf(!here)("a registry that wants credentials", () => {
  const login = "me:very:s3cret";
  const auth = Buffer.from(login).toString("base64");
  const helper = (name: string, script: string): void => {
    writeFileSync(join(home, `docker-credential-${name}`), `#!/bin/sh\n${script}\n`);
    chmodSync(join(home, `docker-credential-${name}`), 0o755);
  };

  test("is named, with docker login", async () => {
    const { image, host } = await registry(login);
    const refusal = { code: "forbidden", message: expect.stringContaining(`docker login ${host}`) };
    expect(images.provide({ image, pull: "missing" })).rejects.toMatchObject(refusal);
    config({ auths: { [host]: { auth: Buffer.from("me:wrong").toString("base64") } } });
    expect(images.provide({ image, pull: "missing" })).rejects.toMatchObject(refusal);
  });

  test("gets what docker login has kept", async () => {
    const { image, host } = await registry(login);
    config({ auths: { [`https://${host}/v2/`]: { auth } } });
    expect((await images.provide({ image, pull: "missing" })).info.RepoTags).toEqual([image]);
  });

  test("gets what a helper says", async () => {
    const { image, host } = await registry(login);
    helper("tiny", `read server; [ "$1 $server" = "get ${host}" ] && printf '{"Username":"me","Secret":"very:s3cret"}'`);
    helper("none", "echo credentials not found in native keychain; exit 1");
    config({ credsStore: "none", credHelpers: { [host]: "tiny" }, auths: { [host]: {} } });
    expect((await images.provide({ image, pull: "missing" })).info.RepoTags).toEqual([image]);
  });

  test("is asked without, where configuration or helper fail; nothing secret is said", async () => {
    const { image } = await registry();
    const { heard, options } = asker();
    config(`{"auths": "${auth}`);
    await images.provide({ image, pull: "always" }, options);
    expect(heard.notes[0]).toContain("it is not JSON");
    helper("broken", `echo ${login}; exit 3`);
    config({ credsStore: "broken" });
    await images.provide({ image, pull: "always" }, options);
    config({ credsStore: "missing" });
    await images.provide({ image, pull: "always" }, options);
    expect(heard.notes.join("\n")).toContain("docker-credential-broken gave no credentials");
    expect(heard.notes.join("\n")).toContain("docker-credential-missing");
    expect(heard.notes.join("\n")).not.toMatch(new RegExp(`s3cret|${auth}`));
  });
});
