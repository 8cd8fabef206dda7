import { z } from "zod";
import { type Site, endpoint, json } from "./endpoint.ts";
import { isKnown } from "./etag.ts";
import { REPAIRS } from "./repair-answer.ts";
import { none, oneRepair } from "./schemas.ts";

const path = `${REPAIRS}/{run_id}/artifacts`;

/** What a repair leaves behind: logs, plan and patch. */
export function repairFileRoutes(site: Site): void {
  listRoute(site);
  openRoute(site);
}

function listRoute(site: Site): void {
  const { repair } = site.deps.services;
  const list = { path, id: "listRepairArtifacts", summary: "The files of a repair", answers: { 200: json("Files", "RepairArtifactList") } };
  endpoint(site, { method: "get", params: oneRepair, query: none, ...list }, async (c, { params }) =>
    c.json({ artifacts: await repair.artifacts(params.run_id) }),
  );
}

function openRoute(site: Site): void {
  const { repair } = site.deps.services;
  const params = z.strictObject({ ...oneRepair.shape, name: z.string().min(1).max(200) });
  const answers = {
    200: { description: "Its text; ETag is the SHA-256", content: { "text/plain": "Text" } as const },
    304: { description: "If-None-Match names what it is" },
  };
  const open = { path: `${path}/{name}`, id: "getRepairArtifact", summary: "One file of a repair", answers };
  endpoint(site, { method: "get", params, query: none, ...open }, async (c, { params: { run_id: id, name } }) => {
    const { artifact, body } = await repair.artifact(id, name);
    const etag = `"${artifact.sha256}"`;
    if (isKnown(c.req.header("if-none-match"), etag)) {
      await body.cancel();
      return new Response(null, { status: 304, headers: { etag } });
    }
    const headers = {
      "content-type": "text/plain; charset=utf-8",
      "content-length": String(artifact.size_bytes),
      "content-disposition": `attachment; filename="${artifact.name}"`,
      etag,
    };
    if (c.req.method !== "HEAD") return new Response(body, { headers });
    await body.cancel();
    return new Response(null, { headers });
  });
}
