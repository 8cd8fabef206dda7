import { join } from "node:path";
import { until } from "../peers/observe.ts";
import { PATIENCE_MS } from "../peers/peer.ts";

export const APP = join(import.meta.dir, "../programs/rolling-app.mjs");

/** What an instance answers; undefined while none does. */
export async function versionAt(port: number): Promise<string | undefined> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/`, { keepalive: false, signal: AbortSignal.timeout(1000) });
    return answer.ok ? await answer.text() : undefined;
  } catch {
    return undefined;
  }
}

export function answering(port: number, what: string): Promise<void> {
  return until(async () => (await versionAt(port)) !== undefined, PATIENCE_MS, `${what} answers`);
}
