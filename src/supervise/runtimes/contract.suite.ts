import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { until } from "../../../test/until.ts";
import { OrcoError } from "../../kernel/errors.ts";
import type { Handle, LaunchSpec, Runtime } from "../runtime.ts";

/** A runtime with a place of its own; everything it left is gone after `dispose`. */
export interface RuntimeUnderTest {
  readonly runtime: Runtime;
  /** A fresh runtime over the same state, as the next daemon makes one. */
  successor(): Runtime;
  /** A launch of `/bin/sh -c SCRIPT`, with a new instance id. */
  launch(script: string, over?: Partial<LaunchSpec>): LaunchSpec;
  /** How many processes of the instance live, the runtime's own helpers included. */
  living(instance: string): Promise<number>;
  dispose(): Promise<void>;
}

const TERM = { signal: "SIGTERM", timeoutMs: 10_000 };
const STAY = "while :; do sleep 3600; done";

/** What every runtime must do. Scripts are POSIX sh, so that any image with a shell can run them. */
export function runtimeContract(name: string, make: () => RuntimeUnderTest | Promise<RuntimeUnderTest>): void {
  describe(`${name} runtime`, () => {
    let under: RuntimeUnderTest;
    beforeEach(async () => {
      under = await make();
    });
    afterEach(() => under.dispose());

    const start = (script: string, over?: Partial<LaunchSpec>): Promise<Handle> => under.runtime.start(under.launch(script, over));

    startsAndEnds(() => under, start);
    stops(() => under, start);
    adopts(() => under, start);
  });
}

type Start = (script: string, over?: Partial<LaunchSpec>) => Promise<Handle>;

function startsAndEnds(under: () => RuntimeUnderTest, start: Start): void {
  test("learns exit codes", async () => {
    const exits = await Promise.all([0, 1, 3, 255].map(async (code) => (await start(`exit ${code}`)).exited));
    expect(exits.map(({ code, reason }) => [code, reason])).toEqual([0, 1, 3, 255].map((code) => [code, "exited"]));
    expect(Math.abs(Date.now() - (exits[0]?.at ?? 0))).toBeLessThan(60_000);
  });

  test("names the signal a service died of", async () => {
    const handle = await start("kill -9 $$");
    expect(await handle.exited).toMatchObject({ code: 137, signal: "SIGKILL", reason: "signaled" });
  });

  test("stdout and stderr go to their spools, to the last byte without a newline", async () => {
    const handle = await start("echo out; echo err >&2; printf tail");
    await handle.exited;
    expect(readFileSync(handle.spools.stdout, "utf8")).toBe("out\ntail");
    expect(readFileSync(handle.spools.stderr, "utf8")).toBe("err\n");
  });

  test("passes arguments and environment on as they are", async () => {
    const odd = "a b'c\"d$(e)\n\\";
    const launch = under().launch('printf "%s|%s|%s" "$1" "$ODD" "$ORCO_INSTANCE"', { env: { PATH: process.env["PATH"] ?? "", ODD: odd } });
    const handle = await under().runtime.start({ ...launch, argv: [...launch.argv, "sh", odd] });
    await handle.exited;
    expect(readFileSync(handle.spools.stdout, "utf8")).toBe(`${odd}|${odd}|${launch.instance}`);
  });

  test("a missing executable is told with its name, and nothing is left", async () => {
    const launch = under().launch("", { argv: ["no-such-program-here"] });
    const error = await under()
      .runtime.start(launch)
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OrcoError);
    expect(error).toMatchObject({ code: "executable_not_found", message: expect.stringContaining("no-such-program-here") });
    expect(await under().living(launch.instance)).toBe(0);
  });

  test("a grandchild that holds stdout delays neither the end nor outlives it", async () => {
    const handle = await start("sleep 3600 & exit 4");
    expect(await handle.exited).toMatchObject({ code: 4 });
    expect(await under().living(handle.instance)).toBe(0);
  });

  test("tells pid, start and usage of what runs", async () => {
    const handle = await start(`echo up; ${STAY}`);
    await until("output", () => readFileSync(handle.spools.stdout, "utf8"));
    expect(handle.pid).toBeGreaterThan(1);
    expect(handle.usage()?.rssBytes).toBeGreaterThan(0);
    expect(Math.abs(Date.now() - handle.startedAt)).toBeLessThan(60_000);
  });

  test("forget removes what an ended instance left", async () => {
    const handle = await start("echo x");
    await handle.exited;
    await under().runtime.forget(handle.instance);
    expect(existsSync(handle.spools.stdout)).toBe(false);
  });
}

