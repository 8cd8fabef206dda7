import { type Case, SH, entrypoint } from "./case.ts";

export const FILE_CASES: readonly Case[] = [
  {
    name: "21-no-shebang",
    entry: 21,
    expect: { signature: "shebang-missing:/entrypoint.sh", verdict: "fix", edits: { Dockerfile: ["RUN sed -i"] } },
    files: { Dockerfile: entrypoint("busybox:local"), "entrypoint.sh": "echo started\n" },
    modes: { "entrypoint.sh": "755" },
  },
  {
    name: "21-no-shebang-init",
    entry: 21,
    expect: { signature: null },
    files: { Dockerfile: entrypoint("busybox:local"), "entrypoint.sh": "echo started\n" },
    modes: { "entrypoint.sh": "755" },
    flags: ["--init"],
    config: { init: true },
  },
  {
    name: "22-source-typo-classic",
    entry: 22,
    expect: {
      signature: "copy-source-missing:requirments.txt",
      verdict: "approve",
      edits: { Dockerfile: ["COPY requirements.txt /app/"] },
    },
    files: { Dockerfile: "FROM busybox:local\nCOPY requirments.txt /app/\n", "requirements.txt": "flask\n" },
    builder: "classic",
  },
  {
    name: "22-source-typo-buildkit",
    entry: 22,
    expect: {
      signature: "copy-source-missing:requirments.txt",
      verdict: "approve",
      edits: { Dockerfile: ["COPY requirements.txt /app/"] },
    },
    files: { Dockerfile: "FROM busybox:local\nCOPY requirments.txt /app/\n", "requirements.txt": "flask\n" },
    builder: "buildkit",
  },
  {
    name: "22-source-absent",
    entry: 22,
    expect: { signature: "copy-source-missing:dist/server.js", verdict: "report" },
    files: { Dockerfile: "FROM busybox:local\nCOPY dist/server.js /app/\n", "src/server.ts": "\n" },
    builder: "classic",
  },
  {
    name: "22-source-ignored",
    entry: 22,
    expect: { signature: "copy-source-missing:config.json", verdict: "report" },
    files: { Dockerfile: "FROM busybox:local\nCOPY config.json /app/\n", "config.json": "{}\n", ".dockerignore": "*.json\n" },
    builder: "classic",
  },
  {
    name: "22-source-of-stage",
    entry: 22,
    expect: { signature: "copy-source-missing:src/dist", verdict: "report" },
    files: { Dockerfile: "FROM busybox:local AS builder\nRUN mkdir /src\nFROM busybox:local\nCOPY --from=builder /src/dist /app\n" },
    builder: "classic",
  },
  {
    name: "22-denied-copied-file",
    entry: 22,
    expect: { signature: "permission-denied:/app/state.json", verdict: "fix", edits: { Dockerfile: ["COPY --chown=app"] } },
    files: {
      Dockerfile:
        "FROM python:3.11-slim\nRUN useradd -m app\nWORKDIR /app\nCOPY . .\nUSER app\nCMD [\"python\", \"-c\", \"open('/app/state.json', 'a').write('x')\"]\n",
      "state.json": "{}\n",
    },
  },
  {
    name: "22-denied-new-folder",
    entry: 22,
    expect: {
      signature: "permission-denied:/app/data",
      verdict: "fix",
      edits: { Dockerfile: ["RUN mkdir -p /app && chown app /app\nUSER app"] },
    },
    files: {
      Dockerfile: 'FROM debian:bookworm-slim\nRUN useradd -m app\nWORKDIR /app\nCOPY . .\nUSER app\nCMD ["mkdir", "/app/data"]\n',
      "a.txt": "\n",
    },
  },
  {
    name: "22-denied-node",
    entry: 22,
    expect: { signature: "permission-denied:/app/cache", verdict: "fix", edits: { Dockerfile: ["chown"] } },
    files: {
      Dockerfile:
        'FROM node:20-slim\nRUN useradd -m app\nWORKDIR /app\nCOPY . .\nUSER app\nCMD ["node", "-e", "require(\'fs\').mkdirSync(\'/app/cache\')"]\n',
      "a.txt": "\n",
    },
  },
  {
    name: "22-denied-in-build",
    entry: 22,
    expect: { signature: "permission-denied:/app/out", verdict: "fix", edits: { Dockerfile: ["chown"] } },
    files: {
      Dockerfile: "FROM debian:bookworm-slim\nRUN useradd -m app\nWORKDIR /app\nCOPY . .\nUSER app\nRUN mkdir /app/out\n",
      "a.txt": "\n",
    },
    builder: "buildkit",
  },
  {
    name: "21-byte-order-mark",
    entry: 21,
    expect: { signature: "shebang-missing:/entrypoint.sh", verdict: "fix", edits: { Dockerfile: ["RUN sed -i -e"] } },
    files: { Dockerfile: entrypoint("busybox:local"), "entrypoint.sh": `\ufeff${SH}` },
    modes: { "entrypoint.sh": "755" },
  },
  {
    name: "21-other-processor",
    entry: 21,
    expect: { signature: "platform-mismatch:linux/arm64", verdict: "approve", edits: { Dockerfile: ["FROM debian:bookworm-slim\n"] } },
    how: "docker run of a program whose header was changed to another processor's; the Dockerfile told is one whose base image cannot be had here",
    files: {
      Dockerfile: "FROM busybox:local\nRUN cp /bin/busybox /app && printf '\\267' | dd of=/app bs=1 seek=18 conv=notrunc\nCMD [\"/app\"]\n",
    },
    told: { Dockerfile: 'FROM --platform=linux/arm64 debian:bookworm-slim\nCMD ["/app"]\n' },
  },
  {
    name: "22-source-glob",
    entry: 22,
    expect: { signature: "copy-source-missing:*.whl", verdict: "report" },
    files: { Dockerfile: "FROM busybox:local\nCOPY *.whl /app/\n", "a.txt": "\n" },
    builder: "classic",
  },
  {
    name: "22-denied-mounted",
    entry: 22,
    expect: { signature: "permission-denied:/data/x", verdict: "report" },
    files: { Dockerfile: 'FROM debian:bookworm-slim\nRUN useradd -m app\nUSER app\nCMD ["touch", "/data/x"]\n' },
    flags: ["-v", "$PWD:/data"],
    config: { bindTargets: ["/data"] },
  },
];
