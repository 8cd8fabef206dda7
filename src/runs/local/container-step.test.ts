import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dockerHere, IMAGE, registryHere } from "../../../test/docker/engine.ts";
import { FlakySocket } from "../../../test/docker/flaky-socket.ts";
import { until } from "../../../test/until.ts";
import { systemClock } from "../../kernel/clock.ts";
import { OrcoError } from "../../kernel/errors.ts";
import { uuidv7 } from "../../kernel/id.ts";
import { inspectContainer, killContainer, listContainers, removeContainer } from "../../supervise/docker/containers.ts";
import { Engine } from "../../supervise/docker/engine.ts";
import { homeId } from "../home-id.ts";
import type { PlanStep } from "../plan.ts";
import type { StepExecution } from "../ports.ts";
import { ContainerSteps } from "./container-step.ts";
import { Heard } from "./rig.suite.ts";

const clock = systemClock();
const docker = await dockerHere();
const home = mkdtempSync(join(tmpdir(), "orco-containers-"));
const opened: ContainerSteps[] = [];
const TOKEN = "run-token-5f2c90aa71";

function open(engine = docker): ContainerSteps {
  const steps = new ContainerSteps({ engine: engine ?? new Engine("unix:///nowhere"), clock, home });
  opened.push(steps);
  return steps;
}

function sh(script: string, more: Partial<StepExecution> = {}, over: Partial<PlanStep> = {}): StepExecution {
  const retry = { max: 0, backoff: { min_ms: 1000, max_ms: 60_000, factor: 2 } };
  const command = ["/bin/sh", "-c", script];
  const spec: PlanStep = { id: "a", needs: [], when: "success", image: IMAGE, command, env: {}, grace_ms: 5000, retry, ...over };
  const api = { url: "http://127.0.0.1:7070", token: TOKEN };
  return { run: uuidv7(clock), step: "a", spec, attempt: 1, input: {}, execution: uuidv7(clock), consumed: 0, api, ...more };
}

function ours() {
  return listContainers(docker as Engine, { "orco.home": homeId(home) });
}

setDefaultTimeout(90_000);

afterAll(async () => {
  for (const steps of opened) steps.close();
  if (docker) await Promise.all((await ours()).map(({ Id }) => removeContainer(docker, Id)));
  rmSync(home, { recursive: true, force: true });
});

