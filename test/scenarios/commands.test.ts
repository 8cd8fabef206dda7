import { expect, test } from "bun:test";
import { until } from "../until.ts";
import { ORCO, Rig, scenario, sharedRig } from "./rig.ts";
import { jsonLines } from "./stack-under-test.ts";

const rig = sharedRig();
const SERVICES = `
  services:
    db: { command: "echo from db; exec sleep 1000" }
    api: { command: "echo from api; exec sleep 1000", dependsOn: [db] }
`;
const READING = [
  ["status"],
  ["status", "--wide"],
  ["stack", "list"],
  ["stack", "show", "sXX"],
  ["graph"],
  ["graph", "--mermaid"],
  ["graph", "--dot"],
  ["events"],
  ["logs"],
  ["runs"],
  ["config", "show"],
  ["version"],
  ["top"],
  ["apply", "--dry-run"],
];

test("what is read can be read by programs, on a narrow or dumb terminal, and by somebody who leaves", async () => {
  const stack = rig.stack(SERVICES);
  await stack.up();
  for (const words of READING) {
    const args = words.map((word) => (word === "sXX" ? stack.name : word));
    const plain = words.includes("--mermaid") || words.includes("--dot") || words[0] === "top";
    if (!plain) for (const one of jsonLines<unknown>(await stack.ok(...args, "--json"))) expect(one).toBeObject();
    const line = ["stty cols 20 2>/dev/null;", `"${ORCO}"`, ...args].join(" ");
    const env = { PATH: process.env["PATH"] ?? "", ORCO_HOME: rig.home };
    let seen = "";
    const data = (_: Bun.Terminal, bytes: Uint8Array): void => void (seen += Buffer.from(bytes).toString());
    const dumb = Bun.spawn(["sh", "-c", line], { cwd: stack.dir, env: { ...env, TERM: "dumb" }, terminal: { cols: 20, rows: 10, data } });
    expect([args, await dumb.exited]).toEqual([args, 0]);
    // oxlint-disable-next-line no-control-regex
    expect(seen).not.toMatch(/\x1b\[/);
    const left = Bun.spawn(["bash", "-c", `"${ORCO}" ${args.join(" ")} | head -c 1; exit \${PIPESTATUS[0]}`], {
      cwd: stack.dir,
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    expect([args, await left.stderr.text(), await left.exited]).toEqual([args, "", 0]);
  }
}, 60_000);

test("names that are not there: did you mean", async () => {
  const stack = rig.stack(SERVICES);
  await stack.up();
  const cases: [string[], RegExp][] = [
    [["restart", "ap"], /no service ap \(did you mean "api"\?\); it has db, api/],
    [["logs", "dbs"], /no service dbs \(did you mean "db"\?\)/],
    [["scale", "apis", "2"], /did you mean "api"\?/],
    [["promote", "ap"], /did you mean "api"\?/],
    [["exec", "ap", "--", "true"], /did you mean "api"\?/],
    [["up", "-d", "ap"], /did you mean "api"\?/],
    [["stack", "show", `${stack.name}x`], new RegExp(`stack ${stack.name}x is not up \\(did you mean "${stack.name}"\\?\\)`)],
  ];
  for (const [args, err] of cases) {
    const said = await stack.orco(...args);
    if (args[0] !== "up") expect([args, said.code]).toEqual([args, 4]);
    expect(said.err).toMatch(err);
  }
  for (const action of ["promote", "abort"])
    expect(await stack.orco(action, "api")).toMatchObject({
      code: 5,
      err: expect.stringContaining(`no update is under way: nothing to ${action} for api`),
    });
});

test("stack list: all of them, from anywhere", async () => {
  const stack = rig.stack(SERVICES);
  await stack.up();
  const rows = (await rig.orco(["stack", "list"])).out.trim().split("\n");
  expect(rows[0]).toMatch(/^STACK +SERVICES +READY +FILE$/);
  expect(rows.find((row) => row.startsWith(`${stack.name} `))).toMatch(new RegExp(`^${stack.name} +2 +2 +${stack.dir}/stack.yaml$`));
  const shown = JSON.parse((await rig.orco(["stack", "show", stack.name, "--json"])).out) as object;
  expect(shown).toMatchObject({ stack: stack.name, services: [{ service: "db" }, { service: "api" }] });
});

test("status --watch --json: one object a change, and none for the time that passes", async () => {
  const stack = rig.stack(SERVICES);
  await stack.up();
  const watching = stack.start("status", "--watch", "--json");
  const seen = (): { services: { service: string; state: string; replicas: object }[] }[] =>
    jsonLines(watching.out().replace(/[^\n]*$/, ""));
  await until("the first", () => seen().length > 0);
  await stack.ok("stop", "api");
  const stopped = await until("the stop", () => seen().find(({ services }) => services[1]?.state === "Stopped"));
  expect(stopped.services[1]?.replicas).toEqual({ ready: 0, live: 0, desired: 1 });
  watching.kill("SIGINT");
  expect((await watching.ended).code).toBe(0);
  const texts = seen().map((one) => JSON.stringify(one, (key, value: unknown) => (key === "age_ms" ? undefined : value)));
  expect(texts.filter((text, at) => text === texts[at - 1])).toEqual([]);
});

test("events --follow --json: one journal event a line, with what names it", async () => {
  const stack = rig.stack(SERVICES);
  await stack.up();
  const following = stack.start("events", "--follow", "--json");
  await stack.ok("restart", "api");
  const restarted = await until("the restart", () =>
    jsonLines<Record<string, unknown>>(following.out().replace(/[^\n]*$/, "")).find(
      ({ type, reason }) => type === "instance.starting" && reason === "restart",
    ),
  );
  expect(restarted).toMatchObject({
    seq: expect.any(Number),
    ts: expect.stringMatching(/Z$/),
    stack: stack.name,
    service: "api",
    replica: 0,
  });
  following.kill("SIGINT");
  await following.ended;
});

scenario(
  "up --wait that comes to nothing in time is 124 with the chain, when it is docker that is away",
  async (own: Rig) => {
    const stack = own.stack(`
      services:
        db: { image: "busybox:local", command: "sleep 1000" }
        web: { command: "exec sleep 1000", dependsOn: [db] }
    `);
    const said = await stack.orco("up", "-d", "--wait", "--timeout", "3s");
    expect(said.code).toBe(124);
    expect(said.err).toMatch(
      /is not ready after 3s; it goes on trying\n +db blocked: .*docker unreachable since .*\n +web blocked: waiting for db \(ready\)/,
    );
    const began = performance.now();
    expect(await stack.ok("status")).toContain("docker unreachable since");
    expect(performance.now() - began).toBeLessThan(5000);
    // Down would wait for docker.
    await own.killDaemon("SIGKILL");
  },
  { DOCKER_HOST: "unix:///nonexistent/docker.sock" },
);
