/** JSON Schema of stack.yaml → the page of its fields. */

export interface Schema {
  readonly type?: string | readonly string[];
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly required?: readonly string[];
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
}

const HEAD = `# stack.yaml: every field

Generated from the schema that reads the file (\`bun scripts/stack-reference.ts\`); [docs/stack.md](../stack.md) explains how it all works.
Editors check a file that begins with \`# yaml-language-server: $schema=\` and the path of [stack.schema.json](../../schemas/stack.schema.json), or
\`http://127.0.0.1:7070/schemas/stack.json\` of a running daemon. A text may hold variables (\`\${VAR:-default}\`) wherever a value is expected.

Durations are \`500ms\`, \`10s\`, \`1m30s\`, \`2h\`, \`1d\`; sizes are binary: \`512Mi\`, \`512M\`, \`64m\`, \`1.5G\`. Fields in **bold** are required.
`;

export function stackReference(schema: Schema): string {
  const service = schema.$defs?.["service"] ?? {};
  const services = { ...schema, properties: { ...schema.properties, services: { ...schema.properties?.["services"], anyOf: [service] } } };
  const sections = collect("The file", "", services);
  return `${HEAD}\n${sections.join("\n")}`;
}

/** The table of one mapping, then those of the mappings below it. Defaults are told where services have them. */
function collect(title: string, path: string, schema: Schema): string[] {
  const properties = schema.properties ?? {};
  const rows = Object.entries(properties).map(([name, field]) => row(name, field, schema.required?.includes(name) === true));
  const table = `## ${title}\n\n| field | kind | default | example | |\n|---|---|---|---|---|\n${rows.join("\n")}\n`;
  const below = path === "defaults" ? [] : Object.entries(properties).flatMap(([name, field]) => mappingsOf(name, path, field));
  return [table, ...below];
}

function mappingsOf(name: string, path: string, field: Schema): string[] {
  const full =
    path === "" ? (name === "services" ? "services.<name>" : name) : `${path.replace("services.<name>", "")}.${name}`.replace(/^\./, "");
  return mappings(field, full).flatMap(([place, mapping]) => collect(`\`${place}\``, place, mapping));
}

function mappings(field: Schema, path: string): [path: string, mapping: Schema][] {
  if (field.properties) return [[path, field]];
  const forms = (field.anyOf ?? []).flatMap((form) => mappings(form, path));
  const items = field.items ? mappings(field.items, `${path}[]`) : [];
  const values = typeof field.additionalProperties === "object" ? mappings(field.additionalProperties, `${path}.<name>`) : [];
  return [...forms, ...items, ...values];
}

function row(name: string, field: Schema, required: boolean): string {
  const cells = [
    required ? `**\`${name}\`**` : `\`${name}\``,
    kindOf(field),
    coded(field.default),
    coded(field.examples?.[0]),
    field.description ?? "",
  ];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

/** As YAML has it in one line. */
function coded(value: unknown): string {
  return value === undefined ? "–" : `\`${written(value)}\``;
}

function written(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(written).join(", ")}]`;
  if (typeof value === "object" && value !== null)
    return `{ ${Object.entries(value)
      .map(([key, part]) => `${key}: ${written(part)}`)
      .join(", ")} }`;
  const text = String(value);
  return typeof value === "string" && /[{}[\],&*#?|<>=!%@"\\]|: |\d:\d|^[-\d.]+$|^$/.test(text) ? `'${text}'` : text;
}

function kindOf(field: Schema): string {
  if (field.title !== undefined) return field.title;
  if (field.enum) return field.enum.map((value) => `\`${value}\``).join(", ");
  if (field.$ref !== undefined) return "mapping";
  if (field.anyOf) return [...new Set(field.anyOf.filter((form) => !isVariable(form)).map(kindOf))].join(" or ");
  if (field.properties) return "mapping";
  if (field.items) return `list of ${kindOf(field.items)}`;
  if (typeof field.additionalProperties === "object") return `mapping of names to ${kindOf(field.additionalProperties)}`;
  if (field.type === "boolean") return "`true`, `false`";
  if (field.type === "integer" || field.type === "number") return range(field);
  return "text";
}

function range({ minimum, maximum, type }: Schema): string {
  const kind = type === "integer" ? "whole number" : "number";
  return `${kind}${minimum === undefined ? "" : ` from ${minimum}`}${maximum === undefined ? "" : ` to ${maximum.toLocaleString("en")}`}`;
}

/** The form every value may take before interpolation. */
function isVariable({ pattern, type }: Schema): boolean {
  return type === "string" && pattern === "\\$";
}
