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
    expect(performance.now() - began).toBeLessThan(5000);
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
