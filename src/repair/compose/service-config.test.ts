import { expect, test } from "bun:test";
import { serviceConfig } from "./service-config.ts";

test("the long forms of v2", () => {
  const raw = {
    build: { context: "/w/a", dockerfile: "Dockerfile.dev", target: "run", args: { A: "1", B: null } },
    command: null,
    entrypoint: ["sh", "-c", "echo $$X"],
    environment: { X: "a$$b", N: null },
    healthcheck: { test: ["CMD", "curl", "x"] },
    init: true,
    container_name: "c",
    volumes: [
      { type: "bind", source: "/w/s", target: "/s" },
      { type: "volume", source: "v", target: "/v" },
    ],
  };
  expect(serviceConfig(raw)).toEqual({
    build: { context: "/w/a", dockerfile: "/w/a/Dockerfile.dev", target: "run", args: { A: "1" } },
    init: true,
    entrypoint: ["sh", "-c", "echo $X"],
    bindTargets: ["/s"],
    healthcheck: { test: ["CMD", "curl", "x"] },
    environment: { X: "a$b" },
    containerName: "c",
    raw,
  });
});

test("the short forms of v1", () => {
  const raw = {
    image: "i:1",
    build: "/w/a",
    command: `sh -c "sleep $$X" 'a b' c\\ d`,
    environment: ["X=1=2", "Y"],
    healthcheck: { test: "curl x" },
    volumes: ["/w/s:/s:ro", "v:/v:rw", "/anon", "./r:/r"],
  };
  expect(serviceConfig(raw)).toEqual({
    image: "i:1",
    build: { context: "/w/a", dockerfile: "/w/a/Dockerfile", args: {} },
    init: false,
    command: ["sh", "-c", "sleep $X", "a b", "c d"],
    bindTargets: ["/s", "/r"],
    healthcheck: { test: ["CMD-SHELL", "curl x"] },
    environment: { X: "1=2" },
    raw,
  });
  for (const healthcheck of [{ disable: true }, { test: ["NONE"] }, {}]) expect(serviceConfig({ healthcheck }).healthcheck).toBeUndefined();
});
