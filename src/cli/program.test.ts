import { describe, expect, test } from "bun:test";
import { resolve } from "node:path";
import { COMMANDS } from "./commands.ts";
import { runMain } from "./daemon.fake.ts";
import { followFlag } from "./program.ts";

describe("command line", () => {
  const wrong: [string, string[], string][] = [
    ["an unknown command", ["statsu"], "orco: unknown command 'statsu' (did you mean status?)"],
    ["a word that would drive the terminal", ["\x1b[2Jstatus"], "orco: unknown command 'status'"],
    ["an unknown flag", ["status", "--wied"], "orco: unknown option '--wied' (did you mean --wide?)"],
    ["a missing argument", ["restart"], "orco: missing required argument 'service'"],
    ["an excess argument", ["down", "x"], "orco: too many arguments for 'down'"],
    ["no file", ["status"], "no stack.yaml in /: name a file with -f FILE, or a running stack with --stack NAME"],
    ["a duration without unit", ["--stack", "x", "logs", "--since", "10"], "--since takes a duration like 10m or a time like"],
    ["an unknown level", ["--stack", "x", "logs", "--level", "loud"], "--level takes one of trace, debug, info, warn, error, fatal"],
    ["a timeout without --wait", ["up", "--timeout", "5s"], "--timeout needs --wait"],
    ["scale without a number", ["--stack", "x", "scale", "jobs"], "orco scale jobs 3"],
    ["scale to a word", ["--stack", "x", "scale", "jobs=many"], "takes a whole number"],
    ["scale beyond the limit", ["--stack", "x", "scale", "jobs=101"], "takes a whole number from 0 to 100"],
    ["what can be no stack", ["--stack", "a/b", "status"], "--stack takes the name of a stack"],
    ["more runs than a page has", ["--stack", "x", "runs", "-n", "501"], "--limit takes a whole number from 1 to 500"],
    ["-f behind logs that means a file", ["logs", "-f", "other.yaml"], "orco -f other.yaml logs"],
    ["an unknown shell", ["completion", "tcsh"], "completion takes one of bash, zsh, fish"],
    ["an unknown action", ["config", "set"], 'config takes show, not "set"'],
    ["no action", ["run"], "run takes submit, show, watch,"],
    ["an argument that an action lacks", ["run", "signal", "8ea6"], "run signal takes <run> <name> [data]; <name> is missing"],
    ["an argument too many for an action", ["schedule", "list", "x"], "schedule list takes no arguments, and nothing more"],
    ["an option of another action", ["run", "show", "8ea6", "--from", "a"], "--from is an option of run retry, not of run show"],
    [
      "an option before its action",
      ["run", "--watch", "submit", "x"],
      "--watch is an option of run submit and run retry: it goes after the action",
    ],
    ["more words than a one-shot has", ["run", "migrate", "now"], "run migrate takes nothing more"],
    ["an option of what is no action", ["repair", "show", "8ea6", "--dry-run"], "--dry-run is an option of repair <service>"],
    ["an unknown option of an action", ["run", "submit", "x", "--dryrun"], "unknown option '--dryrun' (did you mean --dry-run?)"],
  ];
  test.each(wrong)("%s is a usage error", async (_name, args, says) => {
    const { code, out, err } = await runMain(args, { cwd: "/" });
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain(says);
    expect(err.split("\n").length).toBeLessThanOrEqual(3);
  });

  test("an unknown command shows the usage line", async () => {
    expect((await runMain(["frobnicate"])).err).toContain("usage: orco [options] <command>");
  });

  test("no command at all shows the help, as an error", async () => {
    const { code, err } = await runMain([]);
    expect(code).toBe(2);
    expect(err).toContain("status [options]");
  });

  test("help is no error", async () => {
    const { code, out } = await runMain(["logs", "--help"]);
    expect(code).toBe(0);
    expect(out).toContain("--follow");
    expect(out).toContain("--file <path>");
  });

  test("every command shows an example", async () => {
    const shown = COMMANDS.filter(({ hidden }) => !hidden);
    expect(shown.filter(({ example, actions }) => example === undefined && actions === undefined).map(({ name }) => name)).toEqual([]);
    const { code, out } = await runMain(["exec", "--help"]);
    expect(code).toBe(0);
    expect(out).toStartWith("Usage: orco exec <service> [options] -- <command...>\n");
    expect(out).toEndWith("Example:\n  orco exec db -- psql -U postgres\n");
  });

  test("what stands behind -- is no affair of ours", () => {
    expect(followFlag(["exec", "api", "--", "logs", "-f"])).toEqual(["exec", "api", "--", "logs", "-f"]);
  });

  test("help of an action shows its own options and an example, help of its command all actions", async () => {
    const { code, out } = await runMain(["run", "submit", "--help"]);
    expect(code).toBe(0);
    expect(out).toStartWith("Usage: orco run submit [options] <file>\n");
    expect(out).toContain("--idempotency-key <key>");
    expect(out).toContain("--json");
    expect(out).not.toContain("--from");
    expect(out).toEndWith(`Example:\n  orco run submit plan.yaml --watch --input '{"n": 1}'\n`);
    const all = await runMain(["schedule", "--help"]);
    expect(all.code).toBe(0);
    expect(all.out).toMatch(/Actions:\n {2}add [^\n]*\n {2}list [^\n]*\n {2}remove /);
    expect(all.out).not.toContain("--cron");
  });

  const actions = COMMANDS.flatMap(({ name, actions: all = [] }) => all.map((action) => [`${name} ${action.name}`, action.args] as const));
  test.each(actions)("%s is carried out as it is declared, and is its own example's", async (name, args = "") => {
    const given = args.split(" ").filter((one) => one.startsWith("<"));
    const { code, err } = await runMain([...name.split(" "), ...given.map(() => "8ea6")], { env: { ORCO_HOME: "/nonexistent/home" } });
    expect(err).not.toContain("internal error");
    expect([2, 3, 4]).toContain(code);
    const example = COMMANDS.flatMap((spec) => (spec.actions ?? []).filter((action) => `${spec.name} ${action.name}` === name))[0]?.example;
    expect(`${example} `).toStartWith(`${name} `);
  });

  test("--version needs no daemon", async () => {
    const { code, out } = await runMain(["--version"]);
    expect(code).toBe(0);
    expect(out).toMatch(/^orco \d+\.\d+\.\d+\n$/);
  });

  test("a folder that was removed meanwhile is no defect", async () => {
    const line = 'at=$(mktemp -d); cd "$at"; rmdir "$at"; exec "$@"';
    const orco = (word: string): Bun.SyncSubprocess =>
      Bun.spawnSync(["sh", "-c", line, "sh", process.execPath, resolve("src/main.ts"), word], { stdio: ["ignore", "pipe", "pipe"] });
    expect(orco("lint").stderr?.toString()).toMatch(/^orco: no stack.yaml in \S+: name a file/);
    expect(orco("--version").exitCode).toBe(0);
  });

  test("a file that is not there is not found", async () => {
    const { code, err } = await runMain(["-f", "nope.yaml", "lint"], { cwd: "/" });
    expect({ code, err }).toEqual({ code: 4, err: "orco: /nope.yaml does not exist\n" });
  });
});

describe("-f behind logs", () => {
  const rows: [string[], string[]][] = [
    [
      ["logs", "-f"],
      ["logs", "-F"],
    ],
    [
      ["logs", "api", "-f"],
      ["logs", "api", "-F"],
    ],
    [
      ["-f", "a.yaml", "logs", "-f"],
      ["-f", "a.yaml", "logs", "-F"],
    ],
    [
      ["-f", "logs", "status"],
      ["-f", "logs", "status"],
    ],
    [
      ["up", "-f", "a.yaml"],
      ["up", "-f", "a.yaml"],
    ],
  ];
  test.each(rows)("%j", (given, meant) => expect(followFlag(given)).toEqual(meant));
});
