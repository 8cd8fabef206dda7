import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { systemClock } from "../../src/kernel/clock.ts";
import { logsOf, newestContainer, stateOf } from "../../src/repair/compose/containers.ts";
import type { Finding } from "../../src/repair/finding.ts";
import type { ServiceProfile } from "../../src/repair/project.ts";
import type { Target } from "../../src/repair/target.ts";
import { addressesIn } from "../../src/repair/verify/address.ts";
import { verify, type VerifyResult } from "../../src/repair/verify/verify.ts";
import { Redactor } from "../../src/supervise/logs/redact.ts";
import { dockerHere, IMAGE } from "../docker/engine.ts";

// Containers take their time on a busy machine.
setDefaultTimeout(90_000);
const engine = await dockerHere();
const project = `verify-${crypto.randomUUID().slice(0, 8)}`;
const started: string[] = [];
const PROFILE = { settleMs: 200, restartTimeoutMs: 15_000 };
const WEB = ["sh", "-c", "mkdir /www && echo '{\"items\": 3}' > /www/health && exec httpd -f -p 8000 -h /www"];

async function docker(...args: string[]): Promise<string> {
  const child = Bun.spawn(["docker", ...args], { stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  if ((await child.exited) !== 0) throw new Error(`docker ${args.join(" ")}: ${err}`);
  return out.trim();
}

/** A container as compose would make one of that service, and how a repair looks at it. */
async function container(service: string, options: readonly string[], command: readonly string[]): Promise<Pick<Target, "state" | "logs">> {
  const labels = ["--label", `com.docker.compose.project=${project}`, "--label", `com.docker.compose.service=${service}`];
  started.push(await docker("run", "-d", "--stop-timeout", "0", ...labels, ...options, IMAGE, ...command));
  const own = engine as NonNullable<typeof engine>;
  const find = (signal: AbortSignal) => newestContainer(own, { project, service }, { signal });
  return {
    state: async (signal) => {
      const found = await find(signal);
      return found && stateOf(found);
    },
    logs: async (signal) => {
      const found = await find(signal);
      return found ? logsOf(own, found, { redactor: new Redactor([]), sinceStart: true, signal }) : [];
    },
  };
}

function verified(
  target: Pick<Target, "state" | "logs">,
  { finding = null, lines = [], ...profile }: Partial<ServiceProfile> & { finding?: Finding | null; lines?: string[] } = {},
): Promise<VerifyResult> {
  const { signal } = new AbortController();
  const resolve = addressesIn(engine as NonNullable<typeof engine>, project);
  const onLine = (line: string): void => void lines.push(line);
  return verify({ target, profile: { ...PROFILE, ...profile }, finding, clock: systemClock(), signal, onLine, resolve });
}

afterAll(async () => {
  if (started.length > 0) await docker("rm", "-f", ...started);
});

describe.skipIf(!engine)("a real container", () => {
  test("that serves is asked by the name of its service, at its address, and its answer is looked into", async () => {
    const target = await container("web", [], WEB);
    const health = { url: "http://web:8000/health", timeoutMs: 10_000 };
    const appCheck = { method: "GET", url: "http://web:8000/health", status: 200, pattern: '"items": \\d+' };
    const found = await verified(target, { health, appCheck });
    expect(found).toMatchObject({ ok: true, message: expect.stringContaining("GET http://web:8000/health answers 200 OK") });
    expect(found.checks.map(({ name }) => name)).toEqual(["container", "http", "app"]);
    const wrong = await verified(target, { health: { url: "http://web:8000/absent", timeoutMs: 3000 } });
    expect(wrong).toMatchObject({
      ok: false,
      message: expect.stringMatching(/^http: GET http:\/\/web:8000\/absent answers 404 Not Found/),
    });
  });

  test("whose healthcheck says unhealthy fails, whatever HTTP answers; one that becomes healthy is waited for", async () => {
    const checked = (command: string, interval = "100ms"): string[] => [
      "--health-cmd",
      command,
      "--health-interval",
      interval,
      "--health-retries",
      "2",
    ];
    const sick = await container("sick", checked("echo no database; exit 1"), WEB);
    const health = { url: "http://sick:8000/health", timeoutMs: 10_000 };
    expect(await verified(sick, { health })).toMatchObject({
      ok: false,
      message: "healthcheck: its healthcheck says unhealthy (exit code 1: no database)",
    });
    const lines: string[] = [];
    const well = await container("well", checked("test -f /www/health", "3s"), WEB);
    const found = await verified(well, { lines });
    expect(found.checks.map(({ name, ok }) => [name, ok])).toEqual([
      ["container", true],
      ["healthcheck", true],
    ]);
    expect(found.only).toBeUndefined();
    expect(lines.some((line) => line.startsWith("healthcheck: not yet: its healthcheck says starting"))).toBe(true);
  });

  test("that starts again and again, or has ended, is not waited for", async () => {
    const loop = await container("loop", ["--restart", "always"], ["sh", "-c", "exit 3"]);
    const ended = await container("ended", [], ["sh", "-c", "exit 4"]);
    const began = performance.now();
    expect(await verified(loop)).toMatchObject({ ok: false, message: expect.stringMatching(/^container: .*exit code 3/) });
    expect(await verified(ended)).toMatchObject({ ok: false, message: "container: it has ended: exit code 4" });
    expect(performance.now() - began).toBeLessThan(PROFILE.restartTimeoutMs);
  });

  test("that only runs is verified by that and by its log, and it is said", async () => {
    const finding: Finding = {
      signature: "python-module-missing:yaml",
      cause: "a module is missing",
      evidence: ["container:1: ModuleNotFoundError: No module named 'yaml'"],
      confidence: 1,
      verdict: "fix",
      remedy: "adds PyYAML",
    };
    const idle = await container("idle", [], ["sleep", "1000"]);
    expect(await verified(idle, { finding })).toMatchObject({
      ok: true,
      only: "state",
      message: expect.stringContaining("all that was verified"),
    });
    const says = await container("says", [], ["sh", "-c", "echo \"ModuleNotFoundError: No module named 'yaml'\"; exec sleep 1000"]);
    expect(await verified(says, { finding })).toMatchObject({
      ok: false,
      message: expect.stringMatching(/^signature: .*again: ModuleNotFound/),
    });
  });
});
