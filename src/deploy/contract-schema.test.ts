import { expect, test } from "bun:test";
import { OrcoError } from "../kernel/errors.ts";
import { contractSchema, parseContract, parseContractText } from "./contract-schema.ts";

const six = {
  start_command: "node server.js",
  port: 3001,
  internal_port: 3901,
  health_endpoint: "/healthz",
  health_timeout_ms: 5000,
  drain_timeout_ms: 10_000,
};
const least = { start_command: "node server.js", port: 3001, internal_port: 3901 };

/** `pointer detail` of everything wrong. */
function problems(over: Record<string, unknown>): string[] {
  try {
    parseContract({ ...least, ...over }, "orco.app.json");
    return [];
  } catch (error) {
    if (!(error instanceof OrcoError) || error.code !== "invalid") throw error;
    return (error.facts["errors"] as { pointer: string; detail: string }[]).map(({ pointer, detail }) => `${pointer} ${detail}`);
  }
}

test("the document's six fields are enough, and three of them have defaults", () => {
  const whole = {
    ...six,
    build_timeout_ms: 600_000,
    env: {},
    secrets: {},
    stop_signal: "SIGTERM",
    stop_timeout_ms: 10_000,
    on_busy: "reject",
    protected_paths: [],
    alerts: [],
  };
  expect(parseContract(six, "x")).toEqual(whole as never);
  expect(parseContract(least, "x")).toEqual(whole as never);
});

test("everything a contract can say", () => {
  const contract = parseContract(
    {
      ...six,
      build_command: "npm ci",
      env: { NODE_ENV: "production", EMPTY: "" },
      secrets: { DB: { file: "/run/db" }, KEY: { env: "APP_KEY", as: "file" } },
      stop_signal: "int",
      on_busy: "queue",
      auto_rollback: { window_ms: 60_000, max_restarts: 0 },
      pre_deploy: "./migrate",
      post_deploy: "./warm",
      schema_status: { command: "./schema-ok" },
      protected_paths: ["migrations/", "*.sql"],
      diff_limits: { max_files: 10 },
      alerts: [{ webhook: "https://hooks.example.org/a?b", secret: { env: "HOOK" } }, { webhook: "http://127.0.0.1:9/x" }],
      address: "::1",
      hosts: ["Example.org", "*.example.org"],
      tls: [{ cert: "/a.pem", key: "/b.pem" }],
    },
    "x",
  );
  expect(contract).toMatchObject({
    secrets: { DB: { file: "/run/db", as: "env" }, KEY: { env: "APP_KEY", as: "file" } },
    stop_signal: "SIGINT",
    hosts: ["example.org", "*.example.org"],
    diff_limits: { max_files: 10 },
  });
});

test("what is missing, misspelt or of the wrong kind is named with its place", () => {
  expect(problems({ port: undefined, start_command: undefined })).toEqual(["/start_command is required", "/port is required"]);
  expect(problems({ healthEndpoint: "/up" })).toEqual(['/healthEndpoint is not known; did you mean "health_endpoint"?']);
  expect(problems({ zzz: 1 })).toEqual(["/zzz is not known"]);
  expect(problems({ alerts: [{ webhook: "http://a/", secret: { evn: "X" } }] })[0]).toBe(
    '/alerts/0/secret/evn is not known; did you mean "env"?',
  );
  expect(problems({ "a/b": 1 })).toEqual(["/a~1b is not known"]);
  expect(problems({ port: "3001" })).toEqual(["/port must be a whole number from 1 to 65535"]);
  expect(problems({ start_command: "" })).toEqual(["/start_command must be a shell command"]);
  expect(problems({ start_command: null })).toEqual(["/start_command must be a shell command"]);
  expect(problems({ env: { A: 1 } })).toEqual(['/env/A must be a text: write numbers and booleans in quotes, as "1"']);
  expect(problems({ env: [] })).toEqual(["/env must be an object"]);
  expect(problems({ on_busy: "wait" })).toEqual(['/on_busy must be "reject" or "queue"']);
  expect(() => parseContract([], "the contract")).toThrow("the contract: must be an object");
  expect(() => parseContract({ ...least, a: 1, b: 2 }, "orco.app.json")).toThrow("orco.app.json: a is not known (and 1 more)");
});

