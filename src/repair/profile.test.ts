import { expect, test } from "bun:test";
import fc from "fast-check";
import { type Diagnostic, OrcoError } from "../kernel/errors.ts";
import { isCrossCutting } from "./cross-cutting.ts";
import { parseProfile } from "./profile.ts";
import { serviceProfile } from "./profile-service.ts";

const TOKEN = "A".repeat(64);

function problems(text: string): string[] {
  try {
    parseProfile(text, "/w/orco.repair.yaml");
    return [];
  } catch (error) {
    if (!(error instanceof OrcoError) || error.code !== "invalid") throw error;
    return (error.facts["diagnostics"] as Diagnostic[]).map(
      ({ line, column, path, message, hint }) => `${line}:${column} ${path}: ${message}${hint === undefined ? "" : ` [${hint}]`}`,
    );
  }
}

test("everything that a profile may say", () => {
  const profiles = parseProfile(
    `version: 1
project: shop
approvers: [{ id: ann, role: lead, token_sha256: ${TOKEN} }, { id: bob, role: dev }]
services:
  api:
    protected: true
    roles: [lead]
    self_approval: true
    expires: 30m
    health: { url: "http://127.0.0.1:80/health", status: 204, timeout: 5s }
    app_check: { method: post, path: /ask, body: hi, status: 201, pattern: "^ok" }
    allow: ["src/**", docker_socket]
    allow_compose: [privileged]
    block: [src/secret/**]
    compose_file: other.yml
    build_timeout: 1m
    restart_timeout: 10s
    settle: 500ms
    pr: { remote: up, base: main, repo: a/b }
    repair: propose
  web: { health: "http://127.0.0.1:81/", pr: true }
`,
    "f",
  );
  expect([profiles.project, profiles.approvers]).toEqual([
    "shop",
    [
      { id: "ann", role: "lead", tokenSha256: TOKEN.toLowerCase() },
      { id: "bob", role: "dev" },
    ],
  ]);
  expect(serviceProfile(profiles, "api")).toEqual({
    protected: true,
    roles: ["lead"],
    selfApproval: true,
    expiresMs: 1_800_000,
    health: { url: "http://127.0.0.1:80/health", status: 204, timeoutMs: 5000 },
    appCheck: { method: "POST", url: "http://127.0.0.1/ask", body: "hi", status: 201, pattern: "^ok" },
    allow: ["src/**"],
    allowCompose: ["docker_socket", "privileged"],
    block: ["src/secret/**"],
    composeFile: "other.yml",
    buildTimeoutMs: 60_000,
    restartTimeoutMs: 10_000,
    settleMs: 500,
    pr: { remote: "up", base: "main", repo: "a/b" },
    repair: "propose",
  });
  expect(serviceProfile(profiles, "web")).toMatchObject({
    health: { url: "http://127.0.0.1:81/", timeoutMs: 60_000 },
    pr: { remote: "origin" },
  });
});

test("what a service has that no profile names; one of a cross-cutting kind is protected", () => {
  const profiles = parseProfile("version: 1\nservices: { cache: { protected: false } }\n", "f");
  expect(serviceProfile(profiles, "api", "shop/api:1")).toEqual({
    protected: false,
    roles: [],
    selfApproval: false,
    expiresMs: 3_600_000,
    allow: [],
    allowCompose: [],
    block: [],
    buildTimeoutMs: 600_000,
    restartTimeoutMs: 60_000,
    settleMs: 3000,
    repair: "off",
  });
  expect(serviceProfile(profiles, "db", "docker.io/library/postgres:16-alpine").protected).toBe(true);
  expect(serviceProfile(profiles, "cache", "redis").protected).toBe(false);
});

test("what is wrong is told with its line", () => {
  expect(problems("version: 2\n")).toEqual(["1:10 version: expected version: 1"]);
  expect(problems("services: {}\n")).toEqual(["1:1 version: expected version: 1"]);
  expect(problems("version: 1\nprojekt: x\n")).toEqual(['2:1 projekt: unknown key "projekt" [did you mean "project"?]']);
  const service = `version: 1
services:
  api:
    expires: 5
    settle: 3x
    health: { url: "ftp://x", statu: 3 }
    app_check: { path: /x, pattern: "(" }
    allow_compose: [privilged]
`;
  expect(problems(service).map((line) => line.split(":").slice(0, 3).join(":"))).toEqual([
    "4:14 services.api.expires: expected a duration as a text, e.g. 90s or 10m",
    '5:13 services.api.settle: "3x" is no duration',
    "6:20 services.api.health.url: expected an http",
    '6:31 services.api.health.statu: unknown key "statu" [did you mean "status"?]',
    "7:37 services.api.app_check.pattern: missing closing )",
  ]);
  expect(problems("version: 1\nservices: { api: { allow_compose: [privilged] } }\n")).toEqual([
    '2:36 services.api.allow_compose.0: unknown word "privilged" [did you mean "privileged"?]',
  ]);
  const unseen = "expected a name without characters that cannot be seen";
  expect(
    problems('version: 1\napprovers: [{ id: "b\\u200bob", role: "s\\u00adre" }]\nservices: { api: { roles: ["\\e[31msre"] } }\n'),
  ).toEqual([`2:19 approvers.0.id: ${unseen}`, `2:38 approvers.0.role: ${unseen}`, `3:28 services.api.roles.0: ${unseen}`]);
  expect(problems("version: 1\n a: [\n")[0]).toStartWith("1:10 :");
  expect(problems("- 1\n")).toEqual(["1:1 : expected fields (name: value), not a list"]);
  expect(problems("")).toEqual(["1:1 : expected fields (name: value), not nothing"]);
  expect(problems("version: 1\nservices: { api: { protected: yess } }\n")).toEqual([
    "2:31 services.api.protected: expected true or false, not a text",
  ]);
  expect(problems("version: 1\nservices: { api: { app_check: { path: /x } } }\n")[0]).toContain("a path needs health");
});

test("whatever the file says, it is read or refused with a line", () => {
  const key = fc.constantFrom("version", "services", "approvers", "project", "api", "health", "pr", "&a x", "*a", "? [", "<<");
  const text = fc.array(fc.tuple(fc.nat(4), key, fc.oneof(fc.constantFrom("1", "", "{", "[a]", "*a", "!!js x"), fc.string())), {
    maxLength: 12,
  });
  fc.assert(
    fc.property(text, (lines) => {
      const found = problems(lines.map(([indent, name, value]) => `${" ".repeat(indent)}${name}: ${value}`).join("\n"));
      for (const line of found) expect(line).toMatch(/^\d+:\d+ /);
    }),
  );
});

test("proxies, databases and the like are told by their image", () => {
  for (const image of [
    "traefik:v3",
    "nginx",
    "nginxinc/nginx-unprivileged:1",
    "haproxy@sha256:00",
    "localhost:5000/x/postgres",
    "bitnami/Redis:7",
  ])
    expect(isCrossCutting(image)).toBe(true);
  for (const image of ["my-nginx-app", "shop-api", "", "postgres-exporter:1", "nginx/api"]) expect(isCrossCutting(image)).toBe(false);
});

test("the message has the first of what is wrong, and what was probably meant", () => {
  expect(() => parseProfile("version: 1\nservices: { api: { protcted: true, x: 1 } }\n", "/w/orco.repair.yaml")).toThrow(
    '/w/orco.repair.yaml:2:20: unknown key "protcted", did you mean "protected"? (and 1 more)',
  );
});
