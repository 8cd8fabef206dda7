import { expect, test } from "bun:test";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../kernel/clock.ts";
import { until } from "../../../test/until.ts";
import { Gpus, parseGpus } from "./gpu.ts";

const PROGRAM = join(import.meta.dirname, "../../../test/programs/gpu/nvidia-smi");
const MIB = 1024 * 1024;

function rig() {
  const dir = mkdtempSync(join(tmpdir(), "orco-gpu-"));
  copyFileSync(PROGRAM, join(dir, "nvidia-smi"));
  let elapsed = 0;
  const real = systemClock();
  const clock = { ...real, monotonic: () => elapsed };
  return {
    dir,
    gpus: new Gpus({ clock, env: { PATH: `${dir}:/usr/bin:/bin` } }),
    pass: (ms: number) => (elapsed += ms),
    asked: () => readFileSync(join(dir, "asked"), "utf8").trim().split("\n").length,
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  };
}

test("GPUs by index, in bytes; a memory that is not told is no GPU to place on", async () => {
  using one = rig();
  expect(await one.gpus.look()).toEqual([
    { index: 0, name: "NVIDIA RTX 4090", totalBytes: 24564 * MIB, freeBytes: 1024 * MIB },
    { index: 1, name: "NVIDIA H200", totalBytes: 143771 * MIB, freeBytes: 140000 * MIB },
  ]);
});

test("it is asked at most every ten seconds, by however many", async () => {
  using one = rig();
  await Promise.all([one.gpus.look(), one.gpus.look(), one.gpus.look()]);
  one.pass(9999);
  await one.gpus.look();
  expect(one.asked()).toBe(1);
  one.pass(1);
  await one.gpus.look();
  expect(one.asked()).toBe(2);
});

test("one that fails is left alone for a minute", async () => {
  using one = rig();
  writeFileSync(join(one.dir, "broken"), "");
  expect(await one.gpus.look()).toEqual([]);
  rmSync(join(one.dir, "broken"));
  one.pass(59_999);
  expect(await one.gpus.look()).toEqual([]);
  one.pass(1);
  expect(await one.gpus.look()).toHaveLength(2);
});

test("one that hangs is given up after two seconds", async () => {
  using one = rig();
  writeFileSync(join(one.dir, "hang"), "");
  const began = performance.now();
  expect(await one.gpus.look()).toEqual([]);
  expect(performance.now() - began).toBeWithin(1900, 10_000);
  await until("it to have been asked", () => one.asked() === 1);
});

test("a machine without nvidia-smi has none", async () => {
  const gpus = new Gpus({ clock: systemClock(), env: { PATH: "/nowhere" } });
  expect(await gpus.look()).toEqual([]);
});

test("a name with a comma is read to its last two numbers", () => {
  expect(parseGpus("0, Tesla, the second, 100, 50\nnonsense\n")).toEqual([
    { index: 0, name: "Tesla, the second", totalBytes: 100 * MIB, freeBytes: 50 * MIB },
  ]);
});
