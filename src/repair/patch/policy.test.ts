import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { processorTime } from "../../../test/processor-time.ts";
import type { FileChange } from "./change.ts";
import { approvalReasons, decidePatch, patchRules, type RulesSource } from "./policy.ts";

function rules({
  allow = [],
  block = [],
  composeFile,
  ...more
}: Partial<RulesSource> & { allow?: string[]; block?: string[]; composeFile?: string } = {}) {
  const profile = { allow, block, ...(composeFile !== undefined && { composeFile }) };
  return patchRules({ directory: "services/api", dockerfile: "services/api/Dockerfile", hasApproval: false, ...more, profile });
}

function edit(path: string, after: string | null = "b\n", before: string | null = "a\n"): FileChange {
  return { path, before, after };
}

const broken = (path: string, one = rules()): string[] => decidePatch([edit(path)], one).map(({ rule }) => rule);

describe("by default a repair may change", () => {
  for (const name of [
    "Dockerfile", "Dockerfile.prod", "requirements.txt", "requirements-dev.txt", "pyproject.toml", "poetry.lock", "package.json", "package-lock.json",
    "pnpm-lock.yaml", "yarn.lock", "go.mod", "go.sum", "Cargo.toml", "Cargo.lock", "Gemfile", "Gemfile.lock", "app/requirements.txt",
  ]) test(name, () => expect(broken(`services/api/${name}`)).toEqual([])); // prettier-ignore

  test("the Dockerfile, wherever it lies and whatever it is called", () => {
    expect(broken("docker/api.build", rules({ dockerfile: "docker/api.build" }))).toEqual([]);
    expect(broken("docker/other.build", rules({ dockerfile: "docker/api.build" }))).toEqual(["not_allowed"]);
  });

  test("nothing of a service that lies below it", () => {
    const one = rules({ directory: "", dockerfile: "Dockerfile", others: ["web", ""] });
    expect(broken("package.json", one)).toEqual([]);
    expect(broken("web/package.json", one)).toEqual(["not_allowed"]);
  });
});

describe("it may not change", () => {
  const tricks: Readonly<Record<string, readonly string[]>> = {
    path: [
      "", "/etc/passwd", "/services/api/Dockerfile", "../Dockerfile", "services/api/../web/Dockerfile", "services/api/./Dockerfile", "./services/api/Dockerfile",
      "services//api/Dockerfile", "services/api/Dockerfile/", "services\\api\\Dockerfile", "services/api/Dockerfile.", "services/api/Dockerfile ",
      "services/api /Dockerfile", "services/api./Dockerfile", "services/api/Dockerfile\u0000.txt", "services/api/Dockerfile\n", "services/api/requirements\u200b.txt",
      "services/api/requirements\u202e.txt", "services/api/requirements-u\u0308.txt", "services/api/.git/hooks/pre-commit", "services/api/.GIT/Dockerfile",
      ".git/config", "services/api/git~1/Dockerfile", "services/api/.ｇit/Dockerfile", "services/api/\ud800.txt", ` services/api/Dockerfile`, `${"x/".repeat(2100)}Dockerfile`,
    ],
    not_allowed: [
      "services/api/dockerfile", "services/api/DOCKERFILE", "Services/api/Dockerfile", "services/API/Dockerfile", "Dockerfile", "services/web/Dockerfile",
      "services/api2/Dockerfile", "services/apiDockerfile", "services/api/requirements/dev.py", "services/api/requirements-x/evil.txt", "services/api/Dockerfile.d/run.sh",
      "services/api/main.py", "services/api/xDockerfile", "services/api/package.jsonc", "services/api/requirements.txt.sh", "services/api/node_modules/x/package.json",
      "services/api/.venv/requirements.txt", "services/api/vendor/x/go.mod", "services/api/Ｄockerfile", "services/api/Dосkerfile", "services/api/Dockerfile.a/b",
    ],
    blocked: [
      "docker-compose.yml", "compose.yaml", "compose.override.yml", "services/api/docker-compose.prod.yaml", "services/api/Docker-Compose.YML", "services/api/my-compose.yml",
      "services/api/.env", ".env", "services/api/.ENV", "services/api/.env.local", "services/api/prod.env", "services/api/.envrc", "services/api/tls.pem", "services/api/a.KEY",
      "services/api/id_rsa", "services/api/secrets/Dockerfile", "services/api/secrets.json", "services/api/.npmrc", "services/api/.ssh/config", "services/api/credentials",
      "services/api/main.tf", "services/api/terraform/Dockerfile", "services/api/k8s/requirements.txt", ".github/workflows/ci.yml", "services/api/.github/Dockerfile",
      ".gitlab-ci.yml", "services/api/Jenkinsfile", "services/api/.gitmodules", "services/api/kustomization.yaml", "services/api/.ｅnv", "services/api/ｃompose.yml",
    ],
    policy_file: ["orco.repair.yaml", "services/api/orco.repair.yaml", "ORCO.repair.YAML", "orco.repair.yml"],
  }; // prettier-ignore
  for (const [rule, paths] of Object.entries(tricks))
    for (const path of paths)
      test(`${JSON.stringify(path.slice(0, 60))}: ${rule}`, () => {
        expect(broken(path)).toEqual([rule]);
        // An approval alone opens nothing.
        expect(broken(path, rules({ hasApproval: true }))).toEqual([rule]);
      });
});

