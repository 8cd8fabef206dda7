import { expect, test } from "bun:test";
import { trialConfig } from "./trial.ts";

const place = { service: "api", workspace: "/w", root: "/copy", image: "orco-trial/api:r", real: (path: string) => path };

test("a trial builds what the service builds, in the copy, under one name of its own", () => {
  const build = {
    context: "/w/a$$b",
    dockerfile: "/w/Dockerfile.api",
    args: { A: "1", TOKEN: "x" },
    tags: ["shop/api:1"],
    cache_to: ["type=local,dest=/x"],
    additional_contexts: { base: "/w/base", image: "docker-image://alpine" },
    secrets: [{ source: "pip" }],
  };
  const config = {
    services: { api: { image: "shop/api:1", build, privileged: true }, db: { image: "x" } },
    secrets: { pip: { file: "/w/pip.txt" }, other: { file: "/w/o" } },
  };
  expect(trialConfig(config, place)).toEqual({
    services: {
      api: {
        image: "orco-trial/api:r",
        build: {
          context: "/copy/a$$b",
          dockerfile: "/copy/Dockerfile.api",
          args: { A: "1", TOKEN: "x" },
          additional_contexts: { base: "/copy/base", image: "docker-image://alpine" },
          secrets: [{ source: "pip" }],
        },
      },
    },
    secrets: { pip: { file: "/w/pip.txt" } },
  });
});

test("what is not built is not tried; what lies elsewhere stays there", () => {
  expect(trialConfig({ services: { api: { image: "x" } } }, place)).toBeUndefined();
  const remote = { services: { api: { build: { context: "https://host/repo.git" } } }, version: "3.9" };
  expect(trialConfig(remote, place)).toMatchObject({ version: "3.9", services: { api: { build: { context: "https://host/repo.git" } } } });
});
