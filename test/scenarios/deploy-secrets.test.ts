import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { basename, join } from "node:path";
import { keptIn } from "../kept.ts";
import { AppUnderTest } from "./app-under-test.ts";
import { sharedRig } from "./rig.ts";

const CANARY = "canary-4f1c9e2ab7";
const MULTILINE = `-----BEGIN-----\n${CANARY}-line-one\n${CANARY}-line-two\n-----END-----`;
const rig = sharedRig({ RATE_LIMIT_MAX: "0", DEPLOY_KEY: MULTILINE, LLORCH_API_TOKEN: `api-${CANARY}-key` });

/** Files of the home that hold the text; the database is looked at by its tables. */
function filesWith(text: string, dir: string): string[] {
  return keptIn(dir).flatMap(({ path, text: kept }) => (!basename(path).startsWith("orco.db") && kept.includes(text) ? [path] : []));
}

/** `table: n` for each table that holds the text in any column. */
function tablesWith(text: string): string[] {
  const db = new Database(join(rig.home, "orco.db"), { readonly: true });
  const tables = db.query<{ name: string }, []>("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  const found = tables.filter(({ name }) =>
    db
      .query(`SELECT * FROM ${name}`)
      .all()
      .some((row) => JSON.stringify(row).includes(text)),
  );
  db.close();
  return found.map(({ name }) => name);
}

test("the password of a repository is kept where it is needed and shown nowhere", async () => {
  await rig.serve();
  const blog = await AppUnderTest.create(rig, "private");
  const repo = `http://deployer:${CANARY}@127.0.0.1:1/team/app.git`;
  const view = await rig.client.putApp("private", {
    repo,
    contract: { start_command: "x", port: blog.port, internal_port: blog.internalPort },
  });
  expect(view.repo).toBe("http://127.0.0.1:1/team/app.git");
  const failed = await blog.deploy("main");
  expect(failed).toMatchObject({ status: 422, body: { code: "repo_unavailable", success: false } });
  const bad = await rig.client.putApp("private", { repo: `https://deployer:${CANARY}@host/app.git?x` }).catch((error: unknown) => error);
  const told = [failed, bad, await rig.client.app("private"), await rig.client.run(String(failed.body["run"]))];
  for (const text of [...told.map((one) => JSON.stringify(one)), String(bad)]) expect(text).not.toContain(CANARY);
  expect((await rig.orco(["app", "show", "private"])).out).not.toContain(CANARY);
  expect(tablesWith(CANARY)).toEqual(["apps"]);
  expect(filesWith(CANARY, rig.home)).toEqual([]);
  await rig.client.removeApp("private");
  expect(tablesWith(CANARY)).toEqual([]);
});

test("a secret of several lines leaves no line in a build's output, an answer, the journal or a log; nor does the daemon's own key reach an app", async () => {
  const secrets = { KEY: { env: "DEPLOY_KEY" } };
  const show = 'echo "$KEY"; env | sort; cat behaviour.json';
  const blog = await AppUnderTest.create(rig, "keyed", { secrets, build_command: `${show}; test ! -f broken` });
  const v1 = await blog.commit({ version: "v1" });
  expect(await blog.deploy(v1)).toMatchObject({ status: 200 });
  const failed = await blog.deploy(await blog.commit({ version: "v2" }, { broken: "" }));
  expect(failed).toMatchObject({ status: 422, body: { code: "build_failed" } });
  expect(JSON.stringify(failed)).not.toContain(CANARY);
  const output = (failed.body["log"] as string[]).join("\n");
  expect(output).toContain("[redacted]");
  expect(output).not.toMatch(/LLORCH|ORCO_HOME/);
  expect(tablesWith(CANARY)).toEqual([]);
  expect(filesWith(CANARY, rig.home)).toEqual([]);
});
