import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../../test/until.ts";
import { systemClock } from "../../kernel/clock.ts";
import { uuidv7 } from "../../kernel/id.ts";
import { type CgroupPlaces, findCgroups, removeEmpty } from "../cgroup.ts";
import { MarkerSweep } from "../identity.ts";
import { bootId } from "../proc.ts";
import type { LaunchSpec } from "../runtime.ts";
import { runtimeContract, type RuntimeUnderTest } from "./contract.suite.ts";
import { ProcessRuntime } from "./process.ts";

const PROGRAMS = join(import.meta.dir, "../../../test/programs");
const NO_CGROUPS: CgroupPlaces = { v1: {} };

interface Made extends RuntimeUnderTest {
  readonly runtime: ProcessRuntime;
  readonly home: string;
}

function make(cgroups?: CgroupPlaces): Made {
  const clock = systemClock();
  const home = mkdtempSync(join(tmpdir(), "orco-process-"));
  const made: ProcessRuntime[] = [];
  const begun: string[] = [];
  const create = (): ProcessRuntime => {
    const runtime = new ProcessRuntime({ home, clock, ...(cgroups && { cgroups }) });
    made.push(runtime);
    return runtime;
  };
  const sweep = new MarkerSweep(clock, bootId());
  return {
    home,
    runtime: create(),
    successor: create,
    launch(script, over = {}) {
      const instance = uuidv7(clock);
      begun.push(instance);
      return {
        instance,
        stack: "s",
        service: "x",
        replica: 0,
        argv: ["/bin/sh", "-c", script],
        cwd: home,
        env: { PATH: process.env["PATH"] ?? "" },
        ...over,
      };
    },
    living: async (instance) => (await sweep.find(instance)).length,
    async dispose() {
      for (const instance of begun) {
        const adopted = await create().adopt(instance);
        if (adopted.kind === "running") await adopted.handle.stop({ signal: "SIGKILL", timeoutMs: 0 }, AbortSignal.abort());
      }
      for (const runtime of made) runtime.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

async function using(body: (under: Made) => Promise<void>, cgroups?: CgroupPlaces): Promise<void> {
  const under = make(cgroups);
  try {
    await body(under);
  } finally {
    await under.dispose();
  }
}

runtimeContract("process", () => make());
runtimeContract("process without cgroups:", () => make(NO_CGROUPS));

describe("process runtime on disk and in /proc", () => {
  test("files are the owner's only; the child gets three descriptors and exactly its environment", () =>
    using(async (under) => {
      const env = { PATH: "/usr/bin:/bin", "node.name": "x y" };
      const handle = await under.runtime.start(under.launch("", { argv: ["env"], env }));
      await handle.exited;
      const lines = readFileSync(handle.spools.stdout, "utf8").trim().split("\n").toSorted();
      expect(lines).toEqual([`ORCO_INSTANCE=${handle.instance}`, "PATH=/usr/bin:/bin", "node.name=x y"].toSorted());
      const fds = await under.runtime.start(under.launch("", { argv: ["ls", "/proc/self/fd"] }));
      await fds.exited;
      expect(readFileSync(fds.spools.stdout, "utf8").split("\n").slice(0, 4)).toEqual(["0", "1", "2", "3"]);
      expect(readFileSync(fds.spools.stdout, "utf8").trim().split("\n").length).toBe(4);
      const dir = join(under.home, "instances", handle.instance);
      expect([
        statSync(dir).mode & 0o777,
        statSync(handle.spools.stdout).mode & 0o777,
        statSync(join(dir, "meta.json")).mode & 0o777,
      ]).toEqual([0o700, 0o600, 0o600]);
    }));

  test("signals that were caught above are not ignored below", () =>
    using(async (under) => {
      const handle = await under.runtime.start(under.launch("", { argv: ["grep", "SigIgn", "/proc/self/status"] }));
      await handle.exited;
      expect(readFileSync(handle.spools.stdout, "utf8")).toBe("SigIgn:\t0000000000000000\n");
    }));

  test("says why a start is refused", () =>
    using(async (under) => {
      const refused = (over: Partial<LaunchSpec>): Promise<unknown> =>
        under.runtime.start(under.launch("", over)).catch((error: unknown) => error);
      writeFileSync(join(under.home, "plain"), "text", { mode: 0o644 });
      expect(await refused({ argv: ["nope"], env: { PATH: "/a:/b" } })).toMatchObject({
        code: "executable_not_found",
        message: "nope: not found in PATH (/a:/b)",
        facts: { command: "nope", path: "/a:/b" },
      });
      expect(await refused({ argv: ["./plain"] })).toMatchObject({
        code: "start_failed",
        message: expect.stringMatching(/plain is not executable$/),
      });
      expect(await refused({ cwd: "/no/such" })).toMatchObject({
        code: "start_failed",
        message: "working directory /no/such does not exist",
      });
      expect(await refused({ user: "no-such-user" })).toMatchObject({ code: "start_failed" });
      expect(under.runtime.instances()).toEqual([]);
    }));

  test.if(process.getuid?.() === 0)("runs as another user, who may open /dev/stdout anew", () =>
    using(async (under) => {
      const handle = await under.runtime.start(under.launch("id -u; id -g; id -G; echo again >>/dev/stdout", { user: "nobody", cwd: "/" }));
      expect(await handle.exited).toMatchObject({ code: 0 });
      expect(readFileSync(handle.spools.stdout, "utf8")).toBe("65534\n65534\n65534\nagain\n");
    }),
  );

  test("a shell that dies at once does not cut short the worker that drains", () =>
    using(async (under) => {
      const file = join(under.home, "drained");
      const handle = await under.runtime.start(under.launch("", { argv: [join(PROGRAMS, "drain.sh"), file] }));
      await until("ready", () => readFileSync(handle.spools.stdout, "utf8"));
      expect(await handle.stop({ signal: "SIGTERM", timeoutMs: 5000 })).toMatchObject({ code: 143 });
      expect(readFileSync(file, "utf8")).toBe("drained\n");
    }));

  const places = findCgroups("test-limits");
  removeEmpty(places);
  test.if(places.v1.memory !== undefined || places.v2?.controllers.includes("memory") === true)(
    "a service killed for want of memory is told so",
    () =>
      using(async (under) => {
        const limits = { memory: 32 << 20, pids: 20, cpu: 0.5 };
        expect(under.runtime.limitWarnings(limits)).toEqual([]);
        const handle = await under.runtime.start(under.launch("exec tail /dev/zero", { limits }));
        expect(await handle.exited).toMatchObject({ code: 137, signal: "SIGKILL", reason: "oom_killed" });
      }),
  );

  test("limits nobody enforces are warned of", () =>
    using(async (under) => {
      expect(under.runtime.limitWarnings({ memory: 1, cpu: 1 }).length).toBe(2);
      expect(under.runtime.limitWarnings({})).toEqual([]);
    }, NO_CGROUPS));

  test("a hundred that end at once stop promptly", () =>
    using(async (under) => {
      const handles = await Promise.all(
        Array.from({ length: 100 }, () => under.runtime.start(under.launch("", { argv: ["sleep", "3600"] }))),
      );
      const began = performance.now();
      await Promise.all(handles.map((handle) => handle.stop({ signal: "SIGTERM", timeoutMs: 10_000 })));
      expect(performance.now() - began).toBeLessThan(5000);
      if (process.env["ORCO_FIGURES"]) console.log(`stop-100: ${(performance.now() - began).toFixed(0)} ms`);
    }));
});