describe.skipIf(!docker)("a container as a step", () => {
  let steps: ContainerSteps;
  beforeAll(() => {
    steps = open();
  });

  test("gets its input and its environment, says messages and lines, and completes", async () => {
    const heard = new Heard();
    const execution = sh(
      `cat $ORCO_INPUT; echo; cat $ORCO_RESUME; echo; echo "$ORCO_RUN_ID $ORCO_STEP_ID $ORCO_ATTEMPT $MINE $PWD"; echo $ORCO_RUN_TOKEN
       echo '{"type":"checkpoint","data":{"n":1},"name":"one"}'; echo '{"type":"progress","percent":50}'
       echo '{"type":"output","data":{"k":"v"}}'; echo oops >&2; echo no > /run/orco/input.json || echo "read only"; printf last`,
      { input: { a: 1 }, resume: { from: 7 }, attempt: 2 },
      { env: { MINE: "x" }, workdir: "/tmp" },
    );
    const handle = await steps.start(execution, heard);
    expect(await handle.ended).toEqual({ kind: "completed" });
    const { run } = execution;
    expect(heard.messages()).toEqual(['{"a":1}', '{"from":7}', `${run} a 2 x /tmp`, "[redacted]", "read only", "last"]);
    expect(heard.messages("stderr")[0]).toBe("oops");
    expect(heard.checkpoints.map(({ data, name }) => ({ data, name }))).toEqual([{ data: { n: 1 }, name: "one" }]);
    expect(heard.outputs).toEqual([{ k: "v" }]);
    expect(heard.progresses).toEqual([{ percent: 50 }]);
    const [container] = await ours();
    expect(container?.Labels).toEqual({
      "orco.home": homeId(home),
      "orco.run": run,
      "orco.step": "a",
      "orco.execution": execution.execution,
    });
    handle.release?.();
    await until("it is removed", async () => (await ours()).length === 0);
    await until("its files are too", () => !existsSync(join(home, "runs", run, execution.execution)));
  });

  test("is confined: no privileges to gain, its share of cpu and memory, the default network", async () => {
    const execution = sh("sleep 60", {}, { resources: { cpu: 0.5, memory_bytes: 64 * 2 ** 20 } });
    const handle = await steps.start(execution, new Heard());
    const info = await until("it runs", () => inspectContainer(docker as Engine, `orco-${execution.execution}`).catch(() => undefined));
    const { HostConfig } = info as unknown as { HostConfig: Record<string, unknown> };
    expect(HostConfig).toMatchObject({
      NanoCpus: 5e8,
      Memory: 64 * 2 ** 20,
      Privileged: false,
      SecurityOpt: ["no-new-privileges"],
      NetworkMode: "default",
    });
    handle.stop("cancel", 5000);
    expect(await handle.ended).toEqual({ kind: "canceled" });
  });

  test("fails with its exit code, its signal, or for its memory", async () => {
    const end = async (execution: StepExecution) => (await steps.start(execution, new Heard())).ended;
    const [exit, signal, oom] = await Promise.all([
      end(sh("echo broken >&2; exit 3")),
      end(sh("kill -9 $$")),
      end(sh("tail /dev/zero", {}, { resources: { memory_bytes: 16 * 2 ** 20 } })),
    ]);
    expect(exit).toMatchObject({ kind: "failed", error: { code: "step_failed", message: "exit 3: broken", facts: { exit: 3 } } });
    expect(signal).toMatchObject({ kind: "failed", error: { message: "killed by SIGKILL", facts: { signal: "SIGKILL" } } });
    expect(oom).toMatchObject({ kind: "failed", error: { facts: { oom: true } } });
  });

  test("is asked to end, and killed after its grace", async () => {
    const heard = [new Heard(), new Heard()] as const;
    const polite = await steps.start(sh("trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.1; done"), heard[0]);
    const deaf = await steps.start(sh("trap '' TERM; echo ready; while :; do sleep 0.1; done"), heard[1]);
    await until("both run", () => heard.every((each) => each.messages().includes("ready")));
    const began = performance.now();
    polite.stop("timeout", 60_000);
    deaf.stop("cancel", 60_000);
    expect(await polite.ended).toMatchObject({ kind: "failed", error: { code: "timeout" } });
    expect(heard[0].messages()).toContain("bye");
    deaf.stop("cancel", 100);
    expect(await deaf.ended).toMatchObject({ kind: "canceled", message: "canceled: did not end within 100ms of SIGTERM and was killed" });
    expect(performance.now() - began).toBeLessThan(50_000);
  });

  test("that is stopped before it runs does not run", async () => {
    const handle = await steps.start(sh("echo ran"), new Heard());
    handle.stop("cancel", 5000);
    expect(await handle.ended).toEqual({ kind: "canceled" });
  });

  test("gets its image from its registry; one that is not there has failed for good", async () => {
    const { image, close } = await registryHere();
    const heard = new Heard();
    try {
      expect(await (await steps.start(sh("echo from afar", {}, { image }), heard)).ended).toEqual({ kind: "completed" });
      expect(heard.messages()).toEqual(["from afar"]);
      expect(heard.messages("orco")).toEqual([`${image} is not on this machine: pulling it`, expect.stringMatching(/^pulled .* in /)]);
      expect(heard.progresses[0]).toMatchObject({ message: `pulling ${image}` });
      const none = await steps.start(sh("true", {}, { image: image.replace("tiny", "other") }), new Heard());
      expect(await none.ended).toMatchObject({
        kind: "failed",
        final: true,
        error: { code: "not_found", message: expect.stringContaining("other:1") },
      });
    } finally {
      for (const { Id, Image } of await ours()) if (Image === image) await removeContainer(docker as Engine, Id);
      await docker?.call("DELETE", `/images/${encodeURIComponent(image)}`).catch(() => undefined);
      await close();
    }
    const away = await (await steps.start(sh("true", {}, { image }), new Heard())).ended;
    expect(away).toMatchObject({ kind: "failed", error: { code: "unavailable" } });
    expect(away).not.toHaveProperty("final");
  });
});

