import { expect, test } from "bun:test";
import { runMain } from "./daemon.fake.ts";

let printed: ReturnType<typeof runMain> | undefined;

/** What bash would offer for a line that ends in a word being typed. */
async function offered(line: string, services = ""): Promise<string[]> {
  const { out } = await (printed ??= runMain(["completion", "bash"]));
  const words = line.split(" ");
  const script = `
orco() { echo '${services}'; }
${out}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length - 1}
_orco
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const child = Bun.spawn(["bash", "-c", script], { stdio: ["ignore", "pipe", "inherit"] });
  return (await child.stdout.text()).trim().split("\n");
}

test("bash completes commands, flags and words", async () => {
  expect(await offered("orco sta")).toEqual(["status", "start", "stack"]);
  expect(await offered("orco status --wa")).toEqual(["--watch"]);
  expect(await offered("orco -f other.yaml status --js")).toEqual(["--json"]);
  expect(await offered("orco completion ")).toEqual(["bash", "zsh", "fish"]);
});

test("bash completes actions, and the flags of one", async () => {
  expect(await offered("orco run re")).toEqual(["resume", "retry"]);
  expect(await offered("orco run retry 8ea6 --f")).toEqual(["--from", "--file"]);
  expect(await offered("orco run submit --f")).toEqual(["--file"]);
  expect(await offered("orco schedule add --cr")).toEqual(["--cron"]);
  expect(await offered("orco repair re")).toEqual(["retry", "remove"]);
  expect(await offered("orco repair api --dr")).toEqual(["--dry-run"]);
  expect(await offered("orco run submit pl")).toEqual([""]);
});

test("bash completes what a first word may be besides an action", async () => {
  const status =
    '{"stack":"demo","services":[{"service":"migrate","state":"Stopped","instances":[]},{"service":"resize","state":"Stopped"}]}';
  expect(await offered("orco run re", status)).toEqual(["resume", "retry", "resize"]);
  expect(await offered("orco run mi", status)).toEqual(["migrate"]);
  expect(await offered("orco run migrate --d", status)).toEqual(["--detach"]);
});

test("bash completes services as the status says them", async () => {
  const status =
    '{"stack":"demo","services":[{"service":"db","state":"Running","instances":[{"id":"x"}]},{"service":"web-1","state":"Failed"}]}';
  expect(await offered("orco restart ", status)).toEqual(["db", "web-1"]);
  expect(await offered("orco restart w", status)).toEqual(["web-1"]);
  // Behind logs it means follow, and no file is next.
  const unlessMeant = `'; [[ $* = *-f* ]] || echo '${status}`;
  expect(await offered("orco logs -f w", unlessMeant)).toEqual(["web-1"]);
});

test("the other scripts name every command", async () => {
  for (const shell of ["zsh", "fish"]) {
    const { out } = await runMain(["completion", shell]);
    for (const name of ["up", "down", "status", "logs", "scale", "apply", "graph", "lint", "events", "shutdown"])
      expect(out).toContain(name);
  }
});
