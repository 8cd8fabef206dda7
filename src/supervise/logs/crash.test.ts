import { expect, test } from "bun:test";
import { appendFileSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import type { Attachment } from "./attachment.ts";
import { decodeEntry, ENTRY_BYTES, FLAG } from "./entry.ts";
import { Rig } from "./rig.suite.ts";

/** What a kill can leave behind after the last checkpoint, or at an earlier one. */
type Crash = "clean" | "half a batch" | "half an entry" | "half a rotation" | "earlier";
type Step =
  | { readonly do: "write"; readonly stream: number; readonly lines: number; readonly broken: boolean }
  | { readonly do: "look" }
  | { readonly do: "crash"; readonly how: Crash; readonly by: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("write" as const),
      stream: fc.nat({ max: 3 }),
      lines: fc.integer({ min: 1, max: 30 }),
      broken: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.constant({ do: "look" as const }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("crash" as const),
      how: fc.constantFrom<Crash>("clean", "half a batch", "half an entry", "half a rotation", "earlier"),
      by: fc.nat({ max: 1000 }),
    }),
  },
);

/** Two replicas with two streams each; every line says where it belongs. */
class Model {
  readonly written = [0, 0, 0, 0];
  private readonly open = [false, false, false, false];
  attachments: Attachment[] = [];

  constructor(readonly rig: Rig) {
    this.attach();
  }

  attach(): void {
    const log = this.rig.service("api", { maxFileSizeBytes: 4096, maxFiles: 10_000 });
    this.attachments = [0, 1].map((replica) => this.rig.attach(log, `i${replica}`, replica));
  }

  write(stream: number, lines: number, broken: boolean): void {
    let text = this.open[stream] ? "\n" : "";
    for (let i = 0; i < lines; i++) text += `${stream}:${this.next(stream)} ${"z".repeat(i)}\n`;
    this.open[stream] = broken;
    this.rig.write(`i${stream >> 1}`, broken ? text.slice(0, -1) : text, stream & 1 ? "stderr" : "stdout");
  }

  private next(stream: number): number {
    const n = this.written[stream] ?? 0;
    this.written[stream] = n + 1;
    return n;
  }

  crash(how: Crash, by: number): void {
    this.rig.store.close();
    damage(join(this.rig.dir, "logs/demo/api"), how, by);
    this.rig.reopen();
    this.attach();
  }
}

function damage(dir: string, how: Crash, by: number): void {
  const last = readdirSafely(dir)
    .filter((name) => name.endsWith(".idx"))
    .toSorted()
    .at(-1);
  if (last === undefined || how === "clean") return;
  const path = join(dir, last.slice(0, -4));
  if (how === "half a batch") appendFileSync(`${path}.log`, `{"timestamp":"${"9".repeat(by)}`);
  if (how === "half an entry") appendFileSync(`${path}.idx`, Buffer.alloc(by % ENTRY_BYTES, 7));
  if (how === "half a rotation") for (const end of ["tmp", "log"]) writeFileSync(join(dir, `9999999999999999.${end}`), "x".repeat(by));
  if (how === "earlier") goBack(path, by);
}

/** The state that a kill some checkpoints earlier would have left, in the middle of writing the batch after it. */
function goBack(path: string, by: number): void {
  const idx = readFileSync(`${path}.idx`);
  const entries = Array.from({ length: idx.length / ENTRY_BYTES }, (_, at) => decodeEntry(idx, at * ENTRY_BYTES));
  const head = entries.findIndex((entry) => !entry || !(entry.flags & FLAG.snapshot));
  if (head < 0) return;
  const kept = head + (by % (entries.length - head + 1));
  const end = entries[kept - 1]?.end ?? 0;
  const next = entries[kept]?.end ?? end;
  truncateSync(`${path}.idx`, kept * ENTRY_BYTES);
  truncateSync(`${path}.log`, end + (by % (next - end + 1)));
}

function readdirSafely(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

test("every line once, in order, with gapless seqs, wherever the daemon was killed", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      using rig = new Rig();
      const model = new Model(rig);
      for (const now of steps) {
        if (now.do === "write") model.write(now.stream, now.lines, now.broken);
        else if (now.do === "look") await rig.look();
        else model.crash(now.how, now.by);
      }
      for (const attachment of model.attachments) await rig.finish(attachment);
      await check(rig, model.written);
      rig.reopen();
      await check(rig, model.written);
    }),
    { numRuns: 150 },
  );
});

async function check(rig: Rig, written: readonly number[]): Promise<void> {
  const records = await rig.read();
  expect(records.map((record) => record.seq)).toEqual(records.map((_, i) => i + 1));
  const seen = [0, 0, 0, 0];
  for (const { message, replica, source } of records) {
    const [stream = "", number = ""] = (message.split(" ")[0] ?? "").split(":");
    expect(Number(stream)).toBe(replica * 2 + (source === "stderr" ? 1 : 0));
    expect(Number(number)).toBe(seen[Number(stream)] ?? -1);
    seen[Number(stream)] = Number(number) + 1;
  }
  expect(seen).toEqual([...written]);
  expect(rig.errors).toEqual([]);
}

test("a cursor is found again after thousands of checkpoints of others", async () => {
  using rig = new Rig();
  const log = rig.service("api");
  rig.write("quiet", "said once\n");
  rig.attach(log, "quiet", 0);
  await rig.look();
  for (let i = 0; i < 9000; i++) log.note({ level: "info", message: `note ${i}`, replica: 1 });
  rig.reopen();
  rig.write("quiet", "said twice\n");
  await rig.finish(rig.attach(rig.service("api"), "quiet", 0));
  expect(await rig.messages({ replica: 0 })).toEqual(["said once", "said twice"]);
  expect(rig.service("api").lastSeq).toBe(9002);
});

test("an instance that was read to its end is not read again by a daemon that finds its spools", async () => {
  using rig = new Rig();
  const ended = "01890000-0000-7000-8000-00000000000a";
  const quiet = "01890000-0000-7000-8000-00000000000b";
  rig.write(quiet, "still here\n");
  const first = rig.service("api");
  rig.attach(first, quiet, 1);
  rig.write(ended, "one\ntwo\nlast without a break");
  await rig.finish(rig.attach(first, ended));
  for (let restart = 0; restart < 3; restart++) {
    rig.reopen();
    const again = rig.service("api");
    rig.attach(again, quiet, 1);
    await rig.finish(rig.attach(again, ended));
  }
  const messages = (await rig.read({})).map(({ message }) => message);
  expect(messages.toSorted()).toEqual(["last without a break", "one", "still here", "two"]);
});
