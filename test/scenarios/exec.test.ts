import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isAlive, readStat } from "../../src/supervise/proc.ts";
import { until } from "../until.ts";
import { ORCO, type Rig, scenario, sharedRig } from "./rig.ts";
import type { StackUnderTest } from "./stack-under-test.ts";

const rig = sharedRig();
const SERVICE = `
  services:
    api:
      command: "exec sleep 1000"
      env: { GREETING: hello, SECRETIVE: "yes" }
      ports: ["4711"]
      replicas: 2
    done: { command: "true", restartPolicy: { condition: never } }
`;

const up = async (on: Rig = rig): Promise<StackUnderTest> => {
  const stack = on.stack(SERVICE);
  await stack.up();
  return stack;
};

function environment(): Record<string, string> {
  return { PATH: process.env["PATH"] ?? "", ORCO_HOME: rig.home, ORCO, TERM: "xterm-256color" };
}

/** A shell line with "$ORCO" in it. */
async function shell(stack: StackUnderTest, line: string): Promise<{ code: number; out: string; err: string }> {
  const child = Bun.spawn(["bash", "-c", line], { cwd: stack.dir, env: environment(), stdio: ["ignore", "pipe", "pipe"] });
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { code, out, err };
}

function pidIn(stack: StackUnderTest, file: string): number | undefined {
  const path = join(stack.dir, file);
  const text = Bun.file(path).size > 0 ? readFileSync(path, "utf8") : "";
  return text.endsWith("\n") ? Number(text) : undefined;
}

const gone = (pid: number): Promise<true> => until(`process ${pid} to be gone`, () => !isAlive(readStat(pid)) || undefined);

describe("a command beside a process", () => {
  test("has its environment and folder, keeps its streams apart and passes its exit code on", async () => {
    const stack = await up();
    const said = await stack.orco(
      "exec",
      "api",
      "--",
      "sh",
      "-c",
      'echo "$GREETING $ORCO_SERVICE/$ORCO_REPLICA $PORT $PWD"; echo no >&2; exit 9',
    );
    const { address = "", id } = (await stack.service("api")).instances[0] ?? {};
    expect(said).toEqual({ code: 9, out: `hello api/0 ${address.split(":")[1]} ${stack.dir}\n`, err: "no\n" });
    const other = await stack.orco(
      "exec",
      "--replica",
      "1",
      "-e",
      "A=1",
      "-e",
      "B=2 3",
      "-w",
      "/tmp",
      "api",
      "--",
      "sh",
      "-c",
      'echo "$ORCO_REPLICA $A $B $PWD"',
    );
    expect(other.out).toBe("1 1 2 3 /tmp\n");
    expect((await stack.ok("exec", "api", "--", "printenv", "ORCO_INSTANCE")).trim()).toBe(id ?? "");
    expect((await stack.orco("exec", "api", "--", "sh", "-c", "kill -TERM $$")).code).toBe(143);
    expect((await stack.orco("exec", "api", "--", "echo", "--json", "-f", "x", "logs", "-f")).out).toBe("--json -f x logs -f\n");
  });

  test("that cannot be started is 125, and what is not there 4, each with its reason", async () => {
    const stack = await up();
    const cases: [string[], number, RegExp][] = [
      [["api", "--", "no-such-program"], 125, /no-such-program: not found in PATH/],
      [["-w", "/no/such", "api", "--", "true"], 125, /working directory \/no\/such does not exist/],
      [["-u", "no-such-user", "api", "--", "true"], 125, /no-such-user/],
      [["done", "--", "true"], 125, /done is not running \(Stopped, completed\)\n +start it: orco start done/],
      [["--replica", "7", "api", "--", "true"], 4, /api has no replica 7; it has 0, 1/],
      [["apo", "--", "true"], 4, /has no service apo \(did you mean "api"\?\)/],
      [["-e", "novalue", "api", "--", "true"], 2, /--env takes NAME=value, not "novalue"/],
      [["api"], 2, /missing required argument 'command'/],
      [["api", "ls", "-la"], 2, /usage: orco exec <service> \[options\] -- <command...>/],
    ];
    for (const [args, code, err] of cases) {
      const said = await stack.orco("exec", ...args);
      expect([said.code, said.out]).toEqual([code, ""]);
      expect(said.err).toMatch(err);
    }
  });

  test("is in a pipeline what it would be by itself", async () => {
    const stack = await up();
    expect(await shell(stack, `echo one | "$ORCO" exec api -- tr a-z A-Z`)).toMatchObject({ code: 0, out: "ONE\n", err: "" });
    expect(await shell(stack, `yes | "$ORCO" exec api -- head -1; echo "\${PIPESTATUS[1]}"`)).toMatchObject({ out: "y\n0\n" });
    expect(await shell(stack, `"$ORCO" exec api -- yes | head -1; echo "\${PIPESTATUS[0]}"`)).toEqual({ code: 0, out: "y\n0\n", err: "" });
    const bytes = 40_000_000;
    expect(await shell(stack, `head -c ${bytes} /dev/urandom | tee >(cksum >&2) | "$ORCO" exec api -- cat | cksum`)).toSatisfy(
      ({ out, err }) => out === err && out.includes(String(bytes)),
    );
  });

  test("ends with the one who asked for it, all that it started included", async () => {
    const stack = await up();
    const command = stack.start("exec", "api", "--", "sh", "-c", "setsid sh -c 'echo $$ >stray; exec sleep 1000' & echo $$ >main; wait");
    const [main, stray] = [await until("the command", () => pidIn(stack, "main")), await until("its child", () => pidIn(stack, "stray"))];
    command.kill("SIGKILL");
    await Promise.all([gone(main), gone(stray)]);
  });

  test("Ctrl-C without a terminal ends it; 130", async () => {
    const stack = await up();
    const command = stack.start("exec", "api", "--", "sh", "-c", "echo $$ >main; exec sleep 1000");
    const main = await until("the command", () => pidIn(stack, "main"));
    command.kill("SIGINT");
    expect((await command.ended).code).toBe(130);
    await gone(main);
  });

  test("ends with its instance, and says so", async () => {
    const stack = await up();
    const command = stack.start("exec", "api", "--", "sh", "-c", "echo $$ >main; exec sleep 1000");
    const main = await until("the command", () => pidIn(stack, "main"));
    await stack.ok("restart", "api");
    expect(await command.ended).toMatchObject({ code: 137, err: expect.stringContaining("api ended, and the command with it") });
    await gone(main);
  });

  test("is in the journal by its first word alone", async () => {
    const stack = await up();
    await stack.orco("exec", "api", "--", "sh", "-c", "exit 3", "tell-nobody");
    await stack.event("the end of the command", ({ type }) => type === "exec.ended");
    const told = (await stack.history()).filter(({ type }) => type.startsWith("exec."));
    expect(told).toMatchObject([
      { type: "exec.started", service: "api", replica: 0, command: "sh", tty: false, by: expect.stringMatching(/^uid:/) },
      { type: "exec.ended", service: "api", replica: 0, code: 3, duration_ms: expect.any(Number) },
    ]);
    expect(JSON.stringify(told)).not.toContain("tell-nobody");
  });
});