describe("the profile", () => {
  test("adds files below the service, and a * of its stays within a name", () => {
    const one = rules({ allow: ["src/*.py", "conf/**/*.ini", "/shared/x.txt", "lib/"] });
    for (const path of [
      "services/api/src/a.py",
      "services/api/conf/a.ini",
      "services/api/conf/x/y/a.ini",
      "shared/x.txt",
      "services/api/lib/x/y",
    ])
      expect([path, broken(path, one)]).toEqual([path, []]);
    for (const path of ["services/api/src/x/a.py", "services/api/a.py", "src/a.py", "services/api/shared/x.txt", "services/api/lib"])
      expect([path, broken(path, one)]).toEqual([path, ["not_allowed"]]);
  });

  test("opens what is blocked only together with an approval", () => {
    const allow = ["docker-compose.yml", ".env", "k8s/*.yaml"];
    for (const path of ["docker-compose.yml", "services/api/.env", "services/api/k8s/a.yaml"]) {
      expect(broken(path, rules({ allow }))).toEqual(["needs_approval"]);
      expect(broken(path, rules({ allow, hasApproval: true }))).toEqual([]);
      expect(approvalReasons([edit(path)], rules({ allow }))).toEqual([`the patch changes ${path}`]);
    }
    expect(broken(".env", rules({ allow, hasApproval: true }))).toEqual(["blocked"]);
    expect(approvalReasons([edit("services/api/Dockerfile"), edit(".env")], rules({ allow }))).toEqual([]);
  });

  test("never opens the policy file", () => {
    const one = rules({ directory: "", allow: ["**", "orco.repair.yaml", "/orco.repair.yaml"], hasApproval: true });
    expect(broken("orco.repair.yaml", one)).toEqual(["policy_file"]);
    expect(broken("anything.txt", one)).toEqual([]);
  });

  test("blocks whatever it allows, and at any depth", () => {
    const one = rules({ allow: ["**"], block: ["requirements.txt", "src/", "DOCKERFILE"], hasApproval: true });
    for (const name of ["requirements.txt", "x/requirements.txt", "src/a/b.py", "Dockerfile"])
      expect(broken(`services/api/${name}`, one)).toEqual(["blocked"]);
    expect(broken("services/api/requirements-dev.txt", one)).toEqual([]);
  });

  test("names a compose file of its own", () => {
    expect(broken("services/api/Dockerfile.yml", rules({ composeFile: "./services/api/Dockerfile.yml" }))).toEqual(["blocked"]);
  });

  test("of many stars takes no time", () => {
    const spent = processorTime();
    expect(broken(`services/api/${"a".repeat(200)}`, rules({ allow: [`${"*a".repeat(100)}b`, `${"**/".repeat(200)}b`] }))).toEqual([
      "not_allowed",
    ]);
    expect(spent()).toBeLessThan(1000);
  });
});

