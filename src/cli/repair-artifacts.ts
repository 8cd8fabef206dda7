import { sanitizeText } from "../terminal/sanitize.ts";
import { alignRows, formatBytes } from "../terminal/table.ts";
import { type Context, textOption } from "./context.ts";
import { diffText } from "./diff-text.ts";
import { repairMeant } from "./id-meant.ts";
import { saveArtifact } from "./run-artifacts.ts";

/** `orco repair artifacts <run>`: the files it has left; with a name, that one: on a terminal as text, else byte for byte. */
export async function artifacts(context: Context): Promise<undefined> {
  const { io, global, options } = context;
  const name = context.args[1];
  const { repair: client } = await context.client();
  const id = await repairMeant(context, client);
  if (name !== undefined) {
    const body = await client.artifact(id, name);
    if (!io.tty || textOption(options, "output") !== undefined) return saveArtifact(context, name, body);
    const text = await new Response(body).text();
    io.out(name.endsWith(".diff") ? `${diffText(text, io)}\n` : sanitizeText(text, io));
    return undefined;
  }
  const found = await client.artifacts(id);
  if (global.json) io.out(`${JSON.stringify({ artifacts: found })}\n`);
  else if (found.length === 0) context.note("it has left none yet");
  else {
    const rows = found.map((one) => [one.name, formatBytes(one.size_bytes), one.created_at, one.sha256.slice(0, 12)]);
    io.out(`${alignRows([["NAME", "SIZE", "AT", "SHA256"], ...rows], io.columns())}\n`);
  }
  return undefined;
}
