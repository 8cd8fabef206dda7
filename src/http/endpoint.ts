import type { Hono } from "hono";
import type { ZodError, ZodObject, ZodType, infer as Infer } from "zod";
import { OrcoError } from "../kernel/errors.ts";
import { jsonPointer } from "../kernel/strict-json.ts";
import type { ANSWERS } from "./answers.ts";
import { type Body, readBody } from "./body.ts";
import type { Ctx, Deps, Env } from "./context.ts";
import { none } from "./schemas.ts";
import { inWords, meantBranch } from "./words.ts";

/** The router, and what is on it for the document and for `Allow`. */
export interface Site {
  readonly app: Hono<Env>;
  readonly deps: Deps;
  readonly operations: Operation[];
}

export type Operation = Endpoint<Shape, Shape, ZodType>;
type Shape = ZodObject;

export interface Answer {
  readonly description: string;
  /** Media type to the name of its schema; none for an empty body. */
  readonly content?: Readonly<Record<string, keyof typeof ANSWERS>>;
}

/** One operation: the same schemas check the request and make the OpenAPI document. */
export interface Endpoint<P extends Shape, Q extends Shape, B extends ZodType> {
  readonly method: "get" | "put" | "post" | "delete";
  /** OpenAPI template: `/stacks/{name}`. */
  readonly path: string;
  readonly id: string;
  readonly summary: string;
  readonly params: P;
  readonly query: Q;
  readonly body?: {
    readonly schema: B;
    readonly yaml?: boolean;
    readonly maxBytes?: number;
    readonly required?: boolean;
    /** Of what is passed on: `exact` has the numbers that no double holds as they are written. */
    readonly exact?: boolean;
    /** A value that the schema would surely take, and give back as it is: it is not asked. */
    readonly isPlain?: (value: unknown) => boolean;
  };
  /** The handler reads the body itself. */
  readonly raw?: boolean;
  /** It makes something: an Idempotency-Key counts. */
  readonly creates?: boolean;
  readonly answers: Readonly<Record<number, Answer>>;
}

export interface Input<P extends Shape, Q extends Shape, B extends ZodType> {
  readonly params: Infer<P>;
  readonly query: Infer<Q>;
  readonly body:
    | { readonly kind: "none" }
    | { readonly kind: "json"; readonly value: Infer<B>; readonly exact?: unknown }
    | { readonly kind: "yaml"; readonly text: string };
}

const MAX_BODY_BYTES = 1024 * 1024;
const NO_BODY: Body = { kind: "none" };
/** Opens a stream in place of a header; the guard has looked at it. */
const TICKET = "ticket";

/** Registers the operation with the router and the document. Whatever the handler throws becomes a problem document. */
export function endpoint<P extends Shape, Q extends Shape, B extends ZodType>(
  { app, deps, operations }: Site,
  operation: Endpoint<P, Q, B>,
  handle: (c: Ctx, input: Input<P, Q, B>) => Response | Promise<Response>,
): void {
  operations.push(operation);
  app.on(operation.method.toUpperCase(), operation.path.replaceAll(/\{(\w+)\}/g, ":$1"), async (c) => {
    c.set("route", operation.path);
    const params = checked(operation.params, c.req.param(), "/path");
    const query = checked(operation.query, singleValues(c.req.queries()), "/query");
    const read = operation.raw ? NO_BODY : await readBody(c, bodyLimits(operation, deps));
    const input = { params, query, body: checkedBody(operation, read) };
    if (!operation.creates) return handle(c, input);
    return deps.idempotent(c, read.kind === "json" ? (read.exact ?? read.value) : null, (reserved) => {
      if (reserved !== undefined) c.set("reservedId", reserved);
      return handle(c, input);
    });
  });
}

function bodyLimits<B extends ZodType>({ body }: Endpoint<Shape, Shape, B>, deps: Deps): Parameters<typeof readBody>[1] {
  return { maxBytes: body?.maxBytes ?? MAX_BODY_BYTES, yaml: body?.yaml ?? false, exact: body?.exact ?? false, budget: deps.uploads };
}

function checkedBody<P extends Shape, Q extends Shape, B extends ZodType>({ body }: Endpoint<P, Q, B>, read: Body): Input<P, Q, B>["body"] {
  if (read.kind === "none" && body?.required) throw new OrcoError("invalid", "a body is needed");
  if (read.kind !== "json" || !body) return read.kind === "json" ? { kind: "none" } : read;
  const { exact } = read;
  const value = body.isPlain?.(read.value) ? (read.value as Infer<B>) : checked(body.schema, read.value, "");
  return exact === undefined ? { kind: "json", value } : { kind: "json", value, exact };
}

/** A flag that is misspelt or given twice must not be taken for its absence: `?dryrun=true` would change things. */
function singleValues(queries: Record<string, string[]>): Record<string, string> {
  const single: Record<string, string> = {};
  for (const [name, values] of Object.entries(queries)) {
    if (name === TICKET) continue;
    if (values.length > 1) throw new OrcoError("invalid", `the query parameter ${name} is given ${values.length} times`);
    single[name] = values[0] ?? "";
  }
  return single;
}

function checked<T extends ZodType>(schema: T, value: unknown, root: string): Infer<T> {
  // Most operations know no parameters, and are given none.
  if ((schema as ZodType) === none && Object.keys(value as object).length === 0) return value as Infer<T>;
  const result = schema.safeParse(value, { error: inWords });
  if (result.success) return result.data;
  const errors = findings(result.error, root);
  const first = errors[0];
  throw new OrcoError("invalid", first ? `${first.pointer.slice(1) || "the body"}: ${first.detail}` : "the request is not valid", {
    errors,
  });
}

function findings(error: ZodError, root: string): { pointer: string; detail: string }[] {
  return error.issues.flatMap((issue) => found(issue, root)).slice(0, 20);
}

/** An unknown key is pointed at itself, not at what holds it; of alternatives that differ in kind the one that was meant is gone into. */
function found(issue: ZodError["issues"][number], root: string): { pointer: string; detail: string }[] {
  const { path, message } = issue;
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => ({ pointer: root + jsonPointer([...path, key]), detail: "is not known" }));
  const meant = issue.code === "invalid_union" ? meantBranch(issue.errors) : undefined;
  return meant?.flatMap((inner) => found(inner, root + jsonPointer(path))) ?? [{ pointer: root + jsonPointer(path), detail: message }];
}

/** An answer as JSON. */
export function json(description: string, schema: keyof typeof ANSWERS): Answer {
  return { description, content: { "application/json": schema } };
}
