import { join } from "node:path";
import type { Clock } from "../../kernel/clock.ts";
import { readTextFile } from "../../kernel/read-text.ts";
import { MAX_PROFILE_BYTES, PROFILE_FILE } from "../profile.ts";

/** How long an answer counts. */
export const LOOK_MS = 15_000;
const MAX_FOLDERS = 1000;
const ASKS = /\brepair["']?\s*:\s*["']?(?:propose|auto)\b/;

/** Which workspaces may ask for repairs of crash loops: a cheap look, made before anything is rendered. The profile itself decides later. */
export class Asked {
  private readonly known = new Map<string, { readonly asks: boolean; readonly atMs: number }>();

  constructor(private readonly clock: Clock) {}

  asks(workspace: string): boolean {
    const now = this.clock.monotonic();
    const before = this.known.get(workspace);
    if (before && now - before.atMs < LOOK_MS) return before.asks;
    const asks = ASKS.test(textOf(workspace));
    if (this.known.size >= MAX_FOLDERS) this.known.clear();
    this.known.set(workspace, { asks, atMs: now });
    return asks;
  }
}

function textOf(workspace: string): string {
  try {
    return readTextFile(join(workspace, PROFILE_FILE), MAX_PROFILE_BYTES);
  } catch {
    return "";
  }
}
