import { expect, test } from "bun:test";
import { ORCO, sharedRig } from "./rig.ts";

const rig = sharedRig();
const QUIET = `
  services:
    api: { command: "echo hello; exec sleep 1000" }
`;

test("who follows and is read by nobody any more ends, though nothing happens", async () => {
  const stack = rig.stack(QUIET);
  await stack.up();
  for (const args of ["events -F", "logs -F", "status --watch"]) {
    const began = performance.now();
    const argv = ["sh", "-c", `{ "${ORCO}" ${args}; echo "code $?" >&2; } | head -1`];
    const child = Bun.spawn(argv, { cwd: stack.dir, env: { ...process.env, ORCO_HOME: rig.home }, stdout: "pipe", stderr: "pipe" });
    const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    expect(out.split("\n")).toHaveLength(2);
    expect(err).toBe("code 0\n");
    expect(performance.now() - began).toBeLessThan(20_000);
  }
});

test("logs followed until a time end then", async () => {
  const stack = rig.stack(QUIET);
  await stack.up();
  const until = Date.now() + 1500;
  const said = await stack.ok("logs", "-F", "--until", new Date(until).toISOString());
  expect(Date.now()).toBeGreaterThan(until);
  expect(said).toContain("api/0 | hello");
  expect(await stack.ok("logs", "-F", "--until", new Date(until).toISOString())).toBe(said);
});

test("the log of a replica that is not there is refused; of one that was there it is shown", async () => {
  const stack = rig.stack(QUIET);
  await stack.up();
  const message = "api has no replica 9; it has 0";
  expect(await stack.orco("logs", "api", "--replica", "9")).toMatchObject({ code: 4, err: expect.stringContaining(message) });
  expect(await stack.orco("logs", "-F", "--replica", "9")).toMatchObject({ code: 4, err: expect.stringContaining("has no replica 9") });
  await stack.ok("scale", "api", "2");
  await stack.line(({ replica }) => replica === 1);
  await stack.ok("scale", "api", "1");
  expect(await stack.ok("logs", "api", "--replica", "1")).toContain("api/1 | hello");
});
