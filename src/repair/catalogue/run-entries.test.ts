import { describe, expect, test } from "bun:test";
import { snapshotOf } from "../../../test/repair-fixture.ts";
import { collect, readLines } from "../evidence/collect.ts";
import type { Diagnosis } from "../finding.ts";
import { CATALOGUE, diagnose } from "./catalogue.ts";
import { distributionOf } from "../dockerfile/locate.ts";
import { parseDockerfile } from "../dockerfile/parse.ts";

type Snapshot = Partial<Pick<Parameters<typeof snapshotOf>[0], "files" | "modes" | "config">>;

const PY =
  'FROM python:3.11-slim\nWORKDIR /app\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\nCOPY . .\nCMD ["gunicorn", "app:app"]\n';
const APP = 'FROM debian:bookworm-slim\nRUN useradd -m app\nWORKDIR /app\nCOPY . .\nUSER app\nCMD ["./start.sh"]\n';
const ALPINE = 'FROM alpine:3.20\nCOPY entrypoint.sh /entrypoint.sh\nENTRYPOINT ["/entrypoint.sh"]\n';

function found(line: string | readonly string[], snapshot: Snapshot = {}, source: "given" | "build" = "given"): Diagnosis | undefined {
  const lines = [line].flat();
  const whole = snapshotOf({ entry: 0, recorded: "", how: "", expect: { signature: null }, ...snapshot });
  return diagnose(collect(source === "given" ? { given: lines } : { build: readLines(lines) }), whole)[0];
}

function told(line: string | readonly string[], snapshot?: Snapshot): string | undefined {
  const { finding } = found(line, snapshot) ?? {};
  return finding && `${finding.entry} ${finding.verdict} ${finding.signature}`;
}

function edit(line: string | readonly string[], snapshot: Snapshot, path = "Dockerfile"): string | undefined {
  const { remedy } = found(line, snapshot) ?? {};
  return remedy?.kind === "edits" ? remedy.edits.find((one) => one.path === path)?.text : undefined;
}

describe("20: a command is not there", () => {
  const files = { Dockerfile: PY, "requirements.txt": "flask\n" };
  test.each([
    "/bin/sh: 1: gunicorn: not found",
    "sh: gunicorn: not found",
    "/bin/sh: line 1: gunicorn: command not found",
    "bash: line 1: gunicorn: command not found",
    "bash: gunicorn: command not found",
    "./start.sh: line 4: exec: gunicorn: not found",
    "/app/start.sh: 4: exec: gunicorn: not found",
    'Error response from daemon: failed to create task: exec: "gunicorn": executable file not found in $PATH: unknown',
    "[FATAL tini (7)] exec gunicorn failed: No such file or directory",
    "/usr/bin/env: 'gunicorn': No such file or directory",
    "/usr/bin/env: ‘gunicorn’: No such file or directory",
  ])("%s", (line) => {
    expect(told(line, { files })).toBe("20 fix command-missing:gunicorn");
    expect(edit(line, { files }, "requirements.txt")).toBe("flask\ngunicorn\n");
  });

  test("that is asked for already, or that nobody knows, is only reported", () => {
    expect(told("sh: gunicorn: not found", { files: { ...files, "requirements.txt": "gunicorn==21.2.0\n" } })).toBe(
      "20 report command-missing:gunicorn",
    );
    expect(told("sh: 1: frobnicate: not found", { files })).toBe("20 report command-missing:frobnicate");
    expect(told('exec: "/srv/run": stat /srv/run: no such file or directory: unknown', { files })).toBe(
      "20 report command-missing:/srv/run",
    );
  });

  test("is installed by the distribution's own name, once", () => {
    const alpine = { Dockerfile: "FROM alpine:3.20\nRUN ping -c 1 host\n" };
    expect(edit("/bin/sh: nc: not found", { files: alpine })).toContain("apk add --no-cache netcat-openbsd");
    const there = { Dockerfile: "FROM debian:bookworm-slim\nRUN apt-get update && apt-get install -y jq\nCMD jq\n" };
    expect(edit("/bin/sh: 1: jq: not found", { files: there })).toBeUndefined();
  });

  test("in an image nobody can install into it is reported", () => {
    expect(told("/bin/sh: 1: jq: not found", { files: { Dockerfile: "FROM gcr.io/distroless/static\nCMD jq\n" } })).toBe(
      "20 report command-missing:jq",
    );
  });
});

