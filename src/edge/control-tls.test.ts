import { afterAll, expect, test } from "bun:test";
import { freePort } from "../../test/free-port.ts";
import { until } from "../../test/until.ts";
import { CertificateFolder } from "./certificate.fake.ts";
import { EdgeRig, frontOf, targetOf } from "./control-fixture.ts";
import type { CertificateFiles, Front } from "./route.ts";

const folder = new CertificateFolder();
afterAll(() => folder.remove());
const good = folder.make("good", ["localhost"]);
const other = folder.make("other", ["localhost"]);

function tlsFront(port: number, target: number, tls: readonly CertificateFiles[]): Front {
  return frontOf("app/a", port, [targetOf("t", target)], { listen: { address: "127.0.0.1", port, protocol: "http", tls } });
}

async function get(port: number): Promise<string> {
  const response = await fetch(`https://127.0.0.1:${port}/`, { tls: { rejectUnauthorized: false }, keepalive: false });
  return response.text();
}

test("TLS ends at the edge; certificates that cannot be used are refused, and nothing changes", async () => {
  await using rig = new EdgeRig();
  using server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: (request) => new Response(request.headers.get("x-forwarded-proto")) });
  const control = rig.control();
  await control.start();
  const port = freePort();
  const target = server.port ?? 0;
  const mixed = control.put([tlsFront(port, target, [{ cert: good.cert, key: other.key }])]);
  expect(mixed).rejects.toMatchObject({ code: "invalid" });
  await Promise.allSettled([mixed]);
  expect(control.front("app/a")).toBeUndefined();
  await control.put([tlsFront(port, target, [good])]);
  expect(await get(port)).toBe("https");
  const missing = control.put([tlsFront(port, target, [{ cert: "/nowhere/cert.pem", key: "/nowhere/key.pem" }])]);
  expect(missing).rejects.toMatchObject({ code: "invalid", message: expect.stringContaining("/nowhere/cert.pem") });
  await Promise.allSettled([missing]);
  expect(control.front("app/a")?.listen.tls).toEqual([good]);
  await control.put([tlsFront(port, target, [other])]);
  expect(await get(port)).toBe("https");
});

test("workers with TLS are replaced without a failed request", async () => {
  await using rig = new EdgeRig();
  using server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("ok") });
  const port = freePort();
  const first = rig.control({ build: "old", lingerMs: 1_000 });
  await first.start();
  await first.put([tlsFront(port, server.port ?? 0, [good])]);
  const over = new AbortController();
  const client = async (): Promise<string[]> => {
    const answers: string[] = [];
    while (!over.signal.aborted) answers.push(await get(port).catch(String));
    return answers;
  };
  const load = Promise.all([client(), client(), client()]);
  first.close();
  const second = rig.control({ build: "new", lingerMs: 100 });
  await second.start();
  await until(
    "the new build alone",
    () => second.status().workers.length === 2 && second.status().workers.every(({ build }) => build === "new"),
    10_000,
  );
  over.abort();
  const answers = (await load).flat();
  expect(answers.filter((answer) => answer !== "ok")).toEqual([]);
  expect(answers.length).toBeGreaterThan(10);
}, 60_000);