test("ports fit and do not meet", () => {
  for (const bad of [0, -1, 65_536, 1.5, Number.NaN]) expect(problems({ port: bad })).toHaveLength(1);
  expect(problems({ internal_port: 65_535 })).toEqual(["/internal_port must be a whole number from 1 to 65534"]);
  expect(problems({ port: 3901 })[0]).toStartWith("/port 3901 is the port of slot blue");
  expect(problems({ port: 3902 })[0]).toStartWith("/port 3902 is the port of slot green");
  expect(problems({ port: 3900 })).toEqual([]);
});

test("what would end up in a request, a process or a file name is held to its form", () => {
  for (const bad of ["healthz", "/a b", "/a\r\nX: y", "/a#b", "http://x/", "/é"])
    expect(problems({ health_endpoint: bad })).toEqual(["/health_endpoint must start with / and hold no spaces, control characters or #"]);
  expect(problems({ health_endpoint: "/healthz?full=1&x=[y]" })).toEqual([]);
  expect(problems({ stop_signal: "SIGTREM" })).toEqual(["/stop_signal SIGTREM is no signal; did you mean SIGTERM?"]);
  for (const bad of ["ftp://x/", "hooks.example.org", "javascript:1", "https://me:pw@x/", "file:///etc/passwd"])
    expect(problems({ alerts: [{ webhook: bad }] })).toHaveLength(1);
  expect(problems({ env: { PORT: "1" } })).toEqual(["/env/PORT PORT is set by orco"]);
  expect(problems({ env: { ORCO_INSTANCE: "1" } })).toEqual(["/env/ORCO_INSTANCE ORCO_INSTANCE is set by orco"]);
  expect(problems({ env: { "A=B": "1" } })).toHaveLength(1);
  expect(problems({ env: { A: "a\0b" } })).toEqual(["/env/A must not hold a NUL character"]);
  expect(problems({ secrets: { "../x": { file: "/a" } } })).toHaveLength(1);
  expect(problems({ secrets: { A: { file: "relative" } } })).toEqual(["/secrets/A/file must be an absolute path"]);
  expect(problems({ secrets: { A: { file: "/a", env: "B" } } })).toEqual(["/secrets/A must have either file or env"]);
  expect(problems({ env: { A: "1" }, secrets: { A: { env: "B" } } })).toEqual(["/secrets/A is also in env"]);
  expect(problems({ protected_paths: ["ok", "../up"] })).toEqual([
    "/protected_paths/1 paths start at the root of the repository: no . and no ..",
  ]);
  for (const bad of ["-a.org", "a_b", "a..b", "*", "a.*.b", "a/b", `${"a".repeat(64)}.org`])
    expect(problems({ hosts: [bad] })).toHaveLength(1);
  expect(problems({ address: "localhost" })).toHaveLength(1);
  expect(problems({ schema_status: {} })).toEqual(["/schema_status must have either command or endpoint"]);
  expect(problems({ drain_timeout_ms: -1 })).toHaveLength(1);
  expect(problems({ drain_timeout_ms: 0 })).toEqual([]);
});

test("a contract in a request is pointed to where it stands there", () => {
  expect(() => parseContract({}, "contract", "/contract")).toThrow(
    expect.objectContaining({ facts: { errors: expect.arrayContaining([{ pointer: "/contract/port", detail: "is required" }]) } }),
  );
});

test("as text: duplicate keys and floods are refused", () => {
  expect(parseContractText(JSON.stringify(least), "orco.app.json").port).toBe(3001);
  expect(() => parseContractText('{"port": 1, "port": 2}', "orco.app.json")).toThrow('orco.app.json: the key "port" is given twice');
  expect(() => parseContractText(" ".repeat(300_000), "orco.app.json")).toThrow("larger than");
  expect(problems(Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`key${index}`, 1])))).toHaveLength(20);
});

test("the JSON schema says the same as the validation", () => {
  const schema = contractSchema() as { required: string[]; properties: Record<string, object>; additionalProperties: boolean };
  expect(schema.required.toSorted()).toEqual(["internal_port", "port", "start_command"]);
  expect(schema.additionalProperties).toBe(false);
  expect(Object.keys(schema.properties)).toHaveLength(23);
  expect(schema.properties["health_timeout_ms"]).toMatchObject({ type: "integer", default: 5000, minimum: 1 });
  expect(schema).toMatchObject({ $schema: "https://json-schema.org/draft/2020-12/schema", $id: "contract.json" });
});
