import { type Case, entrypoint } from "./case.ts";

export const LIMIT_CASES: readonly Case[] = [
  {
    name: "23-oom-killed",
    entry: 23,
    expect: { signature: "memory-limit", verdict: "report" },
    files: {
      Dockerfile: 'FROM python:3.11-slim\nCMD ["python", "-c", "x = bytearray(200 * 1024 * 1024); x[::4096] = b\'1\' * len(x[::4096])"]\n',
    },
    flags: ["--memory=16m", "--memory-swap=16m"],
  },
  {
    name: "23-heap",
    entry: 23,
    expect: { signature: "memory-limit:heap", verdict: "report" },
    files: {
      Dockerfile: 'FROM node:20-slim\nCMD ["node", "--max-old-space-size=16", "-e", "const a = []; for (;;) a.push([1, 2, {}])"]\n',
    },
  },
  {
    name: "23-disk-full",
    entry: 23,
    expect: { signature: "disk-full", verdict: "report" },
    files: { Dockerfile: 'FROM busybox:local\nCMD ["dd", "if=/dev/zero", "of=/data/x", "bs=1M", "count=9"]\n' },
    flags: ["--tmpfs", "/data:size=1m"],
  },
  {
    name: "25-health-curl",
    entry: 25,
    expect: { signature: "healthcheck-tool-missing:curl", verdict: "fix", edits: { Dockerfile: ["curl"] } },
    files: {
      Dockerfile:
        'FROM debian:bookworm-slim\nHEALTHCHECK --interval=1s --timeout=1s --retries=1 CMD ["curl", "-f", "http://127.0.0.1:8080/"]\nCMD ["sleep", "60"]\n',
    },
    untilUnhealthy: true,
  },
  {
    name: "25-health-curl-shell",
    entry: 25,
    expect: { signature: "healthcheck-tool-missing:curl", verdict: "fix", edits: { Dockerfile: ["curl"] } },
    files: {
      Dockerfile:
        'FROM debian:bookworm-slim\nHEALTHCHECK --interval=1s --timeout=1s --retries=1 CMD curl -f http://127.0.0.1:8080/ || exit 1\nCMD ["sleep", "60"]\n',
    },
    untilUnhealthy: true,
  },
  {
    name: "25-refused-node",
    entry: 25,
    expect: { signature: "database-refused:5432", verdict: "report" },
    files: { Dockerfile: 'FROM node:20-slim\nCMD ["node", "-e", "require(\'net\').connect(5432, \'127.0.0.1\')"]\n' },
  },
  {
    name: "25-env-python",
    entry: 25,
    expect: { signature: "env-missing:DATABASE_URL", verdict: "report" },
    files: { Dockerfile: 'FROM python:3.11-slim\nCMD ["python", "-c", "import os; os.environ[\'DATABASE_URL\']"]\n' },
  },
  {
    name: "25-env-shell",
    entry: 25,
    expect: { signature: "env-missing:API_URL", verdict: "report" },
    files: { Dockerfile: entrypoint("debian:bookworm-slim"), "entrypoint.sh": '#!/bin/sh\nset -eu\necho "$API_URL"\n' },
    modes: { "entrypoint.sh": "755" },
  },
  {
    name: "25-resolve-pip",
    entry: 25,
    expect: { signature: "name-resolution", verdict: "retry" },
    files: {
      Dockerfile: "FROM python:3.11-slim\nRUN pip install --retries 1 --index-url https://index.invalid/simple flask\n",
    },
    builder: "classic",
  },
  {
    name: "25-resolve-apt",
    entry: 25,
    expect: { signature: "name-resolution", verdict: "retry" },
    files: {
      Dockerfile:
        "FROM debian:bookworm-slim\nRUN echo 'deb http://deb.invalid/debian bookworm main' > /etc/apt/sources.list && apt-get update; apt-get install -y curl\n",
    },
    builder: "buildkit",
  },
  {
    name: "23-port-allocated",
    entry: 23,
    expect: { signature: "port-taken:18973", verdict: "report" },
    files: { Dockerfile: 'FROM busybox:local\nCMD ["true"]\n' },
    flags: ["-p", "127.0.0.1:18973:80"],
    portTaken: true,
  },
  {
    name: "23-killed-in-build",
    entry: 23,
    expect: { signature: "memory-limit:build", verdict: "report" },
    files: { Dockerfile: "FROM busybox:local\nRUN sh -c 'kill -9 $$'; exit $?\n" },
    builder: "buildkit",
  },
  {
    name: "25-refused-python",
    entry: 25,
    expect: { signature: "database-refused", verdict: "report" },
    files: {
      Dockerfile: 'FROM python:3.11-slim\nCMD ["python", "-c", "import socket; socket.create_connection((\'127.0.0.1\', 5432))"]\n',
    },
  },
];
