/**
 * A registry with one image, `tiny:1`: busybox and some bytes that no other image has. Prints its port. Everything else is unknown to it.
 * Source: Docker Registry HTTP API V2, Image Manifest V2 Schema 2.
 */
import { createHash, randomBytes } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
const digestOf = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

const layer = layerOf();
const blob = gzipSync(layer);
const rootfs = { type: "layers", diff_ids: [digestOf(layer)] };
const config = Buffer.from(
  JSON.stringify({ architecture: process.arch === "arm64" ? "arm64" : "amd64", os: "linux", config: { Env: ["PATH=/bin"] }, rootfs }),
);
const manifest = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: { mediaType: "application/vnd.docker.container.image.v1+json", size: config.length, digest: digestOf(config) },
    layers: [{ mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip", size: blob.length, digest: digestOf(blob) }],
  }),
);
const answers = new Map<string, { readonly bytes: Uint8Array; readonly type: string }>([
  ["/v2/", { bytes: Buffer.from("{}"), type: "application/json" }],
  ["/v2/tiny/manifests/1", { bytes: manifest, type: MANIFEST }],
  [`/v2/tiny/manifests/${digestOf(manifest)}`, { bytes: manifest, type: MANIFEST }],
  ...[config, blob].map((bytes) => [`/v2/tiny/blobs/${digestOf(bytes)}`, { bytes, type: "application/octet-stream" }] as const),
]);

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request) {
    const found = answers.get(new URL(request.url).pathname);
    if (!found) return Response.json({ errors: [{ code: "MANIFEST_UNKNOWN", message: "manifest unknown" }] }, { status: 404 });
    const headers = {
      "content-type": found.type,
      "docker-content-digest": digestOf(found.bytes),
      "content-length": String(found.bytes.length),
    };
    return new Response(request.method === "HEAD" ? null : new Uint8Array(found.bytes), { headers });
  },
});
console.log(server.port);

function layerOf(): Uint8Array {
  const root = mkdtempSync(join(tmpdir(), "orco-layer-"));
  mkdirSync(join(root, "bin"));
  copyFileSync(Bun.which("busybox") ?? "/bin/busybox", join(root, "bin/busybox"));
  symlinkSync("busybox", join(root, "bin/sh"));
  writeFileSync(join(root, "own"), randomBytes(1_000_000));
  const { stdout } = Bun.spawnSync(["tar", "-C", root, "-c", "."]);
  rmSync(root, { recursive: true });
  return stdout;
}
