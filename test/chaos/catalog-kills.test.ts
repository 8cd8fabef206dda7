import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { contentOf, startFileServer } from "../programs/file-server.ts";
import { until } from "../until.ts";
import { between, ChaosRig, cycles } from "./rig.ts";

const SIZE = 48 * 1024 * 1024;
const CONTENT = contentOf(SIZE);
const DIGEST = `sha256:${new Bun.CryptoHasher("sha256").update(CONTENT).digest("hex")}`;

interface Model {
  readonly fetch: { readonly status: string; readonly bytes_done: number; readonly error?: string };
  readonly verification: { readonly status: string };
}

async function ask<T>(rig: ChaosRig, method: string, path: string, body?: unknown): Promise<T> {
  const sent = body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
  const response = await fetch(`http://orco/v2/catalog/models${path}`, { unix: join(rig.home, "orco.sock"), method, ...sent });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

test("a daemon that is killed while it fetches goes on where it was: the file is right, and no byte is fetched twice", async () => {
  await using server = await startFileServer();
  await using rig = new ChaosRig({ ORCO_MODEL_ALLOW: "127.0.0.1" });
  await rig.begin();
  const source_url = `http://127.0.0.1:${server.port}/m.gguf?size=${SIZE}&rate=${SIZE / 8}`;
  await ask(rig, "POST", "", { id: "org/m", digest: DIGEST, source_url });
  await ask(rig, "POST", "/org%2Fm/fetch");
  const rounds = cycles(3, 12);
  for (let round = 0; round < rounds; round++) {
    const from = (await ask<Model>(rig, "GET", "/org%2Fm")).fetch.bytes_done;
    const to = Math.min(SIZE - 1, from + between(1, SIZE / (3 * (rounds + 1))));
    await until("more bytes", async () => (await ask<Model>(rig, "GET", "/org%2Fm")).fetch.bytes_done >= to, 20_000);
    await rig.kill();
    await rig.begin();
  }
  const model = await until("the fetch to end", async () => {
      const model = await ask<Model>(rig, "GET", "/org%2Fm");
      return model.fetch.status === "fetching" ? undefined : model;
    }, 60_000); // prettier-ignore
  expect(model).toMatchObject({ fetch: { status: "present" }, verification: { status: "verified" } });
  const root = join(rig.home, "models");
  expect(readFileSync(join(root, "org%2Fm", "m.gguf")).equals(CONTENT)).toBe(true);
  expect(readdirSync(join(root, ".partial"))).toEqual([]);
  const starts = server.asked.map(({ headers }) => Number(/^bytes=(\d+)-$/.exec(headers["range"] ?? "")?.[1] ?? 0));
  expect(starts).toHaveLength(rounds + 1);
  // A daemon that is killed before its first byte goes on where the one before it was.
  expect(starts).toEqual(starts.toSorted((a, b) => a - b));
  expect(starts.at(-1)).toBeGreaterThan(0);
}, 180_000);