function stops(under: () => RuntimeUnderTest, start: Start): void {
  async function ready(script: string): Promise<Handle> {
    const handle = await start(script);
    await until("the line of readiness", () => readFileSync(handle.spools.stdout, "utf8").includes("ready"));
    return handle;
  }

  test("a service that ends on the signal ends with its own code", async () => {
    const handle = await ready(`trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done`);
    expect(await handle.stop(TERM)).toMatchObject({ code: 7, reason: "exited" });
    expect(await under().living(handle.instance)).toBe(0);
  });

  test("one that ignores the signal is killed after its time", async () => {
    const handle = await ready(`trap '' TERM; echo ready; ${STAY}`);
    const exit = await handle.stop({ signal: "SIGTERM", timeoutMs: 50 });
    expect(exit).toMatchObject({ code: 137, signal: "SIGKILL", reason: "signaled" });
    expect(await under().living(handle.instance)).toBe(0);
  });

  test("force kills at once; a second stop joins the first and may force it", async () => {
    const handle = await ready(`trap '' TERM; echo ready; ${STAY}`);
    const first = handle.stop(TERM);
    const second = handle.stop(TERM, AbortSignal.abort());
    expect(await first).toEqual(await second);
    expect(await handle.stop(TERM)).toEqual(await first);
    expect(await under().living(handle.instance)).toBe(0);
  });

  test("another signal, and a command instead of a signal", async () => {
    const quits = await ready(`trap 'exit 5' QUIT; echo ready; while :; do sleep 0.01; done`);
    expect(await quits.stop({ signal: "SIGQUIT", timeoutMs: 5000 })).toMatchObject({ code: 5 });
    const told = await ready(`trap 'exit 6' USR1; echo ready; while :; do sleep 0.01; done`);
    expect(await told.stop({ ...TERM, command: ["/bin/sh", "-c", 'kill -USR1 "$ORCO_PID"'] })).toMatchObject({ code: 6 });
  });

  test("the whole tree goes, those who left the group too", async () => {
    const handle = await ready(`(setsid sleep 3600 &); (trap '' TERM; setsid sleep 3600 &); sleep 3600 & echo ready; ${STAY}`);
    await handle.stop({ signal: "SIGTERM", timeoutMs: 1000 });
    expect(await under().living(handle.instance)).toBe(0);
  });
}

function adopts(under: () => RuntimeUnderTest, start: Start): void {
  test("the next daemon takes over what runs, learns its exit and can stop it", async () => {
    const [stays, leaves] = await Promise.all([start(STAY), start("trap 'exit 9' USR1; echo ready; while :; do sleep 0.01; done")]);
    await until("the line of readiness", () => readFileSync(leaves.spools.stdout, "utf8").includes("ready"));
    const next = under().successor();
    const [kept, left] = await Promise.all([next.adopt(stays.instance), next.adopt(leaves.instance)]);
    if (kept.kind !== "running" || left.kind !== "running") throw new Error(`adopted ${kept.kind} and ${left.kind}`);
    expect([kept.handle.pid, kept.handle.startedAt]).toEqual([stays.pid, stays.startedAt]);
    process.kill(left.handle.pid ?? 0, "SIGUSR1");
    expect(await left.handle.exited).toMatchObject({ code: 9, reason: "exited" });
    expect(await kept.handle.stop(TERM)).toMatchObject({ code: 143, signal: "SIGTERM" });
    expect(await under().living(stays.instance)).toBe(0);
  });

  test("an end that nobody saw is learned afterwards", async () => {
    const handle = await start("echo last words; exit 12");
    await handle.exited;
    const adopted = await under().successor().adopt(handle.instance);
    expect(adopted).toMatchObject({ kind: "exited", exit: { code: 12, reason: "exited" }, spools: handle.spools });
  });

  test("what never was is gone", async () => {
    expect(await under().runtime.adopt(under().launch("").instance)).toEqual({ kind: "gone" });
  });
}
