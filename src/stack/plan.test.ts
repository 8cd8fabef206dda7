import { expect, test } from "bun:test";
import { configHash } from "./config-hash.ts";
import { loadText, withServices } from "./load/load-text.ts";
import { planChanges } from "./plan.ts";
import type { StackSpec } from "./spec.ts";

function stack(services: string): StackSpec {
  const { spec, diagnostics } = loadText(withServices(services));
  if (!spec) throw new Error(JSON.stringify(diagnostics));
  return spec;
}

function change(before: string, after: string): ReturnType<typeof planChanges>["services"][number] | undefined {
  return planChanges(stack(`a: {command: [x], ${before}}`), stack(`a: {command: [x], ${after}}`)).services[0];
}

test("the first time everything is added, the second time nothing is left to do", () => {
  const desired = stack("a: {command: [x]}\nb: {command: [y]}");
  expect(planChanges(undefined, desired)).toMatchObject({
    stack: "test",
    changes: 2,
    services: [{ service: "a", action: "add" }, { action: "add" }],
  });
  const stored = JSON.parse(JSON.stringify(desired)) as StackSpec;
  expect(planChanges(stored, desired)).toMatchObject({
    changes: 0,
    services: [{ action: "unchanged", fields: [] }, { action: "unchanged" }],
  });
});

test("services that are gone come last", () => {
  const plan = planChanges(stack("a: {command: [x]}\nb: {command: [x]}"), stack("b: {command: [x]}"));
  expect(plan.services.map(({ service, action }) => `${action} ${service}`)).toEqual(["unchanged b", "remove a"]);
});

test("fields are named and written as in the file", () => {
  const plan = change(
    "env: {A: one}, stop: {timeout: 90s}, resources: {memory: 64M}, ports: ['80'], health: {tcp: {address: 'localhost:${PORT}'}}",
    "env: {A: two, B: new}, stop: {timeout: 1500ms}, resources: {memory: 1.5G}, ports: ['8080:80', '53:53/udp'], health: {tcp: {address: 'h:1'}}",
  );
  expect(plan).toMatchObject({ action: "change", strategy: "recreate" });
  expect(plan?.fields.filter(({ path }) => !path.startsWith("update"))).toEqual([
    { path: "env.A", from: "one", to: "two" },
    { path: "env.B", to: "new" },
    { path: "health.tcp.address", from: "localhost:${PORT}", to: "h:1" },
    { path: "ports", from: ["80"], to: ["8080:80", "53:53/udp"] },
    { path: "resources.memory", from: "64Mi", to: "1536Mi" },
    { path: "stop.timeout", from: "90s", to: "1500ms" },
  ]);
});

test("fields of containers are named and written as in the file, values of their build too", () => {
  const service = (fields: string): StackSpec => stack(`a: {image: x, ${fields}}`);
  const plan = planChanges(
    service("workdir: /a, volumes: ['d:/d', '/c']"),
    service("workdir: /b, pull: always, init: true, volumes: ['d:/d:ro', {type: tmpfs, target: /t}], ulimits: {nofile: 5}"),
  );
  expect(plan.services[0]?.fields.filter(({ path }) => !path.startsWith("update"))).toEqual([
    { path: "init", from: false, to: true },
    { path: "pull", from: "missing", to: "always" },
    { path: "ulimits.nofile.hard", to: 5 },
    { path: "ulimits.nofile.soft", to: 5 },
    { path: "volumes", from: ["d:/d", "/c"], to: ["d:/d:ro", "tmpfs:/t"] },
    { path: "workdir", from: "/a", to: "/b" },
  ]);
  const files = { checkFiles: false };
  const built = (token: string): StackSpec =>
    loadText(withServices(`a: {build: {context: ., args: {NPM_TOKEN: ${token}, VERSION: "1"}}}`), files).spec as StackSpec;
  expect(planChanges(built("t1"), built("t2")).services[0]?.fields).toEqual([{ path: "build.args.NPM_TOKEN", from: "***", to: "***" }]);
});

test("secrets are masked", () => {
  const before = "env: {API_KEY: k1, DB_PASSWORD: p1, URL: 'postgres://u:p1@h/d'}, secrets: {S: {env: ONE}}";
  const after =
    "env: {API_KEY: k2, DB_PASSWORD: p2, URL: 'postgres://u:p2@h/d'}, secrets: {S: {env: TWO}}, stop: {command: [x, --token=t2]}";
  const text = JSON.stringify(change(before, after));
  for (const secret of ["k1", "k2", "p1", "p2", "ONE", "TWO", "t2"]) expect(text).not.toContain(secret);
  expect(text).toContain('{"path":"env.URL","from":"postgres://u:***@h/d","to":"postgres://u:***@h/d"}');
});

test("a change of scale is no change of configuration", () => {
  expect(change("replicas: 1", "replicas: 3")).toEqual({ service: "a", action: "scale", fields: [{ path: "replicas", from: 1, to: 3 }] });
  expect(change("replicas: 4, update: {maxSurge: 25%}", "replicas: 8, update: {maxSurge: 25%}")?.action).toBe("scale");
  expect(change("replicas: 1", "replicas: 3, user: bob")?.action).toBe("change");
});

test.each(["replicas: 3", "update: {maxSurge: 2}", "restartPolicy: {maxRetries: 1}", "description: d", "labels: {a: b}", "profiles: []"])(
  "%s applies without a restart",
  (field) => {
    const plan = change("", field);
    expect(plan?.strategy).toBeUndefined();
    const [before, after] = ["", field].map((fields) => stack(`a: {command: [x], ${fields}}`).services["a"]);
    expect(before && after && configHash(before) === configHash(after)).toBe(true);
  },
);

test.each(["env: {A: b}", "workdir: sub", "user: u", "health: {tcp: {address: 'h:1'}}", "secrets: {A: {env: B}}", "stop: {signal: INT}"])(
  "%s needs one",
  (field) => {
    expect(change("", field)).toMatchObject({ action: "change", strategy: "rolling" });
  },
);

test("the hash is 12 hex digits and does not depend on the order of keys", () => {
  const [one, two] = ["env: {A: '1', B: '2'}", "env: {B: '2', A: '1'}"].map(
    (fields) => stack(`a: {command: [x], ${fields}}`).services["a"],
  );
  if (!one || !two) throw new Error("not loaded");
  expect(configHash(one)).toMatch(/^[0-9a-f]{12}$/);
  expect(configHash(one)).toBe(configHash(two));
});

test("whether a crash loop starts a repair is taken in place", () => {
  const built = (fields: string): StackSpec => {
    const { spec } = loadText(withServices(`a: {build: web, ${fields}}`), { files: { "/app/web/Dockerfile": "" } });
    if (!spec) throw new Error("it does not load");
    return spec;
  };
  const [service] = planChanges(built("repair: propose"), built("repair: auto")).services;
  expect(service).toEqual({ service: "a", action: "change", fields: [{ path: "repair", from: "propose", to: "auto" }] });
});