describe("a patch is refused", () => {
  const at = "services/api/Dockerfile";
  const rulesOf = (...changes: FileChange[]) =>
    decidePatch(changes, rules({ secrets: ["hunter2-Zq8x", "postgres", "wolf"] })).map(({ rule }) => rule);
  const lines = (count: number) => Array.from({ length: count }, (_, index) => `line ${index}\n`).join("");

  test("that is too large", () => {
    expect(rulesOf(...Array.from({ length: 21 }, (_, index) => edit(`services/api/requirements${index}.txt`)))).toEqual(["size"]);
    expect(rulesOf(edit(at, lines(401), ""))).toEqual(["size"]);
    expect(rulesOf(edit(at, lines(400), ""))).toEqual([]);
    expect(rulesOf(edit("services/api/package-lock.json", lines(5000), ""))).toEqual([]);
    expect(rulesOf(edit("services/api/package-lock.json", lines(30_000), ""))).toEqual(["size"]);
  });

  test("that changes one file twice, whatever the case", () => {
    expect(rulesOf(edit(at), edit(at))).toEqual(["twice"]);
    expect(rulesOf(edit("services/api/requirements-a.txt"), edit("services/api/requirements-A.txt"))).toEqual(["twice"]);
  });

  test("that deletes a file, unless the profile and somebody say so", () => {
    expect(rulesOf(edit(at, null))).toEqual(["delete"]);
    const allow = ["Dockerfile"];
    expect(decidePatch([edit(at, null)], rules({ allow })).map(({ rule }) => rule)).toEqual(["delete"]);
    expect(decidePatch([edit(at, null)], rules({ allow, hasApproval: true }))).toEqual([]);
    expect(approvalReasons([edit(at, null)], rules({ allow }))).toEqual([`the patch deletes ${at}`]);
  });

  test("that is binary, odd in mode, or nothing", () => {
    expect(rulesOf(edit(at, "a\0b\n"))).toContain("binary");
    for (const mode of [0o4755, 0o2755, 0o777, 0o666, 0o100644]) expect(rulesOf({ ...edit(at, "x", null), mode })).toEqual(["mode"]);
    for (const mode of [0o755, 0o644, 0o664]) expect(rulesOf({ ...edit(at, "x", null), mode })).toEqual([]);
    expect(rulesOf(edit(at, null, null))).toContain("empty");
  });

  test("that shows other text than it has", () => {
    for (const text of ["RUN \u202ehs.live\n", "RUN evil\rRUN good\n", "RUN \u001b[2K\n", "RUN a\u200bb\n"])
      expect(rulesOf(edit(at, text))).toEqual(["hidden"]);
    expect(rulesOf(edit(at, "\tRUN a\r\n"))).toEqual([]);
  });

  test("that holds a declared secret, in any form, in any of its lines", () => {
    for (const text of ["x hunter2-Zq8x y", "aHVudGVyMi1acTh4", encodeURIComponent("hunter2-Zq8x"), "ENV A=wolf"]) {
      expect([text, rulesOf(edit(at, `${text}\n`))]).toEqual([text, ["secret"]]);
      expect(rulesOf(edit(at, "b\n", `${text}\n`))).toEqual(["secret"]);
      expect(rulesOf(edit(at, `${text}\nb\n`, `${text}\na\n`))).toEqual(["secret"]);
    }
    expect(rulesOf(edit(at, "RUN apk add postgresql-dev werewolf wolfssl\nUSER postgres\n"))).toEqual([]);
  });

  test("that holds what looks like a token, and does not tell it", () => {
    const tokens = [
      "AKIAIOSFODNN7EXAMPLE", `ghp_${"a1".repeat(18)}`, `github_pat_${"a1".repeat(20)}`, `glpat-${"a1".repeat(10)}`, "xoxb-123456789012-abcdef", `sk_live_${"a1".repeat(12)}`,
      `sk-proj-${"a1".repeat(12)}`, `AIza${"a".repeat(35)}`, `npm_${"a1".repeat(18)}`, "-----BEGIN OPENSSH PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----",
      "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlLWhlcmU", "https://me:s3cret@host/simple", "postgres://u:pw@db/x", `hf_${"aB".repeat(17)}`,
    ]; // prettier-ignore
    for (const token of tokens) {
      const found = decidePatch([edit(at, `ENV A=${token}\n`)], rules());
      expect([token, found.map(({ rule }) => rule)]).toEqual([token, ["secret"]]);
      expect(JSON.stringify(found)).not.toContain(token);
    }
    const harmless =
      'https://${USER}:${PASS}@host/x https://host:80/x@y "sha512-eyJhbGciOiJ+/AKIAx==" git+ssh://git@host/x sk-learn user@host';
    expect(rulesOf(edit(at, `${harmless}\n`))).toEqual([]);
  });
});

test("no path at all gets out of the service's directory", () => {
  const name = fc.oneof(
    fc.constantFrom("..", ".", "", "services", "api", "Dockerfile", ".git", "package.json", "\\", "API"),
    fc.string({ unit: "binary", maxLength: 5 }),
  );
  const path = fc.array(name, { maxLength: 6 }).map((names) => names.join("/"));
  fc.assert(
    fc.property(path, (path) => {
      if (broken(path).length === 0) expect(path).toMatch(/^services\/api\/(?:[^/]+\/)*(?:Dockerfile|package\.json)$/);
    }),
    { numRuns: 500, examples: [["services/api/../../Dockerfile"]] },
  );
});
