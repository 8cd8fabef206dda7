import { describe, expect } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import Ajv2020 from "ajv/dist/2020.js";
import type { Document } from "../../scripts/api-reference/document.ts";
import { apiReference } from "../../scripts/api-reference/page.ts";
import { type Block, blocksOf, type Ran, runBlocks, shapeOf } from "./page-script.ts";
import { type Rig, scenario } from "./rig.ts";

/** Every page that shows commands or requests does what it shows. */
const ROOT = join(import.meta.dirname, "../..");
const REFERENCE = "docs/references/orchestrator-api.md";

function page(name: string): string {
  return readFileSync(join(ROOT, name), "utf8");
}

async function documentOf(url: string): Promise<Document> {
  return (await (await fetch(`${url}/openapi.json`)).json()) as Document;
}

/** The daemon's TCP address, from the line it prints. */
async function served(rig: Rig): Promise<string> {
  const started = await rig.serve();
  const [url] = /http:\S+/.exec(started.out()) ?? [];
  if (url === undefined) throw new Error(`no address in ${started.out()}`);
  return url;
}

function envOf(rig: Rig, url: string): Record<string, string> {
  const { PATH = "" } = process.env;
  return { PATH: `${join(ROOT, "bin")}:${PATH}`, HOME: rig.dir, ORCO: url, ORCO_HOME: rig.home };
}

/** Each block of a language `sh`, with the block that shows what it prints, where one follows. */
function examplesOf(markdown: string): { command: Block; shown?: Block }[] {
  const blocks = blocksOf(markdown);
  return blocks.flatMap((command, index) => {
    if (command.language !== "sh") return [];
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

/** What differs each time: ids, times, hashes, tickets, durations. */
function plain(text: string): string {
  return text
    .trim()
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "<id>")
    .replaceAll(/\d+/g, "0");
}

function expectAsShown({ text, language, line }: Block, printed: string): void {
  if (language === "text") expect(`${line}: ${plain(printed)}`).toBe(`${line}: ${plain(text)}`);
  else expect([line, shapeOf(JSON.parse(printed))]).toEqual([line, shapeOf(JSON.parse(text))]);
}

/** `POST /runs` → what the document says its answers are; those in JSON. */
function answerSchemas(document: Document, heading: string): object[] {
  const [method = "", path = ""] = heading.split(" ");
  const { responses = {} } = document.paths[path]?.[method.toLowerCase()] ?? {};
  const described = Object.values(responses).flatMap(({ content }) => content?.["application/json"]?.schema ?? []);
  return described.map((schema) => ({ ...schema, components: document.components }));
}

describe("the API reference", () => {
  scenario("is what a daemon serves today: node scripts/bun.mjs scripts/api-reference.ts writes it", async (rig) => {
    const document = await documentOf(await served(rig));
    expect(page(REFERENCE)).toBe(apiReference(document, page("scripts/api-reference/notes.md")));
  });

  scenario("is one shell script, and each answer has the shape that is shown and documented", async (rig) => {
    const url = await served(rig);
    const document = await documentOf(url);
    const examples = examplesOf(page(REFERENCE));
    const commands = examples.map(({ command }) => command);
    const ran = await runBlocks(commands, { cwd: rig.dir, env: envOf(rig, url) });
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
