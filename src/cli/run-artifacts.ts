import { createWriteStream } from "node:fs";
import { resolve } from "node:path";
import { Writable } from "node:stream";
import { errnoOf, fileTrouble, OrcoError } from "../kernel/errors.ts";
import { type Context, textOption } from "./context.ts";
import { usageError } from "./exit.ts";
import { runMeant } from "./id-meant.ts";
import { OutputClosed } from "./io.ts";
import { alignRows, formatBytes } from "../terminal/table.ts";

/** `orco run artifacts <run>`: what it left; with a name, that one, into a file (`-o`) or to standard output where that is no terminal. */
export async function artifacts(context: Context): Promise<undefined> {
  const name = context.args[1];
  const client = await context.client();
  const id = await runMeant(context, client);
  if (name !== undefined) return saveArtifact(context, name, await client.artifact(id, name));
  const found = await client.artifacts(id);
  const { io, global } = context;
  if (global.json) io.out(`${JSON.stringify({ runId: id, artifacts: found })}\n`);
  else if (found.length === 0) context.note("it has left none");
  else {
    const rows = found.map((one) => [one.name, formatBytes(one.size), one.createdAt, one.sha256.slice(0, 12)]);
    io.out(`${alignRows([["NAME", "SIZE", "AT", "SHA256"], ...rows], io.columns())}\n`);
  }
  return undefined;
}

/** Into the file of `-o`, else to standard output, which must be no terminal. */
export async function saveArtifact(context: Context, name: string, body: ReadableStream<Uint8Array>): Promise<undefined> {
  const file = textOption(context.options, "output");
  if (file === undefined && context.io.tty) throw usageError(`say where ${name} goes: -o <file>, or into a pipe`);
  const path = file === undefined || file === "-" ? undefined : resolve(context.io.cwd, file);
  const target = path === undefined ? createWriteStream("", { fd: 1, autoClose: false }) : createWriteStream(path, { mode: 0o600 });
  try {
    await body.pipeTo(Writable.toWeb(target) as WritableStream<Uint8Array>);
  } catch (error) {
    if (path === undefined) throw errnoOf(error) === "EPIPE" ? new OutputClosed() : error;
    throw new OrcoError("internal", `${path}: ${fileTrouble(error)}`, { expected: true });
  }
  if (path !== undefined) context.note(`${name} is in ${path}`);
  return undefined;
}
