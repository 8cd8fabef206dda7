import type { App } from "./endpoint.ts";

const PAGE_POLICY = "default-src 'none'; style-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

type Document = ReturnType<App["getOpenAPI31Document"]>;

/** OpenAPI 3.1, made when asked for: it is rarely wanted, and its memory is. */
export function openApiDocument(app: App, version: string): Document {
  return app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: { title: "orco", version, description: "One program that orchestrates everything on one machine." },
    security: [{ bearer: [] }, { apiKey: [] }],
  });
}

/** Once per app, before its document is made. */
export function describeSecurity(app: App): void {
  app.openAPIRegistry.registerComponent("securitySchemes", "bearer", { type: "http", scheme: "bearer" });
  app.openAPIRegistry.registerComponent("securitySchemes", "apiKey", { type: "apiKey", in: "header", name: "X-API-Key" });
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
