import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { masksOf, secretsIn, type SecretSources } from "./masks.ts";

const folder = mkdtempSync(join(tmpdir(), "orco-masks-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await Bun.write(path, text);
  return path;
}

function found(environment: Record<string, string>, more: Partial<SecretSources> & { raw?: SecretSources["config"]["raw"] } = {}) {
  const { raw = {}, ...rest } = more;
  return secretsIn({ config: { environment, raw }, envFiles: [], daemonEnv: {}, ...rest });
}

test("values of names that sound like secrets, in the environment, build arguments and that of the daemon", () => {
  const environment = {
    API_TOKEN: "t1-token",
    db_password: "p2-pass",
    AWS_SECRET_ACCESS_KEY: "k3-key",
    SENTRY_DSN: "d4-dsn",
    DEBUG: "debugging",
  };
  const build = { context: "/srv", dockerfile: "/srv/Dockerfile", args: { NPM_TOKEN: "a5-npm", VERSION: "1.2.3" } };
  expect(
    found(environment, {
      config: { environment, build, raw: {} },
      daemonEnv: { GITHUB_TOKEN: "g6-github", PWD: folder, OLDPWD: "/somewhere" },
    }),
  ).toEqual(["t1-token", "p2-pass", "k3-key", "d4-dsn", "a5-npm", "g6-github"]);
});

test("what only sounds like one is none", () => {
  expect(
    found({
      KEY_FILE: "/run/secrets/key",
      PASSWORD_MIN_LENGTH: "12",
      TOKEN_EXPIRE_MINUTES: "1440",
      USE_PASSWORD: "true",
      SSH_KEY: "",
      KEYS: "none",
    }),
  ).toEqual([]);
  expect(found({ KEY_FILE: "not-a-path-9" })).toEqual(["not-a-path-9"]);
});

test("passwords of URLs, whatever they are called and wherever they are, as written and as meant", () => {
  expect(found({ DATABASE_URL: "postgres://app:s%40fe-one@db/shop" })).toEqual(["s%40fe-one", "s@fe-one"]);
  expect(found({ BROKER: "amqp://:only@mq" })).toEqual(["only"]);
  expect(found({ CACHE: "redis://u:p@ss-two@cache:6379/0" })).toContain("p@ss-two");
  expect(found({ HOME_PAGE: "https://example.test:8080/a@b" })).not.toContain("8080");
  expect(found({}, { raw: { command: ["--db", "mysql://root:in$$command@db"] } })).toEqual(["in$command"]);
});

test("files of assignments: quotes, exports, remarks and several lines", async () => {
  const path = await file(
    ".env",
    `# remark\nexport A_TOKEN=plain-token # not this\nB_SECRET='single $x'\nC_KEY="line one\\nline \\"two\\""\nD_PASS = "spread\nout"\nNAME=shop\n`,
  );
  expect(found({}, { envFiles: [path, join(folder, "absent")] })).toEqual([
    "plain-token",
    "single $x",
    'line one\nline "two"',
    "spread\nout",
  ]);
});

test("declared secrets are read from their files and variables, whatever they are called", async () => {
  const path = await file("db.txt", "from-a-file\n");
  const declared = new Map([
    ["db", { name: "db", file: path }],
    ["other", { environment: "PLAIN" }],
    ["gone", { file: join(folder, "absent") }],
    ["outside", { external: true }],
  ]);
  expect(found({}, { declared, daemonEnv: { PLAIN: "from-a-variable" } })).toEqual(["from-a-file", "from-a-variable"]);
});

test("none of them is left in a text, in any of the usual writings", () => {
  const secret = fc.string({ minLength: 8, maxLength: 30, unit: "grapheme-ascii" }).map((text) => `S${text.trim()}z`);
  fc.assert(
    fc.property(secret, (value) => {
      const clean = masksOf(found({ API_KEY: value })).clean;
      const bytes = Buffer.from(value);
      for (const text of [value, bytes.toString("base64"), bytes.toString("base64url"), encodeURIComponent(value), JSON.stringify(value)])
        expect(clean(`before ${text} after`)).not.toContain(text.replace(/^"|"$/g, ""));
    }),
  );
  expect(masksOf(["hunter2-long"]).clean(`Authorization: Basic ${btoa("ann:hunter2-long")}`)).not.toContain(
    btoa("hunter2-long").slice(4, 12),
  );
});

test("so many at most", () => {
  const many = Object.fromEntries(Array.from({ length: 1500 }, (_, n) => [`TOKEN_${n}`, `value-${n}`]));
  expect(found(many)).toHaveLength(1000);
});
