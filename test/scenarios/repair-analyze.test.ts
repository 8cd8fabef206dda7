import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { systemClock } from "../../src/kernel/clock.ts";
import { type Analysis, analyze, type AnalyzeRequest } from "../../src/repair/analyze.ts";
import { removeAnalysisContainers } from "../../src/repair/copy/repair-label.ts";
import { dockerTools } from "../../src/repair/copy/tools.ts";
import { LogReader } from "../../src/repair/evidence/log-reader.ts";
import type { Diagnosis, Evidence } from "../../src/repair/finding.ts";
import type { Target } from "../../src/repair/target.ts";
import { runCommand } from "../../src/supervise/command.ts";
import { listContainers } from "../../src/supervise/docker/containers.ts";
import { dockerHere, IMAGE } from "../docker/engine.ts";

const found = await dockerHere();

describe.skipIf(!found)("analysis with docker", () => {
  const engine = found as NonNullable<typeof found>;
  const run = `t${crypto.randomUUID().slice(0, 8)}`;
  const tag = `orco-trial/api:${run}`;
  let folder: string;
  let workspace: string;
  let said: string[];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "orco-analysis-"));
    workspace = join(folder, "shop");
    said = [];
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  afterAll(async () => {
    await removeAnalysisContainers(engine, { run });
    await engine.call("DELETE", `/images/${encodeURIComponent(tag)}`, { query: { force: true } }).catch(() => undefined);
  });

  function put(texts: Readonly<Record<string, string>>): void {
    for (const [path, text] of Object.entries(texts)) {
      mkdirSync(dirname(join(workspace, path)), { recursive: true });
      writeFileSync(join(workspace, path), text);
    }
  }

  const never = (): never => {
    throw new Error("an analysis changes nothing");
  };

  const target: Target = {
    kind: "compose",
    inspect: async () => ({ config: config(), logs: [] }),
    trial: async ({ root }, { signal, onLine }) => {
      const output = new LogReader(onLine);
      const { code } = await runCommand({
        argv: ["docker", "build", "--no-cache", "--force-rm", "-t", tag, join(root, "api")],
        cwd: root,
        env: { PATH: process.env["PATH"] ?? "", HOME: folder, DOCKER_HOST: engine.host, DOCKER_BUILDKIT: "0" },
        timeoutMs: 60_000,
        clock: systemClock(),
        signal,
        outputPatienceMs: 2000,
        onOutput: (chunk) => output.push(chunk),
      });
      output.end();
      return { ok: code === 0, timedOut: false };
    },
    record: never,
    build: never,
    restart: never,
    state: never,
    logs: never,
    restore: never,
    cleanUp: never,
    forget: never,
  };

  function config() {
    const build = { context: join(workspace, "api"), dockerfile: "Dockerfile", args: {} };
    return { build, init: false, bindTargets: [], environment: {}, raw: {} };
  }

  function analyzed(diagnose: NonNullable<AnalyzeRequest["diagnose"]>, controller = new AbortController()): Promise<Analysis> {
    const { signal } = controller;
    const onLine = (line: string): void => {
      said.push(line);
      if (line === "begun") controller.abort(new Error("canceled"));
    };
    const root = join(folder, "copy");
    const tools = dockerTools(engine, run);
    return analyze({
      service: "api",
      workspace,
      config: config(),
      target,
      tools,
      diagnose,
      root,
      instruction: "make it build",
      allow: (path) => path.startsWith("api/"),
      work: { signal, onLine },
    });
  }

  function finding(evidence: Evidence, pattern: RegExp, signature: string): Diagnosis["finding"] | undefined {
    for (const { source, lines, firstLine } of evidence.texts) {
      const at = lines.findIndex((line) => pattern.test(line));
      if (at < 0) continue;
      const text = `${source}:${firstLine + at}: ${lines[at]}`;
      return { signature, cause: signature, evidence: [text], confidence: 1, verdict: "fix", remedy: `mend ${signature}` };
    }
    return undefined;
  }

  /** A program that is missing: a RUN in front of the one that calls it. A list that is missing: a tool of the base image writes it. */
  const diagnose = (evidence: Evidence, { dockerfile }: { dockerfile?: { path: string; text: string } }): Diagnosis[] => {
    const text = (dockerfile?.text ?? "").replace(
      "RUN greet",
      "RUN printf '#!/bin/sh\\necho hi\\n' >/bin/greet && chmod +x /bin/greet\nRUN greet",
    );
    const missing = finding(evidence, /greet: not found/, "greet-missing");
    const unlisted = finding(evidence, /can't open 'list\.lock'/, "list-missing");
    const tool = {
      image: IMAGE,
      argv: ["sh", "-c", "l=$(ls -A); echo $l >list.lock; echo x >other"],
      cwd: "api",
      writes: ["api/list.lock"],
      edits: [],
    };
    return [
      ...(missing ? [{ finding: missing, remedy: { kind: "edits" as const, edits: [{ path: "api/Dockerfile", text }] } }] : []),
      ...(unlisted ? [{ finding: unlisted, remedy: { kind: "tool" as const, run: tool } }] : []),
    ];
  };

  test("two faults of a real build, one mended by an edit and one by a tool of the image; nothing is left", async () => {
    const dockerfile = `FROM ${IMAGE}\nWORKDIR /app\nCOPY . .\nRUN greet\nRUN cat list.lock\n`;
    put({ "api/Dockerfile": dockerfile, "api/.env": "TOKEN=canary" });
    const { outcome, findings, changes } = await analyzed(diagnose);
    expect(said.filter((line) => line.startsWith("trying"))).toEqual(["trying: mend greet-missing", "trying: mend list-missing"]);
    expect([outcome, ...findings.map(({ signature }) => signature)]).toEqual(["plan", "greet-missing", "list-missing"]);
    expect(changes.map(({ path, before }) => [path, before])).toEqual([
      ["api/Dockerfile", dockerfile],
      ["api/list.lock", null],
    ]);
    expect(changes[1]?.after).toBe("Dockerfile\n");
    expect(findings[0]?.evidence[0]).toMatch(/^build:\d+: \/bin\/sh: greet: not found$/);
    expect(readFileSync(join(workspace, "api/Dockerfile"), "utf8")).toBe(dockerfile);
    expect(existsSync(join(folder, "copy"))).toBe(false);
    expect(await listContainers(engine, { "orco.repair": run })).toEqual([]);
  }, 60_000);

  test("ended while a tool runs: the container goes, and the copy", async () => {
    put({ "api/Dockerfile": `FROM ${IMAGE}\nRUN greet\n` });
    const controller = new AbortController();
    const slow = (evidence: Evidence): Diagnosis[] => {
      const missing = finding(evidence, /greet: not found/, "greet-missing");
      const tool = { image: IMAGE, argv: ["sh", "-c", "echo begun; sleep 1000"], cwd: "api", writes: [], edits: [] };
      return missing ? [{ finding: missing, remedy: { kind: "tool", run: tool } }] : [];
    };
    const ended = await analyzed(slow, controller).catch(String);
    expect(ended).toBe("Error: canceled");
    expect(said).toContain("begun");
    expect(await listContainers(engine, { "orco.repair": run })).toEqual([]);
    expect(existsSync(join(folder, "copy"))).toBe(false);
  }, 60_000);
});
