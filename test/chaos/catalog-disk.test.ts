import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { CatalogRig, digestOf } from "../catalog-rig.ts";
import { contentOf, startFileServer } from "../programs/file-server.ts";
import { until } from "../until.ts";
import { diskTest, SmallDisk } from "./disk.ts";

const MIB = 1024 * 1024;
const SIZE = 8 * MIB;
const DIGEST = digestOf(contentOf(SIZE));

/** A catalog whose models lie on a disk of 16 MiB. */
async function onSmallDisk(body: (rig: CatalogRig, disk: SmallDisk, folder: string) => Promise<void>): Promise<void> {
  await using rig = new CatalogRig();
  const folder = join(rig.dir, "small");
  mkdirSync(folder);
  const disk = new SmallDisk(folder, 16 * MIB);
  try {
    await rig.restart({ roots: [folder], allow: ["127.0.0.1"], limits: { backoffMs: 1, stallMs: 5000 } });
    await body(rig, disk, folder);
    await rig.catalog.close();
  } finally {
    disk.unmount();
  }
}

diskTest("what does not fit is not begun, and comes once there is space", () =>
  onSmallDisk(async (rig, disk, folder) => {
    await using server = await startFileServer();
    const source_url = `http://127.0.0.1:${server.port}/m?size=${SIZE}`;
    await rig.catalog.register({ id: "m", digest: DIGEST, source_url });
    disk.fill();
    await rig.catalog.fetch("m");
    expect((await rig.settled("m")).fetch).toMatchObject({ status: "failed", error: expect.stringMatching(/disk is (too )?full/) });
    disk.free();
    await rig.catalog.register({ id: "large", source_url: source_url.replace(`${SIZE}`, `${32 * MIB}`) });
    await rig.catalog.fetch("large");
    expect((await rig.settled("large")).fetch).toMatchObject({ status: "failed", error: expect.stringContaining("too full") });
    await rig.catalog.fetch("m");
    expect((await rig.settled("m")).verification.status).toBe("verified");
    expect(readdirSync(folder)).toContain("m");
  }),
);

diskTest("one that fills up meanwhile gets back what was fetched; the catalog goes on", () =>
  onSmallDisk(async (rig, disk, folder) => {
    await using server = await startFileServer();
    await rig.catalog.register({ id: "m", digest: DIGEST, source_url: `http://127.0.0.1:${server.port}/m?size=${SIZE}&rate=${8 * MIB}` });
    await rig.catalog.fetch("m");
    await until("the first bytes", () => rig.catalog.get("m").fetch.bytes_done > 0);
    disk.fill();
    expect((await rig.settled("m")).fetch).toMatchObject({ status: "failed", error: expect.stringContaining("full") });
    expect(readdirSync(join(folder, ".partial"))).toEqual([]);
    expect(rig.told.at(-1)).toBe("model.fetched");
    disk.free();
    await rig.catalog.fetch("m");
    expect((await rig.settled("m")).verification.status).toBe("verified");
  }),
);

test("without a place to write the reason is told", async () => {
  await using server = await startFileServer();
  await using rig = new CatalogRig({ allow: ["127.0.0.1"], limits: { backoffMs: 1 } });
  rmSync(rig.root, { recursive: true });
  await Bun.write(rig.root, "a file where the folder should be");
  await rig.catalog.register({ id: "m", source_url: `http://127.0.0.1:${server.port}/m?size=10` });
  await rig.catalog.fetch("m");
  expect((await rig.settled("m")).fetch).toMatchObject({ status: "failed", error: expect.stringContaining("ENOTDIR") });
  rmSync(rig.root);
});
