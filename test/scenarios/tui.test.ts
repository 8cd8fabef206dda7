import { expect, test } from "bun:test";
import { join } from "node:path";
import { isAlive, readStat } from "../../src/supervise/proc.ts";
import { until } from "../until.ts";
import { ORCO, scenario, sharedRig } from "./rig.ts";
import { Terminal } from "./tmux.ts";

const rig = sharedRig();
const SERVER = join(import.meta.dirname, "../programs/http-server.ts");
const RUNNING = /^(\w+) +Running +true/;

test("the document's table, with real services", async () => {
  const stack = rig.stack(`
    services:
      db: { command: "echo listening on 5432; exec sleep 1000" }
      api:
        command: [${process.execPath}, ${SERVER}, --port, "\${PORT}", --ready-after, "5000"]
        ports: ["8080"]
        replicas: 2
        dependsOn: [db]
        health: { http: { url: "http://localhost:8080/health" }, interval: 100ms, timeout: 5s, gracePeriod: 30s }
      web: { command: "exec sleep 1000", dependsOn: [api] }
  `);
  await stack.ok("up", "-d");
  await using terminal = await Terminal.orco("top", { rig, cwd: stack.dir });
  const waiting = await terminal.see("web to wait", (_, all) => all.includes("waiting for api (ready)"));
  expect(waiting[0]).toMatch(/^SERVICE +STATE +READY +REPL +RESTARTS +AGE +MESSAGE$/);
  const row = (screen: readonly string[], name: string): string => screen.find((line) => line.startsWith(`${name} `)) ?? "";
  expect(row(waiting, "web")).toMatch(/^web +\w+ +false +\d\/1 +0 +\S+ +waiting for api \(ready\)$/);
  process.kill(await stack.pid("api"), "SIGKILL");
  const up = await terminal.see("all to run", (lines) => ["db", "api", "web"].every((name) => RUNNING.test(row(lines, name))));
  expect(row(up, "db")).toMatch(/^db +Running +true +1\/1 +0 +(?:\d+m)?\d+m?s +listening on 5432$/);
  expect(row(up, "api")).toMatch(/^api +Running +true +2\/2 +1 +(?:\d+m)?\d+m?s +200 OK \/health \(avg \d+ms\)$/);
});

test("keys: select, focus, level, filter, scroll, help, graph; every way out leaves the terminal as it was", async () => {
  const stack = rig.stack(`
    services:
      one: { command: "for n in $$(seq 1 100); do echo one $$n; done; echo ERROR broken; exec sleep 1000" }
      two: { command: "echo two says hello; exec sleep 1000", dependsOn: [one] }
  `);
  await stack.up();
  await using terminal = await Terminal.orco("top", { rig, cwd: stack.dir });
  await terminal.see("both to run, and the log", (_, all) => all.includes("two Running") || all.includes("two says hello"));
  expect(await Promise.all(["alternate_on", "cursor_flag", "mouse_any_flag"].map((flag) => terminal.flag(flag)))).toEqual(["1", "0", "0"]);
  await terminal.press("Down", "Enter");
  await terminal.see("the log of two alone", (_, all) => all.includes("logs of two") && !all.includes("| ERROR broken"));
  await terminal.press("Enter", "/");
  await terminal.type("one 9[0-9]$");
  await terminal.see("what matches", (_, all) => all.includes("one 99") && !all.includes("| two says") && !all.includes("| ERROR"));
  await terminal.press("Enter", "Escape", "l", "l", "l");
  await terminal.see("errors alone", (lines, all) => all.includes("level error") && lines.filter((line) => / \| /.test(line)).length === 1);
  await terminal.press("l", "Tab", "PPage");
  await terminal.see("an older page", (_, all) => /paused, \d+ newer/.test(all) && !all.includes("| ERROR broken"));
  await terminal.press("f");
  await terminal.see("the newest", (_, all) => all.includes("following") && all.includes("| ERROR broken"));
  await terminal.press("g");
  await terminal.see("the graph", (_, all) => /1 +two +ready +one \(ready\)/.test(all));
  await terminal.press("Escape", "?");
  await terminal.see("the keys", (_, all) => all.includes("promote its update"));
  await terminal.press("q");
  await terminal.seeLeft(0);
  expect((await stack.service("two")).state).toBe("Running");
});

