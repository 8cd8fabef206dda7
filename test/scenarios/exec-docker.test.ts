import { describe, expect, test } from "bun:test";
import { createNetwork, removeNetwork } from "../../src/supervise/docker/networks.ts";
import { until } from "../until.ts";
import { dockerRig, type Docker } from "./docker-rig.ts";
import type { Rig } from "./rig.ts";

const found = await dockerRig();
const { rig, docker } = found ?? ({} as { rig: Rig; docker: Docker });

describe.skipIf(!found)("orco exec in a container", () => {
  const up = async (): Promise<ReturnType<Rig["stack"]>> => {
    const stack = rig.stack(`
      services:
        db: { image: ${docker.image}, command: "sleep 1000", init: true, env: { GREETING: hello }, workdir: /tmp }
    `);
    await stack.up();
    return stack;
  };

  test("streams, environment, folder, user, exit codes", async () => {
    const stack = await up();
    const said = await stack.orco(
      "exec",
      "-e",
      "MORE=x",
      "db",
      "--",
      "sh",
      "-c",
      'echo "$GREETING $MORE $ORCO_SERVICE $PWD"; echo no >&2; exit 9',
    );
    expect(said).toEqual({ code: 9, out: "hello x db /tmp\n", err: "no\n" });
    expect((await stack.orco("exec", "-u", "65534", "-w", "/", "db", "--", "sh", "-c", "id -u; pwd")).out).toBe("65534\n/\n");
    expect((await stack.orco("exec", "db", "--", "sh", "-c", "kill -TERM $$")).code).toBe(143);
    for (const [args, err] of [
      [["db", "--", "no-such-program"], /no-such-program: not found/],
      [["-w", "/no/such", "db", "--", "true"], /no\/such/],
      [["-u", "no-such-user", "db", "--", "true"], /no-such-user/],
    ] as const) {
      const failed = await stack.orco("exec", ...args);
      expect([args, failed.code, failed.out]).toEqual([args, 125, ""]);
      expect(failed.err).toMatch(err);
    }
    expect(await stack.service("db")).toMatchObject({ instances: [{ container: expect.stringMatching(/^[0-9a-f]{64}$/) }] });
  });

  test("what was begun ends with the one who began it", async () => {
    const stack = await up();
    const command = stack.start("exec", "db", "--", "sh", "-c", "sleep 4711 & echo up; wait");
    await until("the command", () => command.out().includes("up"), 20_000);
    command.kill("SIGKILL");
    await until("nothing of it", async () => !(await stack.ok("exec", "db", "--", "sh", "-c", "ps")).includes("sleep 4711"), 20_000);
  });

  test("what a daemon did not live to end is ended by the next; what somebody else has begun goes on", async () => {
    const stack = await up();
    const { container = "" } = (await stack.service("db")).instances[0] ?? {};
    const processes = async (): Promise<string> => {
      const top = await docker.engine.call<{ Processes: string[][] }>("GET", `/containers/${container}/top`);
      return top.Processes.flat().join(" ");
    };
    const theirs = { AttachStdout: true, Cmd: ["sleep", "4713"] };
    const { Id } = await docker.engine.call<{ Id: string }>("POST", `/containers/${container}/exec`, { body: theirs });
    await docker.engine.call("POST", `/exec/${Id}/start`, { body: { Detach: true } });
    const command = stack.start("exec", "db", "--", "sh", "-c", "(setsid sleep 4712 &) ; sleep 4714");
    await until("the command", async () => /4712.*4714|4714.*4712/.test(await processes()), 20_000);
    await rig.killDaemon();
    await command.ended;
    await rig.serve();
    await until("nothing of it", async () => !/4712|4714/.test(await processes()), 20_000);
    expect(await processes()).toContain("sleep 4713");
  });

  test("stopped: 125, and its container is told by nobody", async () => {
    const stack = await up();
    await stack.ok("stop", "db");
    expect(await stack.orco("exec", "db", "--", "true")).toMatchObject({
      code: 125,
      err: expect.stringContaining("db is not running (Stopped, stop"),
    });
  });
});

test.skipIf(!found)("what somebody else has by our name is left alone: 5", async () => {
  const stack = rig.stack(`
    services:
      db: { image: ${docker?.image}, command: "sleep 1000" }
  `);
  const id = await createNetwork(docker.engine, { name: `${stack.name}_default`, labels: {} });
  try {
    const said = await stack.orco("up", "-d", "--wait");
    expect([said.code, said.err]).toEqual([5, expect.stringContaining(`${stack.name}_default`)]);
  } finally {
    await removeNetwork(docker.engine, id);
  }
});