scenario("a daemon that ends takes its commands along; one that is killed too, and then the command line says so", async (own) => {
  const stack = await up(own);
  const begin = async (file: string): Promise<{ pid: number; command: ReturnType<StackUnderTest["start"]> }> => {
    const command = stack.start("exec", "api", "--", "sh", "-c", `echo $$ >${file}; echo up; exec sleep 1000`);
    await until("the command", () => command.out());
    return { command, pid: pidIn(stack, file) ?? 0 };
  };
  const polite = await begin("first");
  await own.killDaemon("SIGTERM");
  expect(await polite.command.ended).toMatchObject({
    code: 137,
    err: expect.stringContaining("the daemon ended, and the command with it"),
  });
  await gone(polite.pid);
  await own.serve();
  const hard = await begin("second");
  await own.killDaemon("SIGKILL");
  expect(await hard.command.ended).toMatchObject({ code: 3, err: expect.stringContaining("the connection to the daemon broke") });
  await gone(hard.pid);
});

/** `orco` on a terminal. */
class OnTerminal {
  text = "";
  readonly child: Bun.Subprocess;

  constructor(stack: StackUnderTest, args: readonly string[]) {
    const data = (_: Bun.Terminal, bytes: Uint8Array): void => void (this.text += Buffer.from(bytes).toString());
    this.child = Bun.spawn([...args], { cwd: stack.dir, env: environment(), terminal: { cols: 70, rows: 20, data } });
  }

  type(text: string): void {
    this.child.terminal?.write(text);
  }

  shows(text: string): Promise<true> {
    return until(`${JSON.stringify(text)} on the terminal`, () => this.text.includes(text) || undefined);
  }
}

describe("on a terminal", () => {
  test("the command has one too, of the same size, and follows when it changes", async () => {
    const stack = await up();
    const seen = new OnTerminal(stack, [
      ORCO,
      "exec",
      "api",
      "--",
      "sh",
      "-c",
      "trap 'stty size' WINCH; stty size; echo $TERM; while ! [ -e over ]; do sleep 0.02; done; exit 4",
    ]);
    await seen.shows("20 70\r\nxterm-256color");
    seen.child.terminal?.resize(90, 33);
    await seen.shows("33 90");
    stack.write("over", "");
    expect(await seen.child.exited).toBe(4);
  });

  test("keys are the command's, Ctrl-C and Ctrl-D too", async () => {
    const stack = await up();
    const seen = new OnTerminal(stack, [ORCO, "exec", "api", "--", "sh", "-c", "trap 'echo caught' INT; echo up; cat; echo end"]);
    await seen.shows("up");
    seen.type("typed\r");
    await seen.shows("typed\r\ntyped");
    seen.type("\x03");
    await seen.shows("caught");
    expect(await seen.child.exited).toBe(0);
  });

  test("the terminal is as before, however it ends", async () => {
    const stack = await up();
    const lines = [
      `"$ORCO" exec api -- true`,
      `"$ORCO" exec api -- no-such-program`,
      `"$ORCO" exec api -- sh -c 'echo $$ >here; exec sleep 1000' & C=$!; while ! [ -s here ]; do sleep 0.02; done; kill -TERM $C; wait $C`,
    ];
    const script = `before=$(stty -g); ${lines.map((line) => `${line}; [ "$(stty -g)" = "$before" ] && echo same || echo OTHER`).join("; ")}`;
    const seen = new OnTerminal(stack, ["bash", "-c", `set -m; trap '' TTOU; ${script}`]);
    await seen.child.exited;
    expect(seen.text.match(/same|OTHER/g)).toEqual(["same", "same", "same"]);
  });

  test("none with -T, nor in a pipeline", async () => {
    const stack = await up();
    const without = new OnTerminal(stack, [ORCO, "exec", "-T", "api", "--", "sh", "-c", "tty; echo end"]);
    await without.shows("not a tty\r\nend");
    const piped = new OnTerminal(stack, ["sh", "-c", `"$ORCO" exec api -- sh -c 'test -t 1 || echo plain' | cat`]);
    await piped.shows("plain");
  });
});