test("keys change the stack, and what cannot be done is said", async () => {
  const stack = rig.stack(`services: { one: { command: "exec sleep 1000" } }`);
  await stack.up();
  await using terminal = await Terminal.orco("top", { rig, cwd: stack.dir });
  await terminal.see("one to run", (_, all) => RUNNING.test(all.split("\n")[1] ?? ""));
  await terminal.press("p");
  await terminal.see("nothing to promote", (_, all) => all.includes("nothing to promote"));
  const pid = await stack.pid("one");
  await terminal.press("r");
  await stack.whenService("one", "to be another process", ({ instances }) => instances[0]?.ready && instances[0].pid !== pid);
  await terminal.press("+", "+");
  await stack.whenService("one", "to have three replicas", ({ replicas }) => replicas.ready === 3);
  await terminal.press("-");
  await terminal.see("two replicas", (_, all) => /^one +Running +true +2\/2/m.test(all));
  await terminal.see("how it ended", (_, all) => all.includes("scale one to 2: done"));
  await terminal.press("s");
  await terminal.see("it to be stopped", (_, all) => /^one +Stopped/m.test(all));
  await terminal.press("s");
  await terminal.see("it to run again", (_, all) => /^one +Running +true +2\/2/m.test(all));
  await terminal.press("C-c");
  await terminal.seeLeft(0);
  expect((await stack.service("one")).replicas.live).toBe(2);
});

test("any size, while it changes", async () => {
  const services = Array.from({ length: 30 }, (_, at) => `s${at}: { command: "echo ${"wide 日本 ".repeat(20)}; exec sleep 1000" }`);
  const stack = rig.stack(`services: { ${services.join(", ")} }`);
  await stack.up();
  await using terminal = await Terminal.orco("top", { rig, cwd: stack.dir });
  await terminal.see("the table", (_, all) => all.includes("services 1-10 of 30"));
  await terminal.press("End");
  await terminal.resize(200, 60);
  await terminal.see("it to be large", (lines, all) => all.includes("services 3-30 of 30") && (lines[59] ?? "").includes("g graph"));
  await terminal.resize(20, 10);
  const small = await terminal.see("it to be small", (lines) => lines.length === 10 && (lines[0] ?? "").trim() === "SERVICE  STATE");
  expect(small.filter((line) => line.startsWith("s29 "))).toHaveLength(1);
  for (const [columns, rows] of [
    [1, 1],
    [3, 2],
    [5, 40],
    [80, 24],
  ] as const)
    await terminal.resize(columns, rows);
  const again = await terminal.see("it to be as before", (lines) => lines.length === 24 && (lines[0] ?? "").endsWith("MESSAGE"));
  expect(again[10]).toStartWith("s29 ");
  await terminal.press("q");
  await terminal.seeLeft(0);
});

test.each([
  ["SIGTERM", 143],
  ["SIGHUP", 129],
  ["SIGINT", 0],
] as const)("%s leaves the terminal as it was", async (signal, code) => {
  const stack = rig.stack(`services: { one: { command: "exec sleep 1000" } }`);
  await stack.up();
  await using terminal = await Terminal.orco("top", { rig, cwd: stack.dir });
  await terminal.see("one to run", (_, all) => /^one +Running/m.test(all));
  process.kill(await terminal.pid(), signal);
  await terminal.seeLeft(code);
});

