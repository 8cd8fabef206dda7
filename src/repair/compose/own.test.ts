import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isOwnContainer, isOwnSource } from "./own.ts";

const ID = "69912361a5909b8619dc6ea6c8d7e5ed87370023234499a02b55a6245b04e6c6";
const nothing = { cgroup: "0::/\n", mounts: "", hostname: "vm" };

test("our own container is known by its control group, by docker's mounts, or by its name", () => {
  expect(isOwnContainer(ID, nothing)).toBe(false);
  expect(isOwnContainer(ID, { ...nothing, cgroup: `0::/system.slice/docker-${ID}.scope\n` })).toBe(true);
  expect(
    isOwnContainer(ID, {
      ...nothing,
      mounts: `95 76 254:0 /var/lib/docker/containers/${ID}/hostname /etc/hostname rw - ext4 /dev/vda rw\n`,
    }),
  ).toBe(true);
  expect(isOwnContainer(ID, { ...nothing, hostname: ID.slice(0, 12) })).toBe(true);
  // The machine itself has a mount for each container.
  expect(isOwnContainer(ID, { ...nothing, mounts: `95 76 0:5 / /var/lib/docker/containers/${ID}/mounts/shm rw - tmpfs shm rw\n` })).toBe(
    false,
  );
  expect(isOwnContainer(ID, { ...nothing, hostname: ID.slice(0, 3) })).toBe(false);
});

test("orco's own source is known where it lies, and by its package; an example in it is a project like any other", async () => {
  const folder = mkdtempSync(join(tmpdir(), "orco-own-"));
  try {
    expect(isOwnSource(folder, "/opt/orco")).toBe(false);
    expect(isOwnSource(folder, join(folder, "app/orco"))).toBe(true);
    await Bun.write(join(folder, "package.json"), JSON.stringify({ name: "orco", bin: { orco: "bin/orco" } }));
    expect(isOwnSource(folder, "/opt/orco")).toBe(true);
    await Bun.write(join(folder, "package.json"), JSON.stringify({ name: "orco" }));
    expect(isOwnSource(folder, "/$bunfs/root")).toBe(false);
    expect(isOwnSource(join(import.meta.dirname, "../../../examples/repair"))).toBe(false);
    expect(isOwnSource(join(import.meta.dirname, "../../.."))).toBe(true);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