describe.skipIf(!docker)("the daemon dies", () => {
  test("and the next one takes the container over: nothing is lost, nothing recorded twice", async () => {
    const first = open();
    const heard = new Heard();
    const script = `i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo "line $i"; echo "err $i" >&2; [ $((i % 100)) = 0 ] && echo "{\\"type\\":\\"checkpoint\\",\\"data\\":$i}"; done; exit 0`;
    const execution = sh(script);
    await first.start(execution, heard);
    await until("some of it was heard", () => heard.checkpoints.length >= 3);
    first.close();
    const before = heard.checkpoints.length;
    const consumed = heard.checkpoints.at(-1)?.consumed ?? 0;
    const again = new Heard();
    const handle = await open().adopt({ ...execution, consumed }, again);
    expect(await handle?.ended).toEqual({ kind: "completed" });
    expect(heard.checkpoints.length).toBe(before);
    const all = [...heard.checkpoints, ...again.checkpoints].map(({ data }) => data);
    expect(all).toEqual(Array.from({ length: 30 }, (_, at) => (at + 1) * 100));
    for (const [source, word] of [
      ["stdout", "line"],
      ["stderr", "err"],
    ] as const) {
      // A line told again says so by its offset.
      const lines = new Map(
        [...heard.lines, ...again.lines].filter((line) => line.source === source).map((line) => [line.offset, line.message]),
      );
      expect([...lines.values()]).toEqual(Array.from({ length: 3000 }, (_, at) => `${word} ${at + 1}`));
    }
  });

  test("and what ended meanwhile is found with all it said; what is gone is not", async () => {
    const first = open();
    const execution = sh("echo one; exit 4");
    await first.start(execution, new Heard());
    await until("it has ended", async () =>
      (await ours()).some(({ Labels, State }) => Labels["orco.execution"] === execution.execution && State === "exited"),
    );
    first.close();
    const heard = new Heard();
    const second = open();
    const handle = await second.adopt(execution, heard);
    expect(await handle?.ended).toMatchObject({ kind: "failed", error: { facts: { exit: 4 } } });
    expect(heard.messages()).toEqual(["one"]);
    await second.forget(execution.run);
    expect(await second.adopt(execution, heard)).toBeUndefined();
  });
});

describe.skipIf(!docker)("somebody else", () => {
  test("kills or removes the container", async () => {
    const steps = open();
    const [killed, removed] = [sh("sleep 60"), sh("sleep 60")];
    const handles = [await steps.start(killed, new Heard()), await steps.start(removed, new Heard())] as const;
    const running = async ({ execution }: StepExecution) =>
      (await ours()).find(({ Labels, State }) => Labels["orco.execution"] === execution && State === "running");
    await until("both run", async () => (await running(killed)) && (await running(removed)));
    await killContainer(docker as Engine, `orco-${killed.execution}`, { sig: "SIGTERM" });
    await removeContainer(docker as Engine, `orco-${removed.execution}`);
    expect(await handles[0].ended).toMatchObject({ kind: "failed", error: { facts: { signal: "SIGTERM" } } });
    expect(await handles[1].ended).toMatchObject({ kind: expect.stringMatching(/lost|failed/) });
  });

  test("holds runs that are open: a sweep takes the others", async () => {
    const steps = open();
    const [kept, swept] = [sh("true"), sh("true")];
    await Promise.all([(await steps.start(kept, new Heard())).ended, (await steps.start(swept, new Heard())).ended]);
    await steps.sweep((run) => run !== swept.run);
    const left = (await ours()).map(({ Labels }) => Labels["orco.run"]);
    expect(left).toContain(kept.run);
    expect(left).not.toContain(swept.run);
  });
});