test("stopped and continued by the shell it is there again", async () => {
  const stack = rig.stack(`services: { one: { command: "exec sleep 1000" } }`);
  await stack.up();
  await using terminal = await Terminal.orco("top", { rig, cwd: stack.dir });
  await terminal.see("one to run", (_, all) => /^one +Running/m.test(all));
  const pid = await terminal.pid();
  process.kill(pid, "SIGSTOP");
  process.kill(pid, "SIGCONT");
  await terminal.press("?");
  await terminal.see("the keys", (_, all) => all.includes("promote its update"));
  await terminal.press("C-c");
  await terminal.seeLeft(0);
});

test("not on a terminal, or on a dumb one, top prints the table once", async () => {
  const stack = rig.stack(`services: { one: { command: "exec sleep 1000" } }`);
  await stack.up();
  expect(await stack.ok("top")).toMatch(/^SERVICE +STATE.*\none +Running +true .*\n$/);
  expect(JSON.parse(await stack.ok("--json", "top"))).toMatchObject({ stack: stack.name });
  await using dumb = await Terminal.orco("top", { rig, cwd: stack.dir, assign: "TERM=dumb" });
  expect((await dumb.seeLeft(0)).join("\n")).toMatch(/^SERVICE.*\none +Running +true .*\nleft 0/);
  await using nowhere = await Terminal.orco("--stack nowhere top", { rig, cwd: stack.dir });
  await nowhere.seeLeft(4);
});

test("up: q detaches, the stack runs on", async () => {
  const stack = rig.stack(`services: { one: { command: "echo here i am; exec sleep 1000" } }`);
  await using terminal = await Terminal.orco("up", { rig, cwd: stack.dir });
  await terminal.see("it to run", (_, all) => /^one +Running/m.test(all) && all.includes("| here i am"));
  await terminal.press("q");
  expect((await terminal.seeLeft(0)).join("\n")).toContain("runs on");
  expect((await stack.service("one")).ready).toBe(true);
});

test("up: Ctrl-C brings the stack down before one's eyes, a second one kills it", async () => {
  const stack = rig.stack(`
    services: { one: { command: "trap '' TERM; echo deaf; while :; do sleep 0.1; done", stop: { timeout: 60s } } }
  `);
  await using terminal = await Terminal.orco("up", { rig, cwd: stack.dir });
  await terminal.see("it to run", (_, all) => /^one +Running/m.test(all) && all.includes("| deaf"));
  await terminal.press("C-c");
  await terminal.see("it to stop", (_, all) => /^one +Stopping/m.test(all) && all.includes("Ctrl-C again: kill it at once"));
  await terminal.press("C-c");
  await terminal.seeLeft(0);
  expect((await stack.orco("status")).code).toBe(4);
});

test("up: a change that fails ends it, with the reason on the screen of the shell", async () => {
  const stack = rig.stack(`services: { one: { command: "exit 3", restartPolicy: { condition: never } } }`);
  await using terminal = await Terminal.orco("up", { rig, cwd: stack.dir });
  expect((await terminal.seeLeft(1)).join("\n")).toContain("exit code 3");
});

test("up: ends with all of its services, and shows how they ended", async () => {
  const stack = rig.stack(`services: { one: { command: "sleep 1", restartPolicy: { condition: never } } }`);
  await using terminal = await Terminal.orco("up", { rig, cwd: stack.dir });
  expect((await terminal.seeLeft(0)).join("\n")).toMatch(/one +Stopped.*completed[^]*have ended/);
});

scenario("a daemon that is killed: it says so, and goes on with the next one without a gap", async (own) => {
  const stack = own.stack(`services: { one: { command: "n=0; while :; do echo n $$((n=n+1)); sleep 0.05; done" } }`);
  await stack.up();
  await using terminal = await Terminal.orco("top", { rig: own, cwd: stack.dir, rows: 60 });
  await terminal.see("lines", (_, all) => /\| n \d+/.test(all));
  await own.killDaemon();
  await terminal.see("it to be missed", (_, all) => all.includes("daemon lost"));
  await own.serve();
  const last = /\| n (\d+)/;
  const newest = (lines: readonly string[]): number => Math.max(...lines.map((line) => Number(last.exec(line)?.[1] ?? 0)));
  const before = newest(await terminal.screen());
  const lines = await terminal.see("it to be back", (now, all) => !all.includes("daemon lost") && newest(now) > before + 5);
  const numbers = lines.flatMap((line) => (last.test(line) ? [Number(last.exec(line)?.[1])] : []));
  expect(numbers).toEqual(Array.from(numbers, (_, at) => (numbers[0] ?? 0) + at));
  await terminal.press("q");
  await terminal.seeLeft(0);
});

