import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { systemClock } from "../../kernel/clock.ts";
import { OrcoError } from "../../kernel/errors.ts";
import type { StackService } from "./port.ts";
import { configOf, stackRef, stackWorkspace } from "./project.ts";

const root = realpathSync(mkdtempSync(join(tmpdir(), "orco-stack-project-")));
const place = { env: process.env, clock: systemClock() };
const SOURCE = resolve(import.meta.dirname, "../../..");

afterAll(() => rmSync(root, { recursive: true }));

function service(folder: string, context: string, more: Partial<StackService> = {}): StackService {
  return {
    stack: "s",
    service: "api",
    file: join(folder, "stack.yaml"),
    folder,
    services: ["api", "db"],
    imageName: "s-api:orco",
    build: { context, digest: "d" },
    secrets: [],
    others: [],
    isScheduled: false,
    updateMs: 0,
    config: { init: false, bindTargets: [], environment: {} },
    ...more,
  };
}

async function refusal(found: StackService): Promise<string | undefined> {
  const error = await stackRef(found, place).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof OrcoError ? error.code : undefined;
}

test("the workspace is the repository of the stack file, or its folder where there is none", async () => {
  const folder = join(root, "repo/deploy");
  mkdirSync(join(root, "repo/.git"), { recursive: true });
  mkdirSync(folder);
  mkdirSync(join(root, "plain/api"), { recursive: true });
  symlinkSync(join(root, "plain"), join(root, "link"));
  expect(stackWorkspace({ folder })).toBe(join(root, "repo"));
  expect(stackWorkspace({ folder: join(root, "link") })).toBe(join(root, "plain"));
  const found = service(join(root, "link"), join(root, "link/api"));
  const { project } = await stackRef(found, place);
  expect(project).toMatchObject({ kind: "stack", name: "s", workspace: join(root, "plain"), services: ["api", "db"] });
  expect(configOf(found).build).toEqual({ context: join(root, "plain/api"), dockerfile: join(root, "plain/api/Dockerfile"), args: {} });
});

test("the profile is that of orco.repair.yaml, but for what the stack says of crash loops itself", async () => {
  const folder = join(root, "profile");
  mkdirSync(join(folder, "api"), { recursive: true });
  writeFileSync(join(folder, "orco.repair.yaml"), "version: 1\nservices: { api: { protected: true, repair: propose } }\n");
  const found = service(folder, join(folder, "api"));
  expect((await stackRef(found, place)).profile).toMatchObject({ protected: true, repair: "propose" });
  for (const repair of ["off", "auto"] as const)
    expect((await stackRef({ ...found, repair }, place)).profile).toMatchObject({ protected: true, repair });
});

test("what cannot be repaired: orco's own source, a context elsewhere, what runs by the clock, what is not built", async () => {
  const folder = join(root, "none");
  mkdirSync(join(folder, "api"), { recursive: true });
  expect(await refusal(service(SOURCE, SOURCE))).toBe("self_repair");
  expect(await refusal(service(SOURCE, join(SOURCE, "examples")))).toBeUndefined();
  expect(await refusal(service(folder, root))).toBe("compose_refused");
  expect(await refusal(service(folder, join(folder, "api"), { isScheduled: true }))).toBe("unsupported");
  const { build: _, ...unbuilt } = service(folder, folder);
  expect(await refusal(unbuilt)).toBe("unknown_service");
});
