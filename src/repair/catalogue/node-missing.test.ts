import { describe, expect, test } from "bun:test";
import { changed, NODE, told, toolOf } from "./dependency-case.fake.ts";

const PACKAGE =
  '{\n  "name": "api",\n  "dependencies": {\n    "ms": "^2.1.3"\n  },\n  "devDependencies": {\n    "dotenv": "^16.4.5"\n  }\n}\n';
const INSTALL = NODE.replace("npm ci --omit=dev", "npm install");
const files = (over: Readonly<Record<string, string>> = {}) => ({ Dockerfile: INSTALL, "package.json": PACKAGE, ...over });
const missing = (name: string): string => `Error: Cannot find module '${name}'\nRequire stack:\n- /app/server.js`;
const withExpress = PACKAGE.replace('    "ms"', '    "express": "^4",\n    "ms"');

describe("which module", () => {
  test.each([
    [missing("express"), "fix node-module-missing:express"],
    [missing("lodash/fp"), "fix node-module-missing:lodash"],
    [missing("@fastify/cors/lib/x"), "fix node-module-missing:@fastify/cors"],
    ["Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'zod' imported from /app/server.mjs", "fix node-module-missing:zod"],
    ["src/a.ts(1,20): error TS2307: Cannot find module 'zod' or its corresponding type declarations.", "fix node-module-missing:zod"],
    ["Module not found: Error: Can't resolve 'axios' in '/app/src'", "fix node-module-missing:axios"],
    ['✘ [ERROR] Could not resolve "axios"', "fix node-module-missing:axios"],
    ['[vite]: Rollup failed to resolve import "axios" from "/app/src/a.ts".', "fix node-module-missing:axios"],
    [missing("some-rare-thing"), "fix node-module-missing:some-rare-thing"],
    [missing("expresss"), "approve node-module-missing:expresss"],
    [missing("./lib/a"), "report node-module-missing:./lib/a"],
    [missing("../a"), "report node-module-missing:../a"],
    [missing("/app/dist/server.js"), "report node-module-missing:/app/dist/server.js"],
    [missing("@/lib/db"), "report node-module-missing:@/lib/db"],
    [missing("#internal/a"), "report node-module-missing:#internal/a"],
    [missing("node:sqlite"), "report node-module-missing:node:sqlite"],
    [missing("fs/promises"), "report node-module-missing:fs/promises"],
    [missing("server.js"), "report node-module-missing:server.js"],
    [missing("NotAPackage"), "report node-module-missing:NotAPackage"],
    [missing("@rollup/rollup-linux-x64-gnu"), "report node-module-missing:@rollup/rollup-linux-x64-gnu"],
    [
      "Error: Cannot find module 'semver'\nRequire stack:\n- /usr/local/lib/node_modules/npm/lib/npm.js",
      "report node-module-missing:semver",
    ],
  ])("%s", (log, finding) => {
    expect(told({ log, files: files() })).toEqual([finding]);
  });

  test("is the project's own where the tree has it", () => {
    const own = (name: string, over: Readonly<Record<string, string>>) =>
      told({ log: missing(name), files: files(over) })[0]?.split(" ")[0];
    expect(own("shared/db", { "src/shared/db.ts": "" })).toBe("report");
    expect(own("db", { "src/db.js": "" })).toBe("report");
    expect(own("models/user", { "tsconfig.json": '{ "compilerOptions": { "paths": { "models/*": ["m/*"] /* own */ } } }' })).toBe("report");
    expect(own("@acme/rates", { "packages/rates/package.json": '{"name":"@acme/rates"}' })).toBe("report");
    expect(own("redis", { "redis/redis.conf": "" })).toBe("fix");
  });

  test.each([
    "Cannot find module",
    "W: Failed to fetch http://deb.invalid/x  Could not resolve 'deb.invalid'",
    'curl: (6) Could not resolve "a"',
    "module 'express' loaded",
    "Cannot find name 'x'",
  ])("not %s", (log) => {
    expect(told({ log, files: files() })).toEqual([]);
  });
});

describe("where it goes", () => {
  const log = missing("express");

  test("into package.json", () => {
    expect(changed({ log, files: files() })).toEqual({ "package.json": withExpress });
    expect(toolOf({ log, files: files() })).toBeUndefined();
  });

  test("and its lock, by the tool of that lock", () => {
    const all = files({ Dockerfile: NODE, "package-lock.json": "{}" });
    expect(toolOf({ log, files: all })).toEqual({
      image: "node:20-slim",
      argv: ["npm", "install", "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund"],
      cwd: "",
      writes: ["package-lock.json"],
      edits: [{ path: "package.json", text: withExpress }],
    });
    const argv = (over: Readonly<Record<string, string>>) => toolOf({ log, files: files(over) })?.argv[2];
    expect(argv({ "pnpm-lock.yaml": "lockfileVersion: '6.0'\n" })).toBe("pnpm@8");
    expect(argv({ "pnpm-lock.yaml": "", Dockerfile: `${INSTALL}RUN npm i -g pnpm@9.1.2\n` })).toBe("pnpm@9.1.2");
    expect(argv({ "pnpm-lock.yaml": "", Dockerfile: `${INSTALL}RUN npm i -g pnpm@9;id\n` })).toBe("pnpm@9");
    expect(argv({ "yarn.lock": "# yarn lockfile v1\n" })).toBe("yarn@1.22.22");
    expect(
      argv({
        "yarn.lock": "__metadata:\n  version: 8\n",
        "package.json": PACKAGE.replace("{", '{\n  "packageManager": "yarn@4.1.0+sha224.ab",'),
      }),
    ).toBe("@yarnpkg/cli-dist@4.1.0");
  });

  test("out of devDependencies, where these are left out", () => {
    const all = files({ Dockerfile: NODE });
    expect(changed({ log: missing("dotenv"), files: all })["package.json"]).toBe(
      '{\n  "name": "api",\n  "dependencies": {\n    "dotenv": "^16.4.5",\n    "ms": "^2.1.3"\n  },\n  "devDependencies": {}\n}\n',
    );
    expect(told({ log: missing("dotenv"), files: files() })).toEqual(["report node-module-missing:dotenv"]);
    const env = INSTALL.replace("COPY package", "ENV NODE_ENV=production\nCOPY package");
    expect(told({ log: missing("dotenv"), files: files({ Dockerfile: env }) })).toEqual(["fix node-module-missing:dotenv"]);
  });

  test("into the Dockerfile, where there is no package.json, or nothing is installed", () => {
    const bare = 'FROM node:20-slim\nWORKDIR /app\nCOPY . .\nCMD ["node", "server.js"]\n';
    expect(changed({ log, files: { Dockerfile: bare } })).toEqual({
      Dockerfile: bare.replace("CMD", "RUN npm install --no-audit --no-fund express@4\nCMD"),
    });
    const named = bare.replace("COPY", "RUN npm install ms\nCOPY");
    expect(changed({ log, files: { Dockerfile: named } })).toEqual({ Dockerfile: named.replace("install ms", "install ms express@4") });
    expect(changed({ log: missing("ms"), files: files({ Dockerfile: bare }) })).toEqual({
      Dockerfile: bare.replace("CMD", "RUN npm install --no-audit --no-fund\nCMD"),
    });
    expect(told({ log: missing("ms"), files: files() })).toEqual(["report node-module-missing:ms"]);
  });
});
