import type { OpenAPIHono } from "@hono/zod-openapi";
import type { ZodType } from "zod";
import type { Answer, Operation } from "./endpoint.ts";

const PAGE_POLICY = "default-src 'none'; style-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

type Document = ReturnType<OpenAPIHono["getOpenAPI31Document"]>;
type Registration = Parameters<OpenAPIHono["openAPIRegistry"]["registerPath"]>[0];
type Answers = typeof import("./answers.ts").ANSWERS;

/** OpenAPI 3.1 from the schemas that validate. Made, and its library loaded, when asked for: few ask, and its memory is. */
export async function openApiDocument(operations: readonly Operation[], version: string): Promise<Document> {
  const [{ OpenAPIHono }, { ANSWERS }] = await Promise.all([import("@hono/zod-openapi"), import("./answers.ts")]);
  const app = new OpenAPIHono();
  app.openAPIRegistry.registerComponent("securitySchemes", "bearer", { type: "http", scheme: "bearer" });
  app.openAPIRegistry.registerComponent("securitySchemes", "apiKey", { type: "apiKey", in: "header", name: "X-API-Key" });
  for (const operation of operations) app.openAPIRegistry.registerPath(documented(operation, ANSWERS));
  return app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: { title: "orco", version, description: "One program that orchestrates everything on one machine." },
    security: [{ bearer: [] }, { apiKey: [] }],
  });
}

function documented(operation: Operation, schemas: Answers): Registration {
  const { method, path, id, summary, params, query, body, answers } = operation;
  const problem = { description: "Problem", content: { "application/problem+json": { schema: schemas.Problem } } };
  return {
    method,
    path,
    operationId: id,
    summary,
    request: { params, query, ...(body && { body: { required: body.required ?? false, content: bodyContent(body) } }) },
    responses: { ...responsesOf(answers, schemas), default: problem },
  };
}

function bodyContent(body: { schema: ZodType; yaml?: boolean }): Record<string, { schema: ZodType | { type: "string" } }> {
  const json = { "application/json": { schema: body.schema } };
  return body.yaml ? { ...json, "application/yaml": { schema: { type: "string" } } } : json;
}

function responsesOf(answers: Readonly<Record<number, Answer>>, schemas: Answers): Registration["responses"] {
  const entries = Object.entries(answers).map(([status, { description, content }]) => {
    const media = Object.entries(content ?? {}).map(([type, name]) => [type, { schema: schemas[name] }]);
    return [status, { description, ...(content && { content: Object.fromEntries(media) }) }];
  });
  return Object.fromEntries(entries);
}

/** Every operation of the document as a plain page: no script, no style, nothing from elsewhere. */
export function docsPage(document: Document): Response {
  const rows = operationsOf(document).map(
    ({ method, path, summary }) => `<tr><td><code>${method} ${escapeHtml(path)}</code></td><td>${escapeHtml(summary)}</td></tr>`,
  );
  const title = `orco ${escapeHtml(document.info.version)}`;
  const html = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title></head><body><h1>${title}</h1>
<p><a href="/openapi.json">openapi.json</a> describes every operation for machines.</p>
<table><tr><th>Operation</th><th>What it does</th></tr>
${rows.join("\n")}
</table></body></html>
`;
  return new Response(html, { headers: { "content-type": "text/html; charset=utf-8", "content-security-policy": PAGE_POLICY } });
}

function operationsOf(document: Document): { method: string; path: string; summary: string }[] {
  const methods = ["get", "put", "post", "delete"] as const;
  return Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    methods.flatMap((method) => (item?.[method] ? [{ method: method.toUpperCase(), path, summary: item[method].summary ?? "" }] : [])),
  );
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"]/g, (character) => ENTITIES[character] ?? "");
}