describe("20, 21: an entrypoint does not start", () => {
  const MISSING = "exec /entrypoint.sh: no such file or directory";
  test("Windows line ends go in the image, as root, and the user stays", () => {
    const Dockerfile = 'FROM alpine:3.20\nRUN adduser -D app\nUSER app\nCOPY entrypoint.sh /entrypoint.sh\nENTRYPOINT ["/entrypoint.sh"]\n';
    const files = { Dockerfile, "entrypoint.sh": '#!/bin/sh\r\nexec "$@"\r\n' };
    expect(edit(MISSING, { files })).toBe(
      Dockerfile.replace("ENTRYPOINT", "USER root\nRUN sed -i 's/\\r$//' /entrypoint.sh\nUSER app\nENTRYPOINT"),
    );
    expect(edit("standard_init_linux.go:228: exec user process caused: no such file or directory", { files })).toContain("RUN sed -i");
    expect(edit(MISSING, { files: { ...files, Dockerfile: edit(MISSING, { files }) ?? "" } })).toBeUndefined();
  });

  test("an interpreter that cannot be installed where it is looked for is reported", () => {
    expect(told(MISSING, { files: { Dockerfile: ALPINE, "entrypoint.sh": "#!/bin/bash\n" } })).toBe("20 fix interpreter-missing:/bin/bash");
    expect(told(MISSING, { files: { Dockerfile: ALPINE, "entrypoint.sh": "#!/usr/local/bin/bash\n" } })).toBe(
      "20 report interpreter-missing:/usr/local/bin/bash",
    );
  });

  test("what comes from the host is nothing of the image", () => {
    const files = { Dockerfile: ALPINE, "entrypoint.sh": "#!/bin/sh\r\n" };
    for (const target of ["/entrypoint.sh", "/"]) {
      expect(told(MISSING, { files, config: { bindTargets: [target] } })).toBe("20 report entrypoint-mounted:/entrypoint.sh");
      expect(told('exec: "/entrypoint.sh": permission denied: unknown', { files, config: { bindTargets: [target] } })).toBe(
        "20 report entrypoint-mounted:/entrypoint.sh",
      );
    }
  });

  test("a mode that is right already is not set again; the classic builder gets a RUN", () => {
    const files = { Dockerfile: ALPINE, "entrypoint.sh": "#!/bin/sh\n" };
    const line = 'exec: "/entrypoint.sh": permission denied: unknown';
    expect(edit(line, { files })).toContain("COPY --chmod=755 entrypoint.sh /entrypoint.sh\n");
    expect(edit(["Step 1/3 : FROM alpine:3.20", line], { files })).toContain("RUN chmod 755 /entrypoint.sh\nENTRYPOINT");
    expect(edit(line, { files, modes: { "entrypoint.sh": "755" } })).toBeUndefined();
  });

  test("a missing first line is no error with init, and says bash where it has to", () => {
    const line = "exec /entrypoint.sh: exec format error";
    const files = { Dockerfile: ALPINE, "entrypoint.sh": "set -o pipefail\n" };
    expect(edit(line, { files })).toContain("RUN sed -i '1i #!/usr/bin/env bash' /entrypoint.sh\n");
    expect(found(line, { files, config: { init: true } })).toBeUndefined();
    expect(told(line, { files: { Dockerfile: ALPINE.replace("FROM", "FROM --platform=linux/arm64") } })).toBe(
      "21 approve platform-mismatch:linux/arm64",
    );
    expect(told(line, { files: { Dockerfile: ALPINE } })).toBe("21 report platform-mismatch:unknown");
  });
});

describe("22: COPY, and who may use what it brought", () => {
  test.each([
    "COPY failed: file not found in build context or excluded by .dockerignore: stat confg/app.yml: file does not exist",
    "COPY failed: stat /var/lib/docker/tmp/docker-builder123456/confg/app.yml: no such file or directory",
    'failed to compute cache key: "/confg/app.yml" not found: not found',
    'ERROR: failed to calculate checksum of ref 3ab::x7k: "/confg/app.yml": not found',
    'failed to solve: failed to compute cache key: failed to calculate checksum of ref a::b: "/confg/app.yml": not found',
  ])("%s", (line) => {
    const files = { Dockerfile: "FROM busybox\nCOPY ./confg/app.yml /etc/\n", "config/app.yml": "" };
    expect(told(line, { files })).toBe("22 approve copy-source-missing:confg/app.yml");
    expect(edit(line, { files })).toBe("FROM busybox\nCOPY ./config/app.yml /etc/\n");
  });

  test("a folder is a source like a file; of several sources only the wrong one changes", () => {
    const files = { Dockerfile: 'FROM busybox\nCOPY ["a.txt", "srcs/", "/app/"]\n', "a.txt": "", "src/main.c": "" };
    expect(edit('failed to compute cache key: "/srcs" not found: not found', { files })).toBe(
      'FROM busybox\nCOPY ["a.txt", "src/", "/app/"]\n',
    );
  });

  test.each([
    ["PermissionError: [Errno 13] Permission denied: '/app/db.sqlite'", "RUN mkdir -p /app && chown app /app"],
    ["Error: EACCES: permission denied, open '/app/logs/x.log'", "RUN mkdir -p /app/logs && chown -R app /app/logs"],
    ["touch: cannot touch 'state': Permission denied", "RUN mkdir -p /app && chown app /app"],
    ["mkdir: can't create directory '/data/x': Permission denied", "RUN mkdir -p /data && chown -R app /data"],
    ["panic: open /app/x.db: permission denied", "RUN mkdir -p /app && chown app /app"],
    ["/bin/sh: 1: cannot create /app/pid: Permission denied", "RUN mkdir -p /app && chown app /app"],
    ["mkdir: cannot create directory ‘/data’: Permission denied", "RUN mkdir -p /data && chown -R app /data"],
  ])("%s", (line, run) => {
    expect(edit(line, { files: { Dockerfile: APP } })).toBe(APP.replace("USER app", `${run}\nUSER app`));
  });

  test("a file that was copied is copied for who uses it, if they are there by then", () => {
    const line = "PermissionError: [Errno 13] Permission denied: '/app/data.json'";
    expect(edit(line, { files: { Dockerfile: APP, "data.json": "" } })).toBe(APP.replace("COPY . .", "COPY --chown=app . ."));
    const late = "FROM debian:bookworm-slim\nWORKDIR /app\nCOPY . .\nRUN useradd app\nUSER app\n";
    expect(edit(line, { files: { Dockerfile: late, "data.json": "" } })).toContain("RUN mkdir -p /app && chown app /app\nUSER app");
  });

  test("what is the system's, the host's or denied to root is reported", () => {
    for (const path of ["/etc/app.conf", "/usr/local/lib/x", "/x.db", "/root/.npm"])
      expect(told(`PermissionError: [Errno 13] Permission denied: '${path}'`, { files: { Dockerfile: APP } })).toBe(
        `22 report permission-denied:${path}`,
      );
    const line = "PermissionError: [Errno 13] Permission denied: '/app/x'";
    expect(told(line, { files: { Dockerfile: APP }, config: { bindTargets: ["/app"] } })).toBe("22 report permission-denied:/app/x");
    expect(told(line, { files: { Dockerfile: APP.replace("USER app\n", "") } })).toBe("22 report permission-denied:/app/x");
  });
});

