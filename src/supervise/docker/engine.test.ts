import { expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** After the import: a checkout may be nobody's to read. */
const AS_NOBODY = "if (process.getuid?.() === 0) { process.setgroups?.([]); process.setgid?.(65534); process.setuid?.(65534); }";

test("a socket without permission: the next step is its group, not a start of what runs", async () => {
  const folder = mkdtempSync(join(tmpdir(), "orco-engine-"));
  chmodSync(folder, 0o755);
  const socket = join(folder, "docker.sock");
  const server = createServer();
  await new Promise<void>((ready) => server.listen(socket, ready));
  chmodSync(socket, 0o000);
  try {
    const script = `const { Engine } = await import(${JSON.stringify(join(import.meta.dir, "engine.ts"))});
      ${AS_NOBODY}
      await new Engine("unix://${socket}").ping().catch((error) => console.log(error.code, error.message));`;
    const { stdout } = Bun.spawnSync([process.execPath, "-e", script]);
    const said = stdout.toString();
    expect(said).toContain(`unavailable docker cannot be used: this user may not open ${socket}. Join its group (sudo usermod -aG docker`);
    expect(said).not.toContain("systemctl");
  } finally {
    await new Promise((closed) => server.close(closed));
    rmSync(folder, { recursive: true });
  }
});
