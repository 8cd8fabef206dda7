import { expect, test } from "bun:test";
import { OrcoError } from "../../kernel/errors.ts";
import type { Engine } from "../../supervise/docker/engine.ts";
import type { ServiceRef } from "../project.ts";
import { findService } from "./find.ts";
import type { StackService } from "./port.ts";

const engine = { host: "unix:///x", ping: () => Promise.resolve() } as unknown as Engine;

function service(stack: string, name: string, isBuilt = true): StackService {
  return { stack, service: name, ...(isBuilt && { build: { context: "/x", digest: "d" } }) } as StackService;
}

/** Code and what it names, or what was found. */
async function found(target: string, services: readonly StackService[], compose: OrcoError | string): Promise<unknown> {
  const ref = { project: { name: compose }, service: target.split("/").at(-1) } as unknown as ServiceRef;
  const search = (): Promise<ServiceRef> => (compose instanceof OrcoError ? Promise.reject(compose) : Promise.resolve(ref));
  try {
    const one = await findService(target, { stacks: { services: () => services }, engine, compose: search });
    return one.kind === "stack" ? `stack ${one.stack}/${one.service}` : `compose ${one.ref.project.name}/${one.ref.service}`;
  } catch (error) {
    if (!(error instanceof OrcoError)) throw error;
    return [error.code, error.facts["candidates"] ?? error.facts["services"]];
  }
}

const UNKNOWN = new OrcoError("unknown_service", "there is no service", { services: ["shop/web"] });
const NO_COMPOSE = new OrcoError("docker_unavailable", "compose is not here");

test("a service that only one stack has, whatever is the matter with compose", async () => {
  const all = [service("s", "api"), service("s", "db", false)];
  for (const target of ["api", "s/api"])
    for (const compose of [UNKNOWN, NO_COMPOSE, new OrcoError("compose_invalid", "broken")])
      expect(await found(target, all, compose)).toBe("stack s/api");
});

test("one that no stack has is looked for among compose projects, and their answer counts", async () => {
  expect(await found("web", [service("s", "api")], "shop")).toBe("compose shop/web");
  expect(await found("web", [], UNKNOWN)).toEqual(["unknown_service", ["shop/web"]]);
  expect(await found("web", [service("s", "api")], UNKNOWN)).toEqual(["unknown_service", ["s/api", "shop/web"]]);
  expect(await found("web", [service("s", "api")], NO_COMPOSE)).toEqual(["docker_unavailable", undefined]);
});

test("a name that several have names all of them", async () => {
  expect(await found("api", [service("s", "api")], "shop")).toEqual(["ambiguous_service", ["s/api", "shop/api"]]);
  expect(await found("api", [service("s", "api"), service("t", "api")], UNKNOWN)).toEqual(["ambiguous_service", ["s/api", "t/api"]]);
  const two = new OrcoError("ambiguous_service", "two", { candidates: ["a/api", "b/api"] });
  expect(await found("api", [service("s", "api")], two)).toEqual(["ambiguous_service", ["a/api", "b/api", "s/api"]]);
  expect(await found("s/api", [service("s", "api")], "s")).toEqual(["ambiguous_service", ["s/api", "s/api"]]);
});

test("one that is not built cannot be repaired, and competes with nobody", async () => {
  expect(await found("db", [service("s", "db", false)], UNKNOWN)).toEqual(["unknown_service", ["shop/web"]]);
  expect(await found("db", [service("s", "db", false)], "shop")).toBe("compose shop/db");
});
