import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Rig } from "./rig.suite.ts";

const CYCLES = 8;
const SERVICES = ["api", "web"];

/** A daemon of nothing but a log store: reads the spools of two services until it is killed, or told that they have ended. */
const daemon = (rig: Rig, finish: boolean, enough = 0) => `
import { LogStore } from ${JSON.stringify(join(import.meta.dir, "store.ts"))};
import { systemClock } from ${JSON.stringify(join(import.meta.dir, "../../kernel/clock.ts"))};
const store = new LogStore({ root: ${JSON.stringify(join(rig.dir, "logs"))}, clock: systemClock(), onError: (error) => { console.error(error); process.exit(3); } });
const all = ${JSON.stringify(SERVICES.map((name) => ({ name, stdout: rig.spool(name), stderr: rig.spool(name, "stderr") })))};
const attached = all.map(({ name, stdout, stderr }) => store
  .service({ stack: "demo", service: name, logging: { maxFileSizeBytes: 1024 * 1024, maxFiles: 100000, format: "auto" }, secrets: name === "web" ? ["hunter22"] : [] })
  .attach({ instance: name, replica: 0, spools: { stdout, stderr } }));
${finish ? "await Promise.all(attached.map((one) => one.finish())); store.close(); process.exit(0);" : `let told = 0; attached[0].onRecord(() => { if (told++ === ${enough}) process.stdout.write("reading\\n"); });`}
`;

/** Writes numbered lines as fast as it may until the file `stop` is there, into a spool opened as the shim opens it. */
const flood = ({ spool, name, stop }: { spool: string; name: string; stop: string }) => `
import { existsSync, openSync, writeSync } from "node:fs";
const fd = openSync(${JSON.stringify(spool)}, "a");
const until = performance.now() + 60_000;
let n = 0;
while (!existsSync(${JSON.stringify(stop)}) && performance.now() < until) {
  let text = "";
  for (let i = 0; i < 50; i++) text += "${name} " + n++ + " hunter22\\n";
  writeSync(fd, text);
  await new Promise((resolve) => setTimeout(resolve, 1));
}
process.stdout.write(String(n));
`;

test("a flood, and a daemon killed again and again while it reads: every line once, in order", async () => {
  using rig = new Rig();
  const stop = join(rig.dir, "stop");
  const spools = SERVICES.flatMap((name) =>
    (["stdout", "stderr"] as const).map((source) => ({ name, source, spool: rig.spool(name, source) })),
  );
  const writers = spools.map(({ name, spool }) =>
    Bun.spawn([process.execPath, "-e", flood({ spool, name, stop })], { stdout: "pipe", stderr: "inherit" }),
  );
  for (let i = 0; i < CYCLES; i++) {
    const child = Bun.spawn([process.execPath, "-e", daemon(rig, false, (i * 379) % 3000)], { stdout: "pipe", stderr: "inherit" });
    await child.stdout.getReader().read();
    child.kill("SIGKILL");
    expect(await child.exited).toBe(137);
  }
  writeFileSync(stop, "");
  const counts = await Promise.all(writers.map(async (writer) => Number(await new Response(writer.stdout).text())));
  const last = Bun.spawn([process.execPath, "-e", daemon(rig, true)], { stdout: "inherit", stderr: "inherit" });
  expect(await last.exited).toBe(0);

  for (const [at, { name, source, spool }] of spools.entries()) {
    let next = 0;
    for await (const record of rig.store.query({ stack: "demo", services: [name], query: {}, signal: new AbortController().signal })) {
      if (record.source !== source) continue;
      if (record.message !== `${name} ${next} ${name === "web" ? "[redacted]" : "hunter22"}`) expect([next, record.message]).toEqual([]);
      next += 1;
    }
    expect([name, source, next]).toEqual([name, source, counts[at] ?? 0]);
    if (name === "web") expect(readFileSync(spool).includes("hunter22")).toBe(false);
  }
  for (const name of SERVICES) {
    const seqs = (await rig.read({}, [name])).map((record) => record.seq);
    expect(seqs.every((seq, i) => seq === i + 1)).toBe(true);
  }
}, 90_000);
