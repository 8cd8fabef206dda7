import { afterEach, describe, expect, test } from "bun:test";
import { cpSync, existsSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { ComposeCommand } from "../../src/repair/compose/run.ts";
import { type ContainerInfo, createContainer } from "../../src/supervise/docker/containers.ts";
import { Engine } from "../../src/supervise/docker/engine.ts";
import { FlakySocket } from "../docker/flaky-socket.ts";
import { dockerHere } from "../docker/engine.ts";
import { composesHere } from "../docker/compose.ts";
import { ComposeRig } from "./repair-compose-rig.ts";

const engine = await dockerHere();
const composes = await composesHere(engine);
const rigs: ComposeRig[] = [];

afterEach(async () => {
  for (const rig of rigs.splice(0)) await rig.close();
});

const FILE = `services:
  api:
    build: { context: ./api, args: { TOKEN: "\${TOKEN}" } }
    init: true
    environment: { TOKEN: "\${TOKEN}", PLAIN: "a$$b" }
    volumes: ["/kept"]
    stop_grace_period: 1s
  db: { image: "busybox:local", init: true, command: sleep 1000 }
`;
const DOCKERFILE = 'FROM busybox:local\nRUN echo "$TEXT" > /version\nCMD ["sh", "-c", "cat /version; exec sleep 1000"]\n';

function dockerfile(version: string): string {
  return DOCKERFILE.replace("$TEXT", version);
}

function projectOf(compose: ComposeCommand): ComposeRig {
  if (!engine) throw new Error("no docker");
  const rig = new ComposeRig(compose, engine);
  rigs.push(rig);
  rig.write("docker-compose.yml", FILE);
  rig.write(".env", "TOKEN=hunter2-$-canary\n");
  rig.write("api/Dockerfile", dockerfile("one"));
  return rig;
}

const CANARY = "hunter2-$-canary";

for (const compose of composes)
  describe(`with ${compose.argv.join(" ")} ${compose.version}`, () => {
    test("a trial is built in the copy, and nothing that the operator reads changes", async () => {
      const rig = projectOf(compose);
      const run = `${rig.project}-t`;
      const target = await rig.target({ run, secrets: [CANARY] });
      const root = join(rig.folder, "copy");
      cpSync(rig.workspace, root, { recursive: true });
      await Bun.write(join(root, "api/Dockerfile"), 'FROM busybox:local\nARG TOKEN\nRUN echo "so it is $TOKEN" >&2; exit 7\n');
      expect(await target.trial({ root }, rig.work())).toMatchObject({ ok: false, timedOut: false });
      expect(rig.lines.join("\n")).toContain("so it is [redacted]\n");
      await Bun.write(join(root, "api/Dockerfile"), dockerfile("three"));
      expect(await target.trial({ root }, rig.work())).toEqual({ ok: true, exit: 0, timedOut: false });
      expect(await rig.images()).toEqual([`orco-trial/api:${run}`]);
      await target.forget(undefined, false);
      expect(await rig.images()).toEqual([]);
      expect(rig.lines.join("\n")).not.toContain("hunter2");
    });

    test("built, restarted, restored: image, configuration and volumes of before; no other container is touched", async () => {
      const rig = projectOf(compose);
      await rig.operator("up", "-d", "--build");
      const [first, db] = [await rig.only(), await rig.only("db")];
      const target = await rig.target({ secrets: [CANARY] });
      const before = await target.record(rig.work());
      expect(before).toMatchObject({
        imageId: first.Image,
        imageName: first.Config.Image,
        containerId: first.Id,
        wasRunning: true,
        health: "none",
      });
      expect(before.others).toContain(db.Id);
      expect(readFileSync(before.configFile ?? "", "utf8")).not.toContain("hunter2");
      rig.write("api/Dockerfile", dockerfile("two"));
      expect(await target.build(rig.work())).toEqual({ ok: true, exit: 0, timedOut: false });
      expect(await target.record(rig.work())).toEqual(before);
      await target.restart(before, rig.work());
      expect((await rig.only()).Image).not.toBe(first.Image);
      expect(await target.logs(rig.work().signal)).toEqual(["two"]);

      rig.write("api/Dockerfile", dockerfile("one"));
      expect(await target.restore(before, { built: true, restarted: true }, rig.work())).toBe(true);
      const again = await rig.only();
      expect([again.Image, again.Name, settingsOf(again)]).toEqual([first.Image, first.Name, settingsOf(first)]);
      expect(volumesOf(again)).toEqual(volumesOf(first));
      expect((await rig.only("db")).Id).toBe(db.Id);
      // Neither compose nor another attempt sees a difference.
      await rig.operator("up", "-d");
      expect(await target.restore(before, { built: true, restarted: true }, rig.work())).toBe(true);
      expect((await rig.only()).Id).toBe(again.Id);

      await target.forget(before, false);
      expect((await rig.images()).filter((name) => name.startsWith("orco-"))).toEqual([]);
      expect(existsSync(before.configFile ?? "")).toBe(false);
      expect(rig.lines.join("\n")).not.toContain("hunter2");
    });

    test("what was recorded counts, not today's file; an image that is gone is built again", async () => {
      const rig = projectOf(compose);
      await rig.operator("up", "-d", "--build");
      const first = await rig.only();
      const target = await rig.target({ secrets: [CANARY] });
      const before = await target.record(rig.work());
      rig.write("api/Dockerfile", dockerfile("two"));
      await target.build(rig.work());
      await target.restart(before, rig.work());
      rig.write("docker-compose.yml", FILE.replace("a$$b", "other").replace("TOKEN}", "ANOTHER}"));
      rig.write(".env", "ANOTHER=else\n");
      rig.write("api/Dockerfile", dockerfile("one"));
      await rig.engine.call("DELETE", `/images/${encodeURIComponent(before.rollbackTag ?? "")}`);
      await target.restore(before, { built: true, restarted: true }, rig.work());
      const again = await rig.only();
      expect(settingsOf(again)).toEqual(settingsOf(first));
      expect(settingsOf(again)).toContain(`TOKEN=${CANARY}`);
      expect(await target.logs(rig.work().signal)).toEqual(["one"]);
      expect(rig.lines.join("\n")).not.toContain("hunter2");
    });

    test("a daemon that died in the midst of a restart: its compose is ended, the half-made container goes, the former one serves", async () => {
      const rig = projectOf(compose);
      await rig.operator("up", "-d", "--build");
      const first = await rig.only();
      const target = await rig.target({ run: `${rig.project}-k` });
      const before = await target.record(rig.work());
      rig.write("api/Dockerfile", dockerfile("two"));
      await target.build(rig.work());
      await halfwayReplace(rig, compose.major);
      const orphan = Bun.spawn(["setsid", "sleep", "1000"], { env: { ORCO_EXEC: `repair:${rig.project}-k`, PATH: "/usr/bin:/bin" } });
      rig.write("api/Dockerfile", dockerfile("one"));
      await target.cleanUp(rig.work());
      expect(await orphan.exited).not.toBe(0);
      await target.restore(before, { built: true, restarted: true }, rig.work());
      const again = await rig.only();
      expect([again.Image, again.Name, again.State.Running]).toEqual([first.Image, first.Name, true]);
      expect(volumesOf(again)).toEqual(volumesOf(first));
    });
  });

const [compose] = composes;

describe.skipIf(!compose)("whatever the compose", () => {
  test("a service that had no container ends without one, and its image without a name", async () => {
    const rig = projectOf(compose as ComposeCommand);
    const target = await rig.target();
    const before = await target.record(rig.work());
    expect(before).toMatchObject({ wasRunning: false, health: "not_running" });
    expect(before.imageId).toBeUndefined();
    expect(await target.restore(before, { built: false, restarted: false }, rig.work())).toBe(false);
    await target.build(rig.work());
    await target.restart(before, rig.work());
    expect((await target.state(rig.work().signal))?.status).toBe("running");
    await target.restore(before, { built: true, restarted: true }, rig.work());
    expect(await rig.containers()).toEqual([]);
    expect(await rig.images()).toEqual([]);
  });

  test("a run that did not come to the restart does not touch the container", async () => {
    const rig = projectOf(compose as ComposeCommand);
    await rig.operator("up", "-d", "--build");
    const first = await rig.only();
    const target = await rig.target();
    const before = await target.record(rig.work());
    rig.write("api/Dockerfile", dockerfile("two"));
    await target.build(rig.work());
    await target.restore(before, { built: true, restarted: false }, rig.work());
    expect((await rig.only()).Id).toBe(first.Id);
    const { Id } = await rig.engine.call<{ Id: string }>("GET", `/images/${encodeURIComponent(first.Config.Image)}/json`);
    expect(Id).toBe(first.Image);
  });

  test("one that could not be started before need not be afterwards: it is there as it was", async () => {
    const rig = projectOf(compose as ComposeCommand);
    const broken = 'FROM busybox:local\nCMD ["/no/such/program"]\n';
    rig.write("docker-compose.yml", FILE.replace("    init: true\n", ""));
    rig.write("api/Dockerfile", broken);
    await rig.operator("up", "-d", "--build").catch(() => undefined);
    const first = await rig.only();
    const target = await rig.target();
    const before = await target.record(rig.work());
    expect((await target.inspect(rig.work())).state?.error).toContain("/no/such/program");
    rig.write("api/Dockerfile", dockerfile("two"));
    await target.build(rig.work());
    await target.restart(before, rig.work());
    expect((await rig.only()).State.Running).toBe(true);
    rig.write("api/Dockerfile", broken);
    await target.restore(before, { built: true, restarted: true }, rig.work());
    const again = await rig.only();
    expect([again.Image, again.State.Running]).toEqual([first.Image, false]);
    expect(await refusal(target.restart(before, rig.work()))).toMatchObject({ code: "start_failed" });
  });

  test("a build that hangs ends in time, or when the repair is canceled", async () => {
    const rig = projectOf(compose as ComposeCommand);
    rig.write("orco.repair.yaml", "version: 1\nservices: { api: { build_timeout: 3s } }\n");
    rig.write("api/Dockerfile", "FROM busybox:local\nRUN echo it hangs; sleep 1000\n");
    const target = await rig.target();
    expect(await target.build(rig.work())).toEqual({ ok: false, timedOut: true });
    rig.write("orco.repair.yaml", "version: 1\nservices: { api: { build_timeout: 10m } }\n");
    const abort = new AbortController();
    const why = new Error("canceled");
    const work = { signal: abort.signal, onLine: (line: string) => void (line.endsWith("it hangs") && abort.abort(why)) };
    expect(await refusal((await rig.target()).trial({ root: rig.workspace }, work))).toBe(why);
  });

  test("docker goes away in the midst of a build", async () => {
    const rig = projectOf(compose as ComposeCommand);
    const socket = new FlakySocket(join(rig.folder, "sock"), rig.engine.host.replace("unix://", ""));
    rig.write("api/Dockerfile", "FROM busybox:local\nRUN echo it hangs; sleep 20\n");
    const away = new Engine(`unix://${socket.path}`);
    const target = await rig.target({
      engine: away,
      compose: { ...(compose as ComposeCommand), env: { ...compose?.env, DOCKER_HOST: away.host } },
    });
    const work = rig.work();
    const onLine = (line: string): void => {
      if (line.endsWith("it hangs")) void socket.take();
      work.onLine(line);
    };
    expect(await refusal(target.build({ ...work, onLine }))).toMatchObject({ code: "docker_unavailable" });
  });

  test("what the policy forbids is not built, and what is no compose file is told in compose's words", async () => {
    const rig = projectOf(compose as ComposeCommand);
    const target = await rig.target();
    const asks = ["privileged: true", "volumes: [/etc:/x]", "network_mode: host", "volumes: ['./sock:/s']", "cap_add: [SYS_ADMIN]"];
    symlinkSync("/var/run/docker.sock", join(rig.workspace, "sock"));
    for (const ask of asks) {
      rig.write("docker-compose.yml", `services:\n  api:\n    build: ./api\n    ${ask}\n`);
      expect(await refusal(target.build(rig.work()))).toMatchObject({ code: "compose_refused" });
    }
    rig.write("docker-compose.yml", "services:\n  api:\n    bild: ./api\n");
    expect(await refusal(target.inspect(rig.work()))).toMatchObject({ code: "compose_invalid", message: expect.stringContaining("bild") });
    rmSync(join(rig.workspace, "docker-compose.yml"));
    expect(await refusal(target.inspect(rig.work()))).toMatchObject({ code: "compose_invalid" });
    expect(await rig.images()).toEqual([]);
  });
});

/** What v1 puts there for a scheduler says nothing of the service. */
function settingsOf({ Config }: ContainerInfo): string[] {
  return Config.Env.filter((line) => !line.startsWith("affinity:")).toSorted();
}

function volumesOf(container: ContainerInfo): unknown {
  const { Mounts } = container as ContainerInfo & { readonly Mounts: readonly { readonly Name: string; readonly Destination: string }[] };
  return Mounts.map(({ Name, Destination }) => [Name, Destination]);
}

/** As compose leaves it when it is killed: v1 has renamed the former container and made no other yet, v2 has made one beside it. */
async function halfwayReplace(rig: ComposeRig, major: 1 | 2): Promise<void> {
  const { Id, Name, Config } = await rig.only();
  const temporary = `${Id.slice(0, 12)}_${Name.slice(1)}`;
  if (major === 1) return rig.engine.call("POST", `/containers/${Id}/rename`, { query: { name: temporary } });
  const spec = { Image: Config.Image, Labels: Config.Labels };
  await createContainer(rig.engine, temporary, { spec });
}

function refusal(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => "it was not refused",
    (error: unknown) => error,
  );
}