describe("23, 25: limits and surroundings", () => {
  test.each([
    ["Bind for 0.0.0.0:8080 failed: port is already allocated", "23 report port-taken:8080"],
    ["listen tcp4 0.0.0.0:80: bind: address already in use", "23 report port-taken:80"],
    ["Error: listen EADDRINUSE: address already in use :::3000", "23 report port-taken:3000"],
    ["OSError: [Errno 98] Address already in use", "23 report port-taken"],
    ["write /x: no space left on device", "23 report disk-full"],
    ["The command '/bin/sh -c make' returned a non-zero code: 137", "23 report memory-limit:build"],
    ['Exception in thread "main" java.lang.OutOfMemoryError: Java heap space', "23 report memory-limit:heap"],
    [
      'psycopg2.OperationalError: connection to server at "db" (172.18.0.2), port 5432 failed: Connection refused',
      "25 report database-refused:5432",
    ],
    [
      "pymysql.err.OperationalError: (2003, \"Can't connect to MySQL server on 'db' ([Errno 111] Connection refused)\")",
      "25 report database-refused",
    ],
    ["redis.exceptions.ConnectionError: Error 111 connecting to redis:6379. Connection refused.", "25 report database-refused:6379"],
    ["dial tcp 172.18.0.2:5432: connect: connection refused", "25 report database-refused:5432"],
    ["Error: Missing required environment variable: STRIPE_KEY", "25 report env-missing:STRIPE_KEY"],
    ["Environment variable SECRET_KEY is not set", "25 report env-missing:SECRET_KEY"],
    ["JWT_SECRET must be set", "25 report env-missing:JWT_SECRET"],
    [
      "decouple.UndefinedValueError: SECRET_KEY not found. Declare it as envvar or define a default value.",
      "25 report env-missing:SECRET_KEY",
    ],
    ["Error: getaddrinfo EAI_AGAIN registry.npmjs.org", "25 retry name-resolution"],
    ["dial tcp: lookup registry-1.docker.io on 8.8.8.8:53: no such host", "25 retry name-resolution"],
    ["toomanyrequests: You have reached your pull rate limit.", "25 retry registry-away"],
  ])("%s", (line, expected) => {
    expect(told(line)).toBe(expected);
  });

  test.each([
    "KeyError: 'NAME_OF_A_COLUMN'",
    "ENOSPC: System limit for number of file watchers reached",
    "GET /x 502 Bad Gateway",
    "0 errors, not found: none",
  ])("nothing is made of: %s", (line) => expect(told(line)).toBeUndefined());
});

test("the lines that the page shows are such as the entries of this part know", () => {
  const files = { Dockerfile: ALPINE, "entrypoint.sh": "x" };
  const running = CATALOGUE.filter(({ id }) => id === 23 || id === 25);
  expect(
    running.filter((entry) => told([`File "<frozen os>", line 679`, entry.example], { files }) === undefined).map(({ slug }) => slug),
  ).toEqual([]);
  const [stage] = parseDockerfile(ALPINE).stages;
  expect(stage && distributionOf(parseDockerfile(ALPINE), stage, { distributions: new Map() })).toBe("alpine");
});
