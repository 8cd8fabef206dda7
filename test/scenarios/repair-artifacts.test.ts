import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { allPids, commandOf } from "../../src/supervise/proc.ts";
import { composesHere } from "../docker/compose.ts";
import { dockerHere } from "../docker/engine.ts";
import { keptIn } from "../kept.ts";
import { contract, pathIn } from "./repair-contract.ts";

setDefaultTimeout(90_000);
// The elder kind of compose, where both are here: the other scenarios have the newer one.
const elder = (await composesHere(await dockerHere())).find(({ major }) => major === 1);
const root = mkdtempSync(join(tmpdir(), "orco-artifacts-"));
const found = await contract({ ORCO_ARTIFACTS_DIR: join(root, "artifacts"), ...(elder && { ORCO_COMPOSE: elder.argv.join(" ") }) });
const canary = (what: string): string => `canary-${what}-${crypto.randomUUID().slice(0, 8)}`;
const CANARIES = {
  env: canary("env"),
  dotenv: canary("dotenv"),
  file: canary("file"),
  arg: canary("arg"),
  url: canary("url"),
  instruction: canary("instruction"),
};
const COMPOSE = `build: {context: ./api, args: {NPM_TOKEN: ${CANARIES.arg}}}, environment: {DB_PASSWORD: ${CANARIES.env}, DATABASE: "postgres://u:${CANARIES.url}@db/x", API_KEY: "\${API_KEY}"}, secrets: [cert]`;

afterAll(async () => {
  await found?.close();
  rmSync(root, { recursive: true, force: true });
});

describe.skipIf(!found)("what a repair leaves", () => {
  const c = found as NonNullable<typeof found>;

  beforeAll(async () => {
    c.project({ api: {} });
    const secrets = "secrets:\n  cert: {file: ./cert.txt}\n";
    c.rig.write("compose.yaml", `version: "3.7"\nservices:\n  api: {init: true, ${COMPOSE}}\n${secrets}`);
    c.rig.write(".env", `API_KEY=${CANARIES.dotenv}\n`);
    c.rig.write("cert.txt", `${CANARIES.file}\n`);
    const said = `RUN echo "$NPM_TOKEN" | base64 && echo "token is $NPM_TOKEN"\n`;
    c.rig.write("api/Dockerfile", c.rig.read("api/Dockerfile").replace("RUN chmod", `ARG NPM_TOKEN\n${said}RUN chmod`));
    await c.rig.commit();
    await c.rig.operator("up", "-d", "--build");
    await c.begin();
  });

  /** Every file below a folder that holds one of the values, in whatever form. */
  function leaks(folder: string): string[] {
    const forms = Object.entries(CANARIES).flatMap(([name, value]) =>
      [value, btoa(value), encodeURIComponent(value)].map((form) => [name, form] as const),
    );
    return keptIn(folder).flatMap(({ path, text }) =>
      forms.filter(([, form]) => text.includes(form)).map(([name]) => `${name} in ${path}`),
    );
  }

  function onCommandLines(): string[] {
    const lines = allPids().map((pid) => commandOf(pid));
    return lines.filter((line) => Object.values(CANARIES).some((value) => line.includes(value)));
  }

  test("is all there with its hash, below ORCO_ARTIFACTS_DIR, applies as a patch, and holds no secret, nor does any place beside it", async () => {
    const logs = [
      `\u001b[31mERROR\u001b[0m\u001b]0;title\u0007 password=${CANARIES.env.slice(0, 9)}\u001b[1m${CANARIES.env.slice(9)} ${btoa(`x${CANARIES.file}`)} ${CANARIES.dotenv}`,
      "[FATAL tini (7)] exec /start.sh failed: No such file or directory",
    ].join("\n");
    const id = await c.admitted("api", { logs, instruction: `mend it; the password is ${CANARIES.env}` });
    const seen = new Set<string>();
    const detail = await c.when(id, "its end", ({ completed_at: at }) => {
      for (const line of onCommandLines()) seen.add(line);
      return at !== null;
    });
    expect([detail.status, detail.error]).toEqual(["succeeded", null]);
    expect([...seen]).toEqual([]);
    const folder = join(root, "artifacts", id);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    const list = (await c.ask(`/orchestrator/runs/${id}/artifacts`)).body["artifacts"] as (typeof detail)["artifacts"];
    expect(list).toEqual(detail.artifacts);
    expect(list.map(({ name }) => name)).toEqual(readdirSync(folder).toSorted());
    for (const { name, sha256, size_bytes: size } of list) {
      const at = `${c.url}/orchestrator/runs/${id}/artifacts/${name}`;
      const response = await fetch(at);
      const bytes = new Uint8Array(await response.arrayBuffer());
      expect([response.headers.get("content-type"), response.headers.get("etag"), bytes.length]).toEqual([
        "text/plain; charset=utf-8",
        `"${sha256}"`,
        size,
      ]);
      expect(createHash("sha256").update(bytes).digest("hex")).toBe(sha256);
      expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
      const again = await fetch(at, { headers: { "if-none-match": `"${sha256}"` } });
      expect([again.status, await again.text()]).toEqual([304, ""]);
      const text = new TextDecoder().decode(bytes);
      for (const char of ["\u0007", "\u001b"]) expect(text).not.toContain(char);
    }
    for (const name of ["..%2f..%2fhome%2forco.db", "before.json", "passwd", "%2fetc%2fpasswd"])
      expect((await c.ask(`/orchestrator/runs/${id}/artifacts/${name}`)).status).toBe(404);

    expect(await c.artifact(id, "analyze.log")).toContain("token is [redacted]");
    expect([leaks(join(root, "artifacts")), leaks(c.rig.home), leaks(c.rig.dir).filter((at) => at.endsWith("daemon.log"))]).toEqual([
      [],
      [],
      [],
    ]);
    expect(JSON.stringify(detail)).not.toContain("canary-");
    const events = await (await fetch(`${c.url}/runs/${id}/events`)).text();
    expect(Object.values(CANARIES).filter((value) => events.includes(value))).toEqual([]);

    await c.rig.git("checkout", "--", "api");
    mkdirSync(pathIn(c, "api"), { recursive: true });
    await c.rig.git("apply", "--check", join(folder, "patch.diff"));
    await c.rig.git("apply", join(folder, "patch.diff"));
    const [file] = detail.action_plan?.files ?? [];
    expect(createHash("sha256").update(c.rig.read("api/Dockerfile")).digest("hex")).toBe(file?.post_sha256 ?? "");
  });

  test("is shown by the command as well: the list, the text, and the repair itself", async () => {
    const { run_id: id = "" } = ((await c.ask("/orchestrator/runs?limit=1")).body["runs"] as { run_id: string }[])[0] ?? {};
    const [list, diff, shown, all, audit] = await Promise.all([
      c.rig.orco(["repair", "artifacts", id]),
      c.rig.orco(["repair", "artifacts", id, "patch.diff"]),
      c.rig.orco(["repair", "show", id, "--json"]),
      c.rig.orco(["repairs"]),
      c.rig.orco(["audit", "verify"]),
    ]);
    expect([list.code, diff.code, shown.code, all.code, audit.code]).toEqual([0, 0, 0, 0, 0]);
    expect(list.out).toContain("patch.diff");
    expect(diff.out).toBe(await c.artifact(id, "patch.diff"));
    expect((JSON.parse(shown.out) as { run_id: string }).run_id).toBe(id);
    expect(all.out).toContain("succeeded");
  });
});
