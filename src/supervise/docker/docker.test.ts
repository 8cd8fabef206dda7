import { afterAll, describe, expect, test } from "bun:test";
import { createServer, type Server } from "node:net";
import { dockerHere, IMAGE, registryHere } from "../../../test/docker/engine.ts";
import {
  containerLogs,
  createContainer,
  inspectContainer,
  listContainers,
  removeContainer,
  startContainer,
  stopContainer,
  waitContainer,
} from "./containers.ts";
import { Engine, isAway } from "./engine.ts";
import { dockerEvents } from "./events.ts";
import { hijack } from "./hijack.ts";
import { inspectImage, pullImage, type PullProgress } from "./images.ts";

const docker = (await dockerHere()) ?? new Engine("unix:///nowhere/docker.sock");
const here = docker.host !== "unix:///nowhere/docker.sock";
const LABEL = `orco.test.${process.pid}`;

async function make(...command: string[]): Promise<string> {
  const spec = { Image: IMAGE, Entrypoint: command, Labels: { [LABEL]: "1" }, HostConfig: { Init: true } };
  return createContainer(docker, `${LABEL}-${crypto.randomUUID()}`, { spec });
}

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => "done",
    (error: { code?: string }) => error.code,
  );
}

afterAll(async () => {
  if (here) for (const { Id } of await listContainers(docker, { [LABEL]: undefined })) await removeContainer(docker, Id);
});

describe.skipIf(!here)("the engine", () => {
  test("says its version", async () => {
    expect(await docker.ping()).toMatch(/^1\.\d\d$/);
    expect(await docker.call("GET", "/version")).toMatchObject({ Os: "linux" });
  });

  test("carries a container from its making to its end", async () => {
    const events = dockerEvents(docker, {
      filters: { type: ["container"], label: [`${LABEL}=1`] },
      since: String(Math.floor(Date.now() / 1000) - 1),
    });
    const id = await make("sh", "-c", "echo out; echo err >&2; exit 3");
    await startContainer(docker, id);
    expect(await waitContainer(docker, id)).toEqual({ exitCode: 3 });
    const said: string[] = [];
    for await (const frames of containerLogs(docker, id))
      for (const { stream, data } of frames) said.push(`${stream} ${Buffer.from(data).toString()}`);
    expect(said.toSorted()).toEqual(["stderr err\n", "stdout out\n"]);
    expect((await inspectContainer(docker, id)).State).toMatchObject({ Status: "exited", ExitCode: 3 });
    expect((await listContainers(docker, { [LABEL]: "1" })).map(({ Id }) => Id)).toContain(id);
    await removeContainer(docker, id);
    await removeContainer(docker, id);
    const actions: string[] = [];
    const last = (await docker.isPodman()) ? "remove" : "destroy";
    for await (const { Action } of events) if (actions.push(Action) && Action === last) break;
    expect(actions.filter((action) => ["create", "start", "die", last].includes(action))).toEqual(["create", "start", "die", last]);
  });

  test("stops one that is asked to, and follows until the signal", async () => {
    const id = await make("sleep", "60");
    await startContainer(docker, id);
    await startContainer(docker, id);
    const leaving = new AbortController();
    const following = codeOf(
      (async () => {
        for await (const _ of containerLogs(docker, id, { follow: true, signal: leaving.signal }));
      })(),
    );
    leaving.abort(Object.assign(new Error("enough"), { code: "left" }));
    expect(await following).toBe("left");
    await stopContainer(docker, id, { graceS: 5 });
    expect((await inspectContainer(docker, id)).State.Running).toBe(false);
    await removeContainer(docker, id);
  });

  test("refuses in its own words", async () => {
    expect(await codeOf(inspectContainer(docker, "no-such-container"))).toBe("not_found");
    expect(await codeOf(createContainer(docker, "orco-x", { spec: { Image: "no-such-image:1" } }))).toBe("not_found");
    expect(await codeOf(createContainer(docker, "bad name", { spec: { Image: IMAGE } }))).toBe("invalid");
    expect(await inspectImage(docker, "no-such-image:1").catch(String)).toMatch(
      /no-such-image:1: No such image|No such image: no-such-image:1/,
    );
  });

  test("does not answer in time", async () => {
    const id = await make("sleep", "60");
    await startContainer(docker, id);
    const late = await waitContainer(docker, id, { timeoutMs: 100 }).catch((error: unknown) => error);
    expect(late).toMatchObject({ code: "timeout" });
    // It is the container that takes its time.
    expect(isAway(late)).toBe(false);
    await removeContainer(docker, id);
  });

  test("pulls, and says how far it is; what its registry does not have is not found", async () => {
    const { image, close } = await registryHere();
    try {
      expect(await codeOf(inspectImage(docker, image))).toBe("not_found");
      const seen: PullProgress[] = [];
      await pullImage(docker, image, { onProgress: (progress) => seen.push(progress) });
      expect(seen.map(({ status }) => status)).toContain((await docker.isPodman()) ? "Download complete" : "Pull complete");
      expect((await inspectImage(docker, image)).RepoTags).toEqual([image]);
      expect(await codeOf(pullImage(docker, image.replace("tiny", "other"), {}))).toBe("not_found");
    } finally {
      await docker.call("DELETE", `/images/${encodeURIComponent(image)}`).catch(() => undefined);
      await close();
    }
    expect(await codeOf(pullImage(docker, image, {}))).toBe("unavailable");
    expect(await codeOf(pullImage(docker, "Not A Name", {}))).toBe("not_found");
  });
});

