import { OrcoError } from "../kernel/errors.ts";
import { VERSION } from "../kernel/version.ts";
import type { Context } from "./context.ts";

/** Works without a daemon: then only this program's version is known. */
export async function version(context: Context): Promise<undefined> {
  const daemon = await daemonVersion(context);
  const { io, global } = context;
  if (global.json) io.out(`${JSON.stringify({ version: VERSION, bun: Bun.version, daemon: daemon ?? null })}\n`);
  else io.out(`orco ${VERSION} (bun ${Bun.version})\ndaemon ${daemon ?? "not running"}\n`);
  return undefined;
}

async function daemonVersion(context: Context): Promise<string | undefined> {
  try {
    return (await (await context.client()).version()).version;
  } catch (error) {
    if (error instanceof OrcoError && error.code === "unreachable") return undefined;
    throw error;
  }
}
