import { describe, expect, test } from "bun:test";
import { readFileSync, statSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { dockerHere } from "../../../../test/docker/engine.ts";
import { processorTime } from "../../../../test/processor-time.ts";
import { until } from "../../../../test/until.ts";
import { Engine } from "../../docker/engine.ts";
import { Times } from "../../logs/times.ts";
import type { Handle } from "../../runtime.ts";
import { type DockerRig, rigsOn } from "./rig.suite.ts";

const here = await dockerHere();
const docker = here ?? new Engine("unix:///nowhere/docker.sock");

const using = rigsOn(() => docker);

async function adopted(rig: DockerRig, { instance }: Handle): Promise<{ readonly runtime: DockerRig["runtime"]; readonly handle: Handle }> {
  const runtime = rig.successor();
  const found = await runtime.adopt(instance);
  if (found.kind !== "running") throw new Error(found.kind);
  return { runtime, handle: found.handle };
}

describe.skipIf(!here)("docker's log of an instance", () => {
  test("comes whole and once over restarts of the daemon, on both streams", () =>
    using(async (rig) => {
      const script =
        "n=0; while [ $n -lt 5000 ]; do n=$((n+1)); echo out $n; [ $((n % 10)) -ne 0 ] || echo err $n >&2; [ $((n % 50)) -ne 0 ] || sleep 0.01; done";
      let handle: Handle = await rig.runtime.start(rig.launch(script));
      let { runtime } = rig;
      for (const upTo of [2_000, 15_000, 30_000]) {
        await until("some lines", () => statSync(handle.spools.stdout).size > upTo);
        runtime.close();
        ({ runtime, handle } = await adopted(rig, handle));
      }
      await handle.exited;
      const lines = (file: string): string[] => readFileSync(file, "utf8").split("\n").slice(0, -1);
      expect(lines(handle.spools.stdout)).toEqual(Array.from({ length: 5000 }, (_, n) => `out ${n + 1}`));
      expect(lines(handle.spools.stderr)).toEqual(Array.from({ length: 500 }, (_, n) => `err ${10 * (n + 1)}`));
      const { size } = statSync(handle.spools.stdout);
      const times = new Times(handle.spools.stdout, undefined).marks(0, size).map(({ ms = 0 }) => ms);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
      expect(Math.abs((times[0] ?? 0) - handle.startedAt)).toBeLessThan(10_000);
    }));

  test(
    "at a hundred thousand lines a second leaves the daemon its time",
    () =>
      using(async (rig) => {
        const [lines, line] = [300_000, "x".repeat(60)];
        const script = `i=0; while [ $i -lt 30 ]; do i=$((i+1)); yes ${line} | head -n ${lines / 30}; sleep 0.1; done`;
        const delay = monitorEventLoopDelay({ resolution: 1 });
        delay.enable();
        const began = performance.now();
        const spent = processorTime();
        const handle = await rig.runtime.start(rig.launch(script));
        await handle.exited;
        delay.disable();
        const [wallMs, cpuMs, slowMs] = [performance.now() - began, spent(), delay.percentile(99.9) / 1e6];
        if (process.env["ORCO_FIGURES"])
          console.log(
            `docker log: ${lines} lines in ${wallMs.toFixed(0)} ms, cpu ${cpuMs.toFixed(0)} ms, longest turns ${slowMs.toFixed(0)} ms`,
          );
        expect(statSync(handle.spools.stdout).size).toBe(lines * (line.length + 1));
        // Of a thousand turns the machine may hold up one.
        expect(slowMs).toBeLessThan(500);
      }),
    60_000,
  );

  test("a line without its end and one of many pieces come as they are; bytes that are no text are docker's to replace", () =>
    using(async (rig) => {
      const handle = await rig.runtime.start(
        rig.launch("head -c 100000 /dev/zero | tr '\\0' 'a'; printf '\\377\\000\\r'; sleep 0.2; printf end"),
      );
      await handle.exited;
      const bytes = readFileSync(handle.spools.stdout);
      expect(bytes.subarray(100_000).toString()).toBe("\ufffd\0\rend");
    }));
});
