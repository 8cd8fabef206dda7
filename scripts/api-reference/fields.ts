import type { Document, Found, Schema } from "./document.ts";

const MAX_DEPTH = 3;

/** Tables of what an operation takes: its parameters, and the fields of its body. Empty when it takes nothing. */
export function requestTables(document: Document, { parameters = [], requestBody }: Found): string[] {
  const given = parameters.map(({ name, in: where, required, description, schema }) =>
    row([
      `\`${name}\``,
      where,
      required ? "yes" : "",
      typeOf(schema),
      about({ ...schema, ...(description !== undefined && { description }) }),
    ]),
  );
  const tables = given.length > 0 ? [table(["parameter", "in", "required", "type", ""], given)] : [];
  const body = requestBody?.content["application/json"]?.schema;
  if (!body) return tables;
  const fields = fieldsOf(document, body, { prefix: "", depth: 0 });
  return [...tables, `Body${requestBody?.required ? "" : ", which may be left out"}:`, table(["field", "required", "type", ""], fields)];
}

/** Which answers there are, problems aside. */
export function answerTable({ responses }: Found): string {
  const rows = Object.entries(responses)
    .filter(([status]) => status !== "default")
    .map(([status, { description, content = {} }]) => row([status, Object.entries(content).map(named).join(" or "), description]));
  return table(["answer", "", ""], rows);
}

function named([type, { schema }]: [string, { schema: Schema }]): string {
  const name = schema.$ref?.split("/").at(-1);
  return type === "application/json" ? `\`${name ?? "JSON"}\`` : `${type}${name === undefined ? "" : ` of \`${name}\``}`;
}

function fieldsOf(document: Document, given: Schema, { prefix, depth }: { prefix: string; depth: number }): string[] {
  const { properties = {}, required = [] } = resolved(document, given);
  return Object.entries(properties).flatMap(([name, field]) => {
    const schema = resolved(document, field);
    const path = `${prefix}${name}`;
    const own = row([`\`${path}\``, required.includes(name) ? "yes" : "", typeOf(schema), about(schema)]);
    const below = insideOf(schema);
    const isShown = below !== undefined && depth < MAX_DEPTH && !isRunOfSchedule(path, schema);
    if (!isShown) return [own];
    const inner = schema.type === "array" ? `${path}[].` : `${path}.`;
    return [own, ...fieldsOf(document, below, { prefix: inner, depth: depth + 1 })];
  });
}

/** Its fields are those of `POST /runs`, and stand there. */
function isRunOfSchedule(path: string, { description = "" }: Schema): boolean {
  return path === "run" && description.includes("POST /runs");
}

function insideOf(schema: Schema): Schema | undefined {
  const { properties, items, anyOf } = schema;
  if (properties) return schema;
  if (items?.properties) return items;
  return anyOf?.find((one) => one.properties !== undefined);
}

function resolved(document: Document, schema: Schema): Schema {
  const name = schema.$ref?.split("/").at(-1);
  const found = name === undefined ? undefined : document.components.schemas[name];
  return found ? { ...found, ...(schema.description !== undefined && { description: schema.description }) } : schema;
}

function typeOf(schema: Schema): string {
  if (schema.enum) return schema.enum.map((value) => `\`${value === "" ? '""' : value}\``).join(" ");
  if (schema.anyOf) return [...new Set(schema.anyOf.map(typeOf))].join(" or ");
  if (schema.type === "array") return `list${schema.items?.type === undefined ? "" : ` of ${typeOf(schema.items)}`}`;
  return `${schema.format === "date-time" ? "time" : ([schema.type ?? "any JSON"].flat()[0] ?? "")}${boundsOf(schema)}`;
}

function boundsOf({ minimum, maximum, minLength, maxLength }: Schema): string {
  const [least, most] = [minimum ?? minLength, maximum ?? maxLength];
  const unit = maxLength === undefined ? "" : " characters";
  if (most === undefined) return least === undefined ? "" : `, ${least} or more${unit}`;
  return least === undefined ? `, ${most}${unit} at most` : `, ${least} to ${most}${unit}`;
}

function about({ description = "", default: given }: Schema): string {
  const preset = given === undefined ? "" : `default \`${JSON.stringify(given).replaceAll('"', "")}\``;
  return [description.replaceAll("|", "\\|"), preset].filter((text) => text !== "").join("; ");
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

function table(head: readonly string[], rows: readonly string[]): string {
  return [row(head), `|${head.map(() => "---|").join("")}`, ...rows].join("\n");
}