describe("an engine", () => {
  test("that is not there is told from one that does not answer", async () => {
    expect(await new Engine("unix:///nowhere/docker.sock").ping().catch(String)).toContain("apt-get install docker.io");
    const silent: Server = createServer((socket) => socket.on("error", () => undefined)).listen(0, "127.0.0.1");
    const { port } = silent.address() as { port: number };
    const engine = new Engine(`tcp://127.0.0.1:${port}`);
    expect(await codeOf(engine.ping({ timeoutMs: 50 }))).toBe("timeout");
    silent.close();
    expect(await codeOf(new Engine("tcp://127.0.0.1:1").ping())).toBe("unavailable");
  });

  test("that is away is told from one that refuses, wherever it stops", async () => {
    const away = async (promise: Promise<unknown>): Promise<boolean> => isAway(await promise.catch((error: unknown) => error));
    expect(await away(new Engine("unix:///nowhere/docker.sock").ping())).toBe(true);
    expect(await away(new Engine("tcp://127.0.0.1:1").call("GET", "/info"))).toBe(true);
    using server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      idleTimeout: 0,
      async fetch({ url }) {
        const { pathname } = new URL(url);
        if (pathname === "/_ping") return new Response("OK", { headers: { "api-version": "1.41" } });
        if (pathname.endsWith("/hang")) await new Promise(() => undefined);
        if (pathname.endsWith("/refuse")) return Response.json({ message: "no" }, { status: 500 });
        return new Response("");
      },
    });
    const engine = new Engine(`tcp://127.0.0.1:${server.port}`);
    const head = "HTTP/1.1 200 OK\r\napi-version: 1.41\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n";
    const breaking = createServer((socket) => socket.on("error", () => undefined).once("data", () => socket.end(head))).listen(
      0,
      "127.0.0.1",
    );
    const broken = new Engine(`tcp://127.0.0.1:${(breaking.address() as { port: number }).port}`);
    const read = async (): Promise<void> => {
      for await (const _ of broken.stream("GET", "/break"));
    };
    expect(await away(read())).toBe(true);
    breaking.close();
    expect(await away(engine.call("GET", "/hang", { timeoutMs: 50 }))).toBe(true);
    expect(await away(engine.call("GET", "/refuse"))).toBe(false);
    expect(await away(hijack(engine, "/hang", { body: {}, timeoutMs: 50 }))).toBe(true);
    const leaving = AbortSignal.abort(new Error("enough"));
    expect(await away(engine.call("GET", "/hang", { signal: leaving }))).toBe(false);
  });

  test("does one thing after another that must not be done twice at once", async () => {
    const engine = new Engine("tcp://127.0.0.1:1");
    const order: string[] = [];
    const work = (name: string) => async () => {
      order.push(`${name} begins`);
      await Promise.resolve();
      order.push(`${name} ends`);
      if (name === "b") throw new Error("b");
      return name;
    };
    const all = ["a", "b", "c"].map((name) => engine.inTurn("key", work(name)));
    expect((await Promise.allSettled(all)).map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(order).toEqual(["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]);
  });

  test("that is too old is said so, a new one is spoken to in its version", async () => {
    const paths: string[] = [];
    let newest = "1.40";
    using server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch(request) {
        paths.push(new URL(request.url).pathname);
        return new Response(paths.at(-1) === "/_ping" ? "OK" : "[]", { headers: { "api-version": newest } });
      },
    });
    const host = `tcp://127.0.0.1:${server.port}`;
    expect(await codeOf(listContainers(new Engine(host), {}))).toBe("unsupported");
    newest = "1.44";
    await listContainers(new Engine(host), {});
    expect(paths.at(-1)).toBe("/v1.44/containers/json");
  });
});
