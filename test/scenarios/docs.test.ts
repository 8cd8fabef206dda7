import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Glob } from "bun";
import Ajv2020 from "ajv/dist/2020.js";
import type { Document } from "../../scripts/api-reference/document.ts";
import { apiReference } from "../../scripts/api-reference/page.ts";
import { REFERENCES } from "../../scripts/api-reference/references.ts";
import { COMMANDS } from "../../src/cli/commands.ts";
import { InferenceMetrics } from "../../src/http/inference-metrics.ts";
import { statusOf } from "../../src/http/problem.ts";
import { INFERENCE_CODES } from "../../src/kernel/errors.ts";
import { inferenceSettings } from "../../src/kernel/config-inference.ts";
import { settings } from "../../src/kernel/config-setting.ts";
import { parseStepLine } from "../../src/runs/protocol.ts";
import { freePort } from "../free-port.ts";
import { type Block, blocksOf, type Ran, runBlocks, shapeOf } from "./page-script.ts";
import { RunsRig } from "./runs-rig.ts";

/** Every page that shows commands or requests does what it shows. */
const ROOT = join(import.meta.dirname, "../..");

function page(name: string): string {
  return readFileSync(join(ROOT, name), "utf8");
}

async function documentOf({ url }: RunsRig): Promise<Document> {
  return (await (await fetch(`${url}/openapi.json`)).json()) as Document;
}

/** The examples ask with curl. In CI it is there, or this fails. */
const HAS_CURL = Bun.which("curl") !== null || process.env["CI"] === "true";

function withDaemon(title: string, body: (rig: RunsRig) => Promise<void>): void {
  test.skipIf(!HAS_CURL)(title, async () => {
    const rig = new RunsRig();
    try {
      await rig.up();
      await body(rig);
    } finally {
      await rig.close();
    }
  });
}

/** As one who has followed the first lines of the guide: `orco` on PATH, a daemon of his home; engines on ports that are free here. */
async function runPage(rig: RunsRig, blocks: readonly Block[], cwd = rig.dir): Promise<Ran> {
  const { PATH = "" } = process.env;
  const bin = join(ROOT, "bin");
  const [engine, a, b] = [freePort(), freePort(), freePort()].map(String);
  const ports = { ENGINE_PORT: engine ?? "", ENGINE_A_PORT: a ?? "", ENGINE_B_PORT: b ?? "" };
  const own = { HOME: rig.dir, TMPDIR: rig.dir, ORCO: rig.url, ORCO_HOME: rig.home, ORCO_BIN: join(bin, "orco") };
  const env = { PATH: `${bin}:${PATH}`, ...own, ...ports };
  return runBlocks(blocks, { script: join(rig.dir, "page.sh"), cwd, env });
}

/** Each block of a language `sh`, with the block that shows what it prints, where one follows. */
function examplesOf(markdown: string): { command: Block; shown?: Block }[] {
  const blocks = blocksOf(markdown);
  return blocks.flatMap((command, index) => {
    if (command.language !== "sh" || command.skip !== undefined) return [];
    const next = blocks[index + 1];
    return [{ command, ...(next && ["json", "text"].includes(next.language) && { shown: next }) }];
  });
}

function expectAllRan({ code, printed, err }: Ran, commands: readonly Block[]): void {
  const last = commands[printed.length - 1];
  if (code !== 0)
    throw new Error(`line ${last?.line}, below “${last?.heading}”: sh exits ${code}\n${last?.text}\n${printed.at(-1)}\n${err}`);
  expect(printed.length).toBe(commands.length);
}

/** What differs each time: ids, times, hashes, tickets, durations; and how far a run was when a stream began. */
function plain(text: string): string {
  return text
    .trim()
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "<id>")
    .replaceAll(/\d+/g, "0")
    .replaceAll(/"status":"\w+","last_seq"/g, '"status":"<status>","last_seq"');
}

function expectAsShown({ text, language, line }: Block, printed: string): void {
  if (language === "text") expect(`${line}: ${plain(printed)}`).toBe(`${line}: ${plain(text)}`);
  else expect([line, shapeOf(JSON.parse(printed))]).toEqual([line, shapeOf(JSON.parse(text))]);
}

