import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { chownSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RunSummary } from "../../src/repair/view.ts";
import { freePort } from "../free-port.ts";
import { until } from "../until.ts";
import { canBuildExamples } from "./repair-examples.ts";

/** deploy/docker and deploy/compose as the docs tell to use them: orco in a container repairs its neighbour on the host, and not itself. */
const ROOT = join(import.meta.dirname, "../..");
const SUFFIX = crypto.randomUUID().slice(0, 6);
const PROJECT = `orco-moon-${SUFFIX}`;
const IMAGE = `orco-repair-test:${SUFFIX}`;
const KEY = crypto.randomUUID();
const OWNER = 1234;
const here = await canBuildExamples(["debian:bookworm-slim"]);
setDefaultTimeout(240_000);

let folder = "";
let url = "";
let repaired = "";

/** stdout. */
async function ran(command: readonly string[], cwd = ROOT): Promise<string> {
  const child = Bun.spawn([...command], { cwd, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (code !== 0) throw new Error(`${command.join(" ")} exits ${code}\n${err}${out}`);
  return out;
}

async function ask(path: string, body?: object): Promise<{ status: number; body: unknown }> {
  const headers = { authorization: `Bearer ${KEY}`, "content-type": "application/json" };
  const answer = await fetch(`${url}/orchestrator/runs${path}`, {
    headers,
    ...(body && { method: "POST", body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: await answer.json() };
}

function write(name: string, change: (text: string) => string): void {
  const path = join(folder, name);
  writeFileSync(path, change(readFileSync(path, "utf8")));
}

function images(): Promise<string> {
  return ran([
    "docker",
    "ps",
    "-aq",
    "--no-trunc",
    "--filter",
    `label=com.docker.compose.project=${PROJECT}`,
    "--format",
    "{{.ID}} {{.Names}}",
  ]);
}

if (here)
  beforeAll(async () => {
    await ran([process.execPath, "scripts/build.ts"]);
    await ran(["examples/repair/images.sh", "debian", "cli"]);
    await ran(["docker", "build", "-t", IMAGE, "-f", "deploy/docker/Dockerfile", "dist"]);
    folder = mkdtempSync(join(tmpdir(), "orco-compose-"));
    cpSync(join(ROOT, "deploy/compose"), folder, { recursive: true });
    const port = freePort();
    url = `http://127.0.0.1:${port}`;
    writeFileSync(
      join(folder, ".env"),
      `WORKSPACE=${folder}\nCOMPOSE_PROJECT_NAME=${PROJECT}\nORCHESTRATOR_API_KEY=${KEY}\nORCO_PORT=${port}\nBASE=busybox:local\n`,
    );
    write("compose.yaml", (text) =>
      text.replace("container_name: mm-orchestrator", `container_name: mm-${SUFFIX}`).replace("image: orco-repair", `image: ${IMAGE}`),
    );
    // As a checkout on Windows leaves it.
    write("api/start.sh", (text) => text.replaceAll("\n", "\r\n"));
    for (const args of [
      ["init", "-q"],
      ["add", "-A"],
      ["-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "-qm", "broken"],
    ])
      await ran(["git", ...args], folder);
    for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) chownSync(join(folder, name), OWNER, OWNER);
    await ran(["docker", "compose", "up", "-d", "--no-build", "orchestrator"], folder);
    await ran(["docker", "compose", "build", "-q", "api"], folder);
    await ran(["docker", "compose", "up", "-d", "--no-deps", "api"], folder);
    await until(
      "orco to answer",
      () =>
        fetch(`${url}/ready`).then(
          ({ ok }) => ok,
          () => false,
        ),
      30_000,
    );
  });

afterAll(async () => {
  if (folder === "") return;
  await ran(["docker", "compose", "down", "--timeout", "1", "--volumes", "--rmi", "local"], folder);
  await ran(["docker", "rmi", "-f", IMAGE, ...(repaired === "" ? [] : [`orco-rollback/api:${repaired}`])]);
  rmSync(folder, { recursive: true, force: true });
});

test.skipIf(!here)("a neighbour is repaired from inside, and checked by its name in their network", async () => {
  const others = (await images()).split("\n").filter((line) => line.includes(`mm-${SUFFIX}`));
  const { status, body: run } = await ask("", { target_service: "api", instruction: "fix the start of api" });
  expect(status).toBe(202);
  repaired = (run as RunSummary).run_id;
  // It ends when the repair does.
  await (await fetch(`${url}/runs/${repaired}/events`, { headers: { authorization: `Bearer ${KEY}` } })).text();
  expect((await ask(`/${repaired}`)).body).toMatchObject({ status: "succeeded", error: null });
  expect(readFileSync(join(folder, "api/Dockerfile"), "utf8")).toContain("sed -i");
  expect(statSync(join(folder, "api/Dockerfile")).uid).toBe(OWNER);
  const log = await fetch(`${url}/orchestrator/runs/${repaired}/artifacts/verify.log`, { headers: { authorization: `Bearer ${KEY}` } });
  expect(await log.text()).toContain("http: ok");
  expect((await images()).split("\n").filter((line) => line.includes(`mm-${SUFFIX}`))).toEqual(others);
});

test.skipIf(!here)("it does not repair itself, and says so", async () => {
  const { status, body } = await ask("", { target_service: "orchestrator", instruction: "mend yourself" });
  expect([status, body]).toEqual([403, expect.objectContaining({ code: "self_repair" })]);
});

test.skipIf(!here)("it does not listen beyond this container without a key", async () => {
  const child = Bun.spawn(["docker", "run", "--rm", "--init", IMAGE], { stdout: "pipe", stderr: "pipe" });
  expect(await child.exited).not.toBe(0);
  expect(await child.stderr.text()).toContain("ORCHESTRATOR_API_KEY");
});