describe.skipIf(!docker)("docker goes away", () => {
  const script = `trap 'go=1' USR1; i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo "line $i"; [ $i = 500 ] && until [ -n "$go" ]; do sleep 0.05; done; done; echo '{"type":"output","data":{"n":1}}'; exit 5`;

  test("and comes back: the container went on, each line is heard once, its end is reported", async () => {
    const socket = new FlakySocket(join(home, "flaky.sock"), "/var/run/docker.sock");
    const heard = new Heard();
    const execution = sh(script);
    const handle = await open(new Engine(`unix://${socket.path}`)).start(execution, heard);
    await until("some of it was heard", () => heard.messages().length >= 500);
    await socket.take();
    await killContainer(docker as Engine, `orco-${execution.execution}`, { sig: "USR1" });
    await until("it is waited for", () => heard.messages("orco").some((message) => message.includes("waiting for docker")));
    socket.give();
    expect(await handle.ended).toMatchObject({ kind: "failed", error: { facts: { exit: 5 } } });
    expect(heard.messages()).toEqual(Array.from({ length: 2000 }, (_, at) => `line ${at + 1}`));
    expect(heard.outputs).toEqual([{ n: 1 }]);
    await socket.take();
  });

  test("while a step is stopped: it is killed when docker is back", async () => {
    const socket = new FlakySocket(join(home, "flaky.sock"), "/var/run/docker.sock");
    const heard = new Heard();
    const handle = await open(new Engine(`unix://${socket.path}`)).start(
      sh("trap '' TERM; echo ready; while :; do sleep 0.1; done"),
      heard,
    );
    await until("it runs", () => heard.messages().includes("ready"));
    await socket.take();
    handle.stop("cancel", 10);
    await until("it is waited for", () => heard.messages("orco").length > 0);
    socket.give();
    expect(await handle.ended).toMatchObject({ kind: "canceled" });
    await socket.take();
  });

  test("as the next daemon looks for the container: it is found when docker is back, and nothing runs twice", async () => {
    const first = open();
    const execution = sh("echo one; sleep 1; echo two");
    const before = new Heard();
    await first.start(execution, before);
    await until("it runs", () => before.messages().includes("one"));
    first.close();
    const path = join(home, "flaky.sock");
    const heard = new Heard();
    const handle = await open(new Engine(`unix://${path}`)).adopt(execution, heard);
    await until("it is waited for", () => heard.messages("orco").length > 0);
    const socket = new FlakySocket(path, "/var/run/docker.sock");
    expect(await handle?.ended).toEqual({ kind: "completed" });
    expect(heard.messages()).toEqual(["one", "two"]);
    await socket.take();
  });
});

test("a checkpoint that is refused for good ends the container", async () => {
  if (!docker) return;
  const heard = new Heard();
  heard.before = () => Promise.reject(new OrcoError("conflict", "somebody else drives this run"));
  const handle = await open().start(sh(`echo '{"type":"checkpoint"}'; echo after; sleep 60`), heard);
  expect(await handle.ended).toEqual({ kind: "lost", message: "somebody else drives this run" });
});

test("without docker it says what to install", async () => {
  const handle = await open(new Engine(`unix://${home}/docker.sock`)).start(sh("true"), new Heard());
  expect(await handle.ended).toMatchObject({
    kind: "failed",
    error: { code: "unavailable", message: expect.stringContaining("apt-get install docker.io") },
  });
});