/** What is shown below commands that are not executed. */
function answersNobodyAsksFor(markdown: string): Block[] {
  const blocks = blocksOf(markdown);
  return blocks.filter(({ language }, index) => language === "json" && blocks[index - 1]?.skip !== undefined);
}

/** `POST /runs` → what the document says its answers are; those in JSON. */
function answerSchemas(document: Document, heading: string): object[] {
  const [method = "", path = ""] = heading.split(" ");
  const { responses = {} } = document.paths[path]?.[method.toLowerCase()] ?? {};
  const described = Object.values(responses).flatMap(({ content }) => content?.["application/json"]?.schema ?? []);
  return described.map((schema) => ({ ...schema, components: document.components }));
}

describe.each(REFERENCES)("the API reference $page", (reference) => {
  withDaemon("is what a daemon serves today: node scripts/bun.mjs scripts/api-reference.ts writes it", async (rig) => {
    const document = await documentOf(rig);
    expect(page(reference.page)).toBe(apiReference(document, page(reference.notes), reference));
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    for (const { heading, text, line } of answersNobodyAsksFor(page(reference.page))) {
      const isDocumented = answerSchemas(document, heading).some((schema) => ajv.validate(schema, JSON.parse(text)));
      expect(`${heading}, line ${line}: ${isDocumented}`).toBe(`${heading}, line ${line}: true`);
    }
  });

  withDaemon("is one shell script, and each answer has the shape that is shown and documented", async (rig) => {
    const document = await documentOf(rig);
    const examples = examplesOf(page(reference.page));
    const commands = examples.map(({ command }) => command);
    const ran = await runPage(rig, commands);
    expectAllRan(ran, commands);
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    for (const [index, { shown }] of examples.entries()) {
      if (!shown) continue;
      expectAsShown(shown, ran.printed[index] ?? "");
      if (shown.language !== "json" || !/^[A-Z]+ \//.test(shown.heading)) continue;
      const schemas = answerSchemas(document, shown.heading);
      for (const text of [shown.text, ran.printed[index] ?? ""])
        expect(`${shown.heading}: ${schemas.length === 0 || schemas.some((schema) => ajv.validate(schema, JSON.parse(text)))}`).toBe(
          `${shown.heading}: true`,
        );
    }
  });
});

/** With the heading, where the other commands of a page are not for a shell that others share: `npm ci` would take this one's ground away. */
const PAGES: readonly { readonly name: string; readonly heading?: string }[] = [
  { name: "README.md", heading: "Runs" },
  { name: "README.md", heading: "Inference" },
  { name: "docs/runs.md" },
  { name: "docs/inference.md" },
  { name: "docs/guides/orchestrator-local-dev.md" },
  { name: "docs/references/frontend-orchestrator.md" },
];

describe("pages whose commands are executed in the repository", () => {
  for (const { name, heading } of PAGES) {
    const shell = blocksOf(page(name)).filter(({ language }) => language === "sh");
    const blocks = shell.filter((block) => heading === undefined || block.heading === heading);
    for (const { line, skip } of blocks) if (skip !== undefined) test.skip(`${name} line ${line}: ${skip}`, () => undefined);
    const commands = blocks.filter(({ skip }) => skip === undefined);
    if (commands.length > 0) withDaemon(name, async (rig) => expectAllRan(await runPage(rig, commands, ROOT), commands));
  }
});

describe("what pages show to be written into files", () => {
  const shown = (name: string, language: string, file: string, rig: RunsRig): string => {
    const block = blocksOf(page(name)).find((one) => one.language === language);
    const path = join(rig.dir, file);
    writeFileSync(path, block?.text ?? "");
    return path;
  };

  withDaemon("the plan of docs/runs.md is one, and the stack of README is one", async (rig) => {
    const plan = await rig.orco(["run", "submit", shown("docs/runs.md", "yaml", "plan.yaml", rig), "--dry-run"]);
    expect(plan).toMatchObject({ code: 0, err: "" });
    expect(plan.out).toContain("publish, each");
    expect(await rig.orco(["-f", shown("README.md", "yaml", "stack.yaml", rig), "lint"])).toMatchObject({ code: 0 });
  });

  test("each message that a step may say is understood as one", () => {
    const [messages] = blocksOf(page("docs/runs.md")).filter(({ language }) => language === "json");
    const lines = messages?.text.split("\n") ?? [];
    expect(lines.map((line) => parseStepLine(line).kind)).toEqual(lines.map((line) => JSON.parse(line).type));
  });
});

test("the script on the page about browsers is the one that a browser is tested with", () => {
  const [script] = blocksOf(page("docs/references/frontend-orchestrator.md")).filter(({ language }) => language === "js");
  expect(`${script?.text}\n`).toBe(page("examples/runs/watch.js"));
});

const SPOKEN_OF = new Set(
  "run runs repair repairs audit schedule worker approve models pools nodes node tasks chat mock-engine".split(" "),
);

test("docs/cli.md names every command and action, and every option of those about runs and inference", () => {
  const told = page("docs/cli.md");
  const commands = COMMANDS.filter(({ hidden }) => hidden !== true).map(({ name }) => name);
  expect(commands.filter((name) => !new RegExp(`\`${name}\\b`).test(told))).toEqual([]);
  const actions = COMMANDS.flatMap(({ name, actions: all = [] }) => all.map((action) => `${name} ${action.name}`));
  expect(actions.length).toBeGreaterThan(15);
  expect(actions.filter((action) => !new RegExp(`\`${action}\\b`).test(told))).toEqual([]);
  const spokenOf = COMMANDS.filter(({ name }) => SPOKEN_OF.has(name));
  const options = spokenOf
    .flatMap((spec) => [spec, ...(spec.actions ?? [])])
    .flatMap(({ options: all = [] }) => all.map(([flags]) => /--[a-z-]+/.exec(flags)?.[0] ?? flags));
  expect(options.length).toBeGreaterThan(20);
  expect(options.filter((option) => !told.includes(option))).toEqual([]);
});

describe("docs/inference.md", () => {
  const told = page("docs/inference.md");

  test("has every setting with its default", () => {
    const rows = Object.values(inferenceSettings).map((schema) => {
      const { data } = schema.safeParse(undefined);
      const [name = ""] = settings.get(schema)?.env ?? [];
      return { name, preset: typeof data === "number" || typeof data === "string" ? `\`?${RegExp.escape(String(data))}\`? \\|` : "" };
    });
    expect(rows.length).toBeGreaterThan(10);
    const missing = rows.filter(({ name, preset }) => !new RegExp(`^\\| \`${name}\` \\| ${preset}`, "m").test(told));
    expect(missing).toEqual([]);
  });

  test("has every metric, and every error with its status", () => {
    const names = new InferenceMetrics(() => []).families().map(({ name }) => name);
    expect(names.filter((name) => !told.includes(`\`${name}\``))).toEqual([]);
    const wrong = INFERENCE_CODES.filter((code) => !told.includes(`| \`${code}\` | ${code === "CANCELED" ? "" : `${statusOf(code)} `}|`));
    expect(wrong).toEqual([]);
  });
});

/** As GitHub names them. */
function anchorsOf(markdown: string): Set<string> {
  const headings = markdown.split("\n").filter((line) => /^#+ /.test(line));
  return new Set(
    headings.map((line) =>
      line
        .replace(/^#+ /, "")
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

test("every link between pages leads somewhere", () => {
  const pages = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", ...new Glob("{docs,examples}/**/*.md").scanSync(ROOT)];
  const dead = pages.flatMap((name) => {
    const links = [...page(name).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link).filter((link) => !/^[a-z]+:/.test(link));
    return links.filter((link) => {
      const [path = "", anchor] = link.split("#");
      const target = path === "" ? name : join(dirname(name), path);
      if (!existsSync(join(ROOT, target))) return true;
      return anchor !== undefined && !anchorsOf(page(target)).has(anchor);
    });
  });
  expect(pages.length).toBeGreaterThan(15);
  expect(dead).toEqual([]);
});
