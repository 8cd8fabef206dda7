import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { RepairMetrics } from "../../src/http/repair-metrics.ts";
import { ERROR_CODES } from "../../src/kernel/errors.ts";
import { repairSettings } from "../../src/kernel/config-repair.ts";
import { settings } from "../../src/kernel/config-setting.ts";
import { COMPOSE_ALLOWANCES } from "../../src/repair/compose/allowance.ts";
import { parseProfile } from "../../src/repair/profile.ts";
import { ProfileFile } from "../../src/repair/profile-shape.ts";
import { REPAIR_STATUSES, STEP_NAMES } from "../../src/repair/record.ts";
import { listContainers, removeContainer } from "../../src/supervise/docker/containers.ts";
import { freePort } from "../free-port.ts";
import { blocksOf, runBlocks } from "./page-script.ts";
import { type RepairRig, repairRig } from "./repair-rig.ts";

/** The pages about repairs say what is so, and do what they show. */
const ROOT = join(import.meta.dirname, "../..");
const CLEAN_UP_MS = 120_000;

function page(name: string): string {
  return readFileSync(join(ROOT, "docs", name), "utf8");
}

/** Rows of tables whose first cell is a code: name → second cell. */
function rows(markdown: string): Map<string, string> {
  const found = [...markdown.matchAll(/^\| `([^`]+)`[^|]*\| ?([^|]*?) ?\|/gm)];
  return new Map(found.map(([, name = "", value = ""]) => [name, value.replaceAll("`", "")]));
}

interface Shape {
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly additionalProperties?: Shape | boolean;
  readonly items?: Shape;
  readonly anyOf?: readonly Shape[];
  readonly default?: unknown;
}

/** `health.timeout` → its default, of every field that may be written. */
function fields(shape: Shape, path = ""): [string, unknown][] {
  const own = Object.entries(shape.properties ?? {}).flatMap(([name, inner]): [string, unknown][] => {
    const at = path === "" ? name : `${path}.${name}`;
    return [[at, inner.default], ...fields(inner, at)];
  });
  const items = shape.items === undefined ? [] : fields(shape.items, `${path}[]`);
  return [...own, ...items, ...(shape.anyOf ?? []).flatMap((one) => fields(one, path))];
}

test("every field of orco.repair.yaml is there with its default", () => {
  const whole = z.toJSONSchema(ProfileFile, { io: "input", unrepresentable: "any" }) as Shape;
  const service = whole.properties?.["services"]?.additionalProperties as Shape;
  const all = [...fields(whole), ...fields(service)];
  expect(all.length).toBeGreaterThan(30);
  const told = rows(page("repair/policy.md"));
  expect(all.map(([name]) => name).filter((name) => !told.has(name))).toEqual([]);
  const wrong = all.filter(([name, preset]) => ["string", "number"].includes(typeof preset) && told.get(name) !== String(preset));
  expect(wrong).toEqual([]);
});

test("the profile that is shown is one; every word that opens a compose file is told", () => {
  const text = page("repair/policy.md");
  const [shown] = blocksOf(text).filter(({ language }) => language === "yaml");
  expect([...parseProfile(shown?.text ?? "", "orco.repair.yaml").services.keys()]).toEqual(["api", "billing"]);
  expect(COMPOSE_ALLOWANCES.filter((word) => !text.includes(`\`${word}\``))).toEqual([]);
});

test("every setting of repairs is there with its default", () => {
  const told = rows(page("repair.md"));
  const all = Object.values(repairSettings).map((schema) => {
    const { data } = schema.safeParse(undefined) as { data?: unknown };
    return {
      name: settings.get(schema)?.env[0] ?? "",
      preset: typeof data === "number" || typeof data === "string" ? String(data) : undefined,
    };
  });
  expect(all.length).toBeGreaterThan(12);
  expect(all.filter(({ name, preset }) => !told.has(name) || (preset !== undefined && told.get(name) !== preset))).toEqual([]);
});

test("statuses, steps, metrics and codes are those of the code", () => {
  const told = rows(page("repair.md"));
  expect(REPAIR_STATUSES.filter((status) => !told.has(status))).toEqual([]);
  const metrics = page("repair/metrics.md");
  const families = new RepairMetrics(() => 0).families().map(({ name }) => name);
  expect([...families, ...STEP_NAMES, ...REPAIR_STATUSES].filter((name) => !metrics.includes(`\`${name}\``))).toEqual([]);
  const trouble = page("repair.md").split("## When something goes wrong")[1] ?? "";
  const codes = [...trouble.matchAll(/^\| ((?:`\w+`(?:, )?)+) \|/gm)].flatMap(([, names = ""]) => names.replaceAll("`", "").split(", "));
  expect(codes.length).toBeGreaterThan(20);
  expect(codes.filter((code) => !(ERROR_CODES as readonly string[]).includes(code))).toEqual([]);
});

const port = freePort();
const rig = await repairRig({ ORCHD_BIND_ADDR: `127.0.0.1:${port}` });

/** Of compose projects in the rig's folder. */
async function containersBelow({ engine, dir }: RepairRig): Promise<string[]> {
  const all = await listContainers(engine, {});
  return all.filter(({ Labels }) => Labels["com.docker.compose.project.working_dir"]?.startsWith(dir)).map(({ Id }) => Id);
}

describe.skipIf(!rig)("docs/repair.md", () => {
  test(
    "does what it shows",
    async () => {
      await using own = rig as NonNullable<typeof rig>;
      await using _ = {
        [Symbol.asyncDispose]: async () =>
          void (await Promise.all((await containersBelow(own)).map((id) => removeContainer(own.engine, id)))),
      };
      const commands = blocksOf(page("repair.md")).filter(({ language }) => language === "sh");
      const { PATH = "" } = process.env;
      const env = {
        PATH: `${join(ROOT, "bin")}:${PATH}`,
        HOME: own.dir,
        TMPDIR: own.dir,
        ORCO: `http://127.0.0.1:${port}`,
        ORCO_HOME: own.home,
        BASE: "busybox:local",
      };
      await own.begin();
      const { code, printed, err } = await runBlocks(commands, { script: join(own.dir, "page.sh"), cwd: ROOT, env });
      const last = commands[printed.length - 1];
      if (code !== 0) throw new Error(`line ${last?.line}: sh exits ${code}\n${last?.text}\n${printed.at(-1)}\n${err}`);
      expect(printed).toHaveLength(commands.length);
      expect(printed[1]).toMatch(/\/api is healthy/);
      expect(printed[2]).toMatch(/\/worker is healthy/);
      expect(printed[3]).toContain("sed -i");
      expect(await containersBelow(own)).toEqual([]);
      await own.clean();
    },
    CLEAN_UP_MS,
  );
});
