import { createReadStream } from "node:fs";
import { dirname, resolve } from "node:path";
import { errnoOf, fileTrouble } from "../kernel/errors.ts";
import { analyzeOffline, type OfflineAnalysis } from "../repair/offline.ts";
import type { Finding } from "../repair/finding.ts";
import { oneLine } from "../terminal/sanitize.ts";
import { type Context, textOption } from "./context.ts";
import { diffText } from "./diff-text.ts";
import { EXIT, usageError } from "./exit.ts";

/** How many other explanations are named. */
const MOST_OTHERS = 5;

/** `orco repair analyze --log <file|->`: what the catalogue makes of a log, without a daemon. Exits 1 where it knows nothing of it. */
export async function analyzeCommand(context: Context): Promise<number> {
  const { io, global, options } = context;
  const log = textOption(options, "log");
  if (log === undefined) throw usageError("repair analyze needs a log: orco repair analyze --log build.log (- is standard input)");
  const [dockerfile, dir] = ["dockerfile", "dir"].map((name) => textOption(options, name)).map((path) => path && resolve(io.cwd, path));
  const folder = dir ?? (dockerfile === undefined ? io.cwd : dirname(dockerfile));
  const found = await analyzeOffline({ log: chunksOf(context, log), folder, ...(dockerfile !== undefined && { dockerfile }) });
  if (global.json) io.out(`${JSON.stringify(found)}\n`);
  else if (found.findings.length > 0) io.out(`${textOf(found, io.color)}\n`);
  else context.note(`the catalogue knows nothing of what ${log === "-" ? "it" : log} says${failedAt(found)}`);
  return found.findings.length > 0 ? EXIT.ok : EXIT.failed;
}

async function* chunksOf({ io }: Context, file: string): AsyncGenerator<Uint8Array> {
  try {
    if (file === "-") yield* process.stdin as AsyncIterable<Buffer>;
    else yield* createReadStream(resolve(io.cwd, file)) as AsyncIterable<Buffer>;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    throw usageError(`--log ${file}: ${fileTrouble(error)}`);
  }
}

function textOf({ findings, diff, tool, failing }: OfflineAnalysis, color: boolean): string {
  const [best, ...others] = findings;
  if (!best) return "";
  return [
    oneLine(best.cause),
    `  ${bestLine(best)}`,
    ...(failing
      ? [`  failed at: ${oneLine(failing.instruction)}${failing.stage === undefined ? "" : ` (stage ${oneLine(failing.stage)})`}`]
      : []),
    ...best.evidence.map((line) => `    ${oneLine(line)}`),
    `  remedy: ${oneLine(best.remedy)}`,
    ...(diff === "" ? [] : ["", diffText(diff, { color })]),
    ...(tool ? ["", `then, in ${oneLine(tool.image)}: ${oneLine(tool.argv.join(" "))}`] : []),
    ...(others.length === 0 ? [] : ["", "it may also be:"]),
    ...others.slice(0, MOST_OTHERS).map((one) => `  ${oneLine(one.cause)} (${one.verdict}, ${percent(one)})`),
  ].join("\n");
}

function bestLine(finding: Finding): string {
  const entry = finding.entry === undefined ? "" : `entry ${finding.entry}, `;
  return `${entry}${oneLine(finding.signature)}, ${finding.verdict}, confidence ${percent(finding)}`;
}

function percent({ confidence }: Finding): string {
  return `${Math.round(confidence * 100)} %`;
}

function failedAt({ failing }: OfflineAnalysis): string {
  return failing ? `; the build failed at ${oneLine(failing.instruction)}` : "";
}