test("up: a window that is closed is a hangup: the stack goes down", async () => {
  const stack = rig.stack(`services: { one: { command: "exec sleep 1000" } }`);
  const terminal = await Terminal.orco("up", { rig, cwd: stack.dir });
  await terminal.see("it to run", (_, all) => /^one +Running/m.test(all));
  const pid = await terminal.pid();
  await terminal[Symbol.asyncDispose]();
  await until("orco to end", () => !isAlive(readStat(pid)), 10_000);
  expect((await stack.orco("status")).code).toBe(4);
});

test("a window that is closed ends top, and nothing else", async () => {
  const stack = rig.stack(`services: { one: { command: "exec sleep 1000" } }`);
  await stack.up();
  const terminal = await Terminal.orco("top", { rig, cwd: stack.dir });
  await terminal.see("it to run", (_, all) => /^one +Running/m.test(all));
  const pid = await terminal.pid();
  await terminal[Symbol.asyncDispose]();
  await until("orco to end", () => !isAlive(readStat(pid)), 10_000);
  expect((await stack.service("one")).ready).toBe(true);
});

test.each(["throw", "reject", "exit"])("a defect leaves the terminal as it was, and is told there: %s", async (how) => {
  const program = `${process.execPath} ${join(import.meta.dirname, "../programs/tui-defect.ts")} ${how}`;
  await using terminal = await Terminal.open(program, { rig, cwd: rig.dir });
  await terminal.see("the screen", (_, all) => all.includes("q quit"));
  await terminal.press("g");
  const screen = await terminal.seeLeft(how === "exit" ? 7 : 1);
  if (how !== "exit") expect(screen.join("\n")).toContain("a defect");
});

test("what is pasted by mistake does nothing; a pattern may be pasted", async () => {
  const stack = rig.stack(`services: { one: { command: "echo hello; exec sleep 1000" } }`);
  await stack.up();
  await using terminal = await Terminal.orco("top", { rig, cwd: stack.dir });
  await terminal.see("it to run", (_, all) => /^one +Running/m.test(all) && all.includes("| hello"));
  await terminal.paste("ss+q?");
  await terminal.press("/");
  await terminal.paste("absent");
  await terminal.see("the pattern", (_, all) => all.includes("/absent") && !all.includes("| hello"));
  await terminal.press("C-c");
  await terminal.seeLeft(0);
  expect((await stack.orco("events")).out).not.toMatch(/one.*stop/);
  expect((await stack.service("one")).replicas.desired).toBe(1);
});

test("Ctrl-Z goes to the shell, fg comes back", async () => {
  const stack = rig.stack(`services: { one: { command: "exec sleep 1000" } }`);
  await stack.up();
  await using terminal = await Terminal.open("bash --norc -i", { rig, cwd: stack.dir });
  await terminal.type(`${ORCO} top`);
  await terminal.press("Enter");
  await terminal.see("it to run", (_, all) => /^one +Running/m.test(all));
  await terminal.press("C-z");
  await terminal.see("the shell", (_, all) => all.includes("Stopped"));
  expect(await terminal.flag("alternate_on")).toBe("0");
  await terminal.press("f", "g", "Enter");
  await terminal.see("it to be back", (_, all) => /^one +Running/m.test(all));
  await terminal.press("q");
  await terminal.see("the shell again", (lines, all) => all.includes("Stopped") && /[#$]$/.test(lines.findLast(Boolean)?.trim() ?? ""));
  await terminal.press("C-d");
  await terminal.seeLeft(0);
});
