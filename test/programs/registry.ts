/**
 * A registry with one image, `tiny:1`: busybox and some bytes that no other image has; `tiny:foreign` is the same for platforms that nobody has. Prints its port.
 * Everything else is unknown to it. With an argument `user:password` it wants those. `POST /hold` keeps back the second half of the layer until `POST /go`;
 * `GET /asked` tells how often a manifest was asked for.
 * Source: Docker Registry HTTP API V2, Image Manifest V2 Schema 2.
 */
import { createHash, randomBytes } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
const LIST = "application/vnd.docker.distribution.manifest.list.v2+json";
const wanted = process.argv[2] && `Basic ${Buffer.from(process.argv[2]).toString("base64")}`;
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
const list = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: LIST,
    manifests: ["s390x", "mips64le"].map((architecture) => ({
      mediaType: MANIFEST,
      size: manifest.length,
      digest: digestOf(manifest),
      platform: { os: "linux", architecture },
    })),
  }),
);
const answers = new Map<string, { readonly bytes: Uint8Array; readonly type: string }>([
  ["/v2/", { bytes: Buffer.from("{}"), type: "application/json" }],
  ["/v2/tiny/manifests/1", { bytes: manifest, type: MANIFEST }],
  ["/v2/tiny/manifests/foreign", { bytes: list, type: LIST }],
  [`/v2/tiny/manifests/${digestOf(list)}`, { bytes: list, type: LIST }],
  [`/v2/tiny/manifests/${digestOf(manifest)}`, { bytes: manifest, type: MANIFEST }],
  ...[config, blob].map((bytes) => [`/v2/tiny/blobs/${digestOf(bytes)}`, { bytes, type: "application/octet-stream" }] as const),
]);

let asked = 0;
let held: PromiseWithResolvers<void> | undefined;

function control(path: string): Response | undefined {
  if (path === "/asked") return new Response(String(asked));
  if (path === "/hold") held = Promise.withResolvers();
  else if (path === "/go") held?.resolve();
  else return undefined;
  return new Response("");
}

async function* inHalves(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  const half = bytes.length >> 1;
  yield bytes.subarray(0, half);
  await held?.promise;
  yield bytes.subarray(half);
}

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  idleTimeout: 0,
  fetch(request) {
    const { pathname } = new URL(request.url);
    const told = control(pathname);
    if (told) return told;
    if (wanted && request.headers.get("authorization") !== wanted)
      return Response.json({ errors: [{ code: "UNAUTHORIZED" }] }, { status: 401, headers: { "www-authenticate": 'Basic realm="tiny"' } });
    if (pathname.includes("/manifests/")) asked++;
    const found = answers.get(pathname);
    if (!found) return Response.json({ errors: [{ code: "MANIFEST_UNKNOWN", message: "manifest unknown" }] }, { status: 404 });
    const headers = {
      "content-type": found.type,
      "docker-content-digest": digestOf(found.bytes),
      "content-length": String(found.bytes.length),
    };
    if (request.method === "HEAD") return new Response(null, { headers });
    return new Response(held && found.bytes === blob ? inHalves(blob) : new Uint8Array(found.bytes), { headers });
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
