import { test } from "bun:test";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, unlinkSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errnoOf } from "../../src/kernel/errors.ts";

const BLOCK = Buffer.alloc(64 * 1024);
/** Pages that a writer found half full are filled to the last byte by blocks of this size. */
const CRUMB = Buffer.alloc(512);

/** A small file system of its own, mounted at a folder, that can be filled to the last byte. */
export class SmallDisk {
  private readonly filler: string;

  constructor(
    private readonly at: string,
    bytes: number,
  ) {
    mkdirSync(at, { recursive: true });
    this.filler = join(at, "filler");
    const mount = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", at], { stderr: "pipe" });
    if (!mount.success) throw new Error(`a small tmpfs cannot be mounted here (needs root): ${mount.stderr.toString().split("\n")[0]}`);
  }

  fill(): void {
    const fd = openSync(this.filler, "a");
    for (const block of [BLOCK, CRUMB]) while (wrote(fd, block));
    closeSync(fd);
  }

  free(): void {
    unlinkSync(this.filler);
  }

  /** Lazily: whoever still has a file open there does not stand in the way. */
  unmount(): void {
    Bun.spawnSync(["umount", "--lazy", this.at]);
  }
}

function wrote(fd: number, block: Buffer): boolean {
  try {
    return writeSync(fd, block) > 0;
  } catch (error) {
    if (errnoOf(error) === "ENOSPC") return false;
    throw error;
  }
}

/** A test that needs to mount: skipped with a clear line where that is not allowed, a failure in CI. */
export function diskTest(title: string, body: () => Promise<void>): void {
  const missing = whyNot();
  if (missing !== undefined && process.env["CI"] !== "true") console.log(`skipped: ${title}: ${missing}`);
  test.skipIf(missing !== undefined && process.env["CI"] !== "true")(title, async () => {
    if (missing !== undefined) throw new Error(missing);
    await body();
  });
}

function whyNot(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "orco-disk-"));
  try {
    new SmallDisk(folder, 1024 * 1024).unmount();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
