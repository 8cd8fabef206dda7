import type { Entry } from "../../src/repair/catalogue/entry.ts";

type Confidence = Readonly<Record<string, { readonly value: number; readonly means: string }>>;

const HEAD = `# What repairs know: the catalogue

Generated from the code (\`bun scripts/catalogue-page.ts\`). A repair reads what a build, a container or docker said, and looks here for what it means
and what mends it. \`orco repair analyze --log build.log\` does the same without a daemon, and changes nothing.

| verdict | what it means |
|---|---|
| fix | A patch of the Dockerfile or a dependency file mends it. |
| approve | A patch may mend it, and somebody has to look at it first: it changes what is installed, or from whom. |
| report | No patch of these files mends it; the repair says what does, and ends. |
| retry | The network or a registry was away; the same again may work. |
`;

const ORDER = `## Which of several explanations comes first

1. A fault of the service before one of its surroundings (a variable that is missing, a database that refuses), and both before what only asks for
   another try. A package that was "not found" after the network failed is the network's fault.
2. What was given, then a build that failed, then docker's own words, then the container's: an image that cannot be built is the first thing to mend.
3. The later line: a program dies of what it says last.
4. Of the same line: what is mended, then the surer one, then the lower number.
`;

/** The page of the catalogue, as Markdown. */
export function cataloguePage(catalogue: readonly Entry[], confidence: Confidence): string {
  const numbers = [...new Set(catalogue.map(({ id }) => id))];
  const sections = numbers.map((id) =>
    section(
      id,
      catalogue.filter((entry) => entry.id === id),
    ),
  );
  const sure = Object.values(confidence).map(({ value, means }) => `| ${value} | ${cell(means)} |`);
  const table = `## How sure a finding is\n\n| confidence | when |\n|---|---|\n${sure.join("\n")}\n`;
  return [HEAD, ORDER, table, "## Entries\n", ...sections].join("\n");
}

function section(id: number, entries: readonly Entry[]): string {
  const rows = entries.map(
    ({ slug, title, verdicts, example }) => `| \`${slug}\` | ${cell(title)} | ${cell(verdicts)} | ${code(example)} |`,
  );
  return `### ${id}\n\n| signature | what is wrong | what comes of it | known by, for example |\n|---|---|---|---|\n${rows.join("\n")}\n`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;");
}

/** A line that has a backtick in it stands between two. */
function code(text: string): string {
  const fence = text.includes("`") ? "``" : "`";
  const pad = text.includes("`") ? " " : "";
  return `${fence}${pad}${text.replaceAll("|", "\\|")}${pad}${fence}`;
}
