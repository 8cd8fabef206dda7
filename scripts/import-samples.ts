/**
 * Measures `orco import compose` on compose files of others: `scripts/import-samples.ts FOLDER [results.json]`. Prints a table; the
 * file keeps names and counts only. Every file named like a compose file is taken by itself, override files together with theirs.
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { Glob } from "bun";
import { importCompose } from "../src/stack/import/import.ts";
import { parseDotenv } from "../src/stack/load/dotenv.ts";
import { loadStack } from "../src/stack/load/load.ts";

const COLUMNS = ["file", "services", "carried", "changed", "dropped", "loads"];
const [folder = ".", results] = process.argv.slice(2);

interface Sample {
  readonly file: string;
  readonly services: number;
  readonly carried: number;
  readonly changed: number;
  readonly dropped: number;
  readonly loads: "yes" | "no" | "invalid source";
  readonly why?: string;
}

function sample(path: string): Sample {
  const override = path.replace(/\.(ya?ml)$/, ".override.$1");
  const found = importCompose({
    files: existsSync(override) ? [path, override] : [path],
    readFile: (name) => readFileSync(name, "utf8"),
    exists: existsSync,
  });
  const count = (action: string): number => found.report.filter((line) => line.action === action).length;
  const counts = {
    file: relative(folder, path),
    services: 0,
    carried: count("carried"),
    changed: count("changed"),
    dropped: count("dropped"),
  };
  if (found.yaml === undefined) return { ...counts, loads: "invalid source", why: found.diagnostics.map(brief).join(" | ") };
  const given = dotenv(path);
  const standIns = Object.fromEntries(
    found.variables.filter((name) => !(name in given)).map((name, index) => [name, standIn(name, index, found.yaml ?? "")]),
  );
  const loaded = loadStack(
    {
      source: found.yaml,
      file: join(dirname(path), "stack.yaml"),
      workdir: dirname(path),
      env: { HOME: "/root", ...standIns, ...given },
      readFile: (name) => readFileSync(name, "utf8"),
    },
    { checkFiles: false },
  );
  const services = Object.keys(found.stack?.["services"] ?? {}).length;
  const errors = loaded.diagnostics.filter(({ severity }) => severity !== "warning");
  return {
    ...counts,
    services,
    loads: errors.length === 0 ? "yes" : "no",
    ...(errors.length > 0 && { why: errors.map(brief).join(" | ") }),
  };
}

function dotenv(path: string): Record<string, string> {
  const beside = [".env", ".env.example", ".env.sample", "env.example", "example.env"].map((name) => join(dirname(path), name));
  const file = beside.find((one) => existsSync(one));
  return file === undefined ? {} : parseDotenv(readFileSync(file, "utf8")).values;
}

/** A number fits ports and most texts; each its own, so that no two ports meet. */
function standIn(name: string, index: number, yaml: string): string {
  if (name.endsWith("_RANGE")) return "7000-7005";
  return yaml.includes(`\${${name}}/`) || /DIR|FOLDER|PATH|ROOT|LOCATION|STORAGE/.test(name) ? `/srv/${index}` : String(20_001 + index);
}

function brief(found: { line: number; path: string; message: string }): string {
  return `${found.line} ${found.path}: ${found.message}`;
}

const NAME = /(?:^|\/)(?:docker-)?compose(?:[-_.][^/]*)?\.ya?ml$/;
const all = [...new Glob("**/*.{yml,yaml}").scanSync({ cwd: folder, dot: true })];
const paths = all.filter((path) => NAME.test(path) && !/override\.ya?ml$/.test(path)).toSorted();
const samples = paths.map((path) => sample(resolve(folder, path)));
console.log(COLUMNS.join("\t"));
for (const { file, services, carried, changed, dropped, loads, why } of samples)
  console.log([file, services, carried, changed, dropped, why === undefined ? loads : `${loads}: ${why}`].join("\t"));
const valid = samples.filter(({ loads }) => loads !== "invalid source");
const summary = {
  files: samples.length,
  invalid: samples.length - valid.length,
  load: valid.filter(({ loads }) => loads === "yes").length,
};
console.log(`${summary.files} files: ${summary.load} of ${valid.length} load, ${summary.invalid} are no valid compose files by themselves`);
if (results !== undefined) {
  const rows = samples.map((one) => `  ${JSON.stringify([one.file, one.services, one.carried, one.changed, one.dropped, one.loads])}`);
  const head = JSON.stringify({ name: "import-compose", date: new Date().toISOString(), ...summary, columns: COLUMNS }, null, 1).slice(
    0,
    -2,
  );
  await Bun.write(results, `${head},\n "rows": [\n${rows.join(",\n")}\n ]\n}\n`);
}
