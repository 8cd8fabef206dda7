import { expect, test } from "bun:test";
import { join } from "node:path";

/** Says once that it waits, then when it has noticed; ends after that. */
const PROGRAM = `import { onUnread } from ${JSON.stringify(join(import.meta.dir, "unread.ts"))};
  console.log("one");
  const began = performance.now();
  const idle = setInterval(() => undefined, 1000);
  onUnread(() => { console.error(Math.round(performance.now() - began)); clearInterval(idle); });`;

function spawnInto(reader: string) {
  const argv = ["/bin/sh", "-c", `"$0" -e "$1" | ${reader}`, process.execPath, PROGRAM];
  return Bun.spawn(argv, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
}

test("a reader that goes away is noticed while nothing is written", async () => {
  const child = spawnInto("head -1");
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  expect(out).toBe("one\n");
  expect(Number(err)).toBeLessThan(10_000);
});

test("a reader that is there, a file and nothing at all are no reason to end", async () => {
  const script = `import { onUnread } from ${JSON.stringify(join(import.meta.dir, "unread.ts"))};
    onUnread(() => { console.error("gone"); process.exit(1); });
    setTimeout(() => process.exit(0), 1200);`;
  const into = async (stdout: "pipe" | "ignore" | Bun.BunFile): Promise<number> =>
    await Bun.spawn([process.execPath, "-e", script], { stdin: "ignore", stdout, stderr: "inherit" }).exited;
  const file = join(process.env["TMPDIR"] ?? "/tmp", `orco-unread-${crypto.randomUUID()}`);
  expect(await Promise.all([into("pipe"), into("ignore"), into(Bun.file(file))])).toEqual([0, 0, 0]);
  await Bun.file(file).delete();
});
