import { isJsonObject, type Json, type JsonObject } from "../../kernel/event.ts";
import type { EngineHealth } from "./adapter.ts";
import { EngineFault } from "./adapter.ts";
import type { Ask } from "./ask.ts";

export interface Vitals {
  /** Answers 200 when it takes requests. A server that has no such path takes them all the same: what stands before engines often passes on no more than tasks. */
  readonly path: string;
  /** What more it says, once it is ready. */
  readonly slots?: (ask: Ask) => Promise<Pick<EngineHealth, "slotsTotal" | "slotsFree" | "slotsBusy">>;
}

/** There is no such path, or nothing to GET at it. */
const LACKING: ReadonlySet<number> = new Set([404, 405, 501]);

/** Never rejects. An answer, whatever it is, proves life; 200 that it is ready. */
export async function healthOf(ask: Ask, { path, slots }: Vitals): Promise<EngineHealth> {
  try {
    const { status, fault } = await ask.get(path);
    const isThere = status === 200 || LACKING.has(status);
    if (!isThere) return { live: true, ready: false, detail: fault?.message ?? `it answered ${status}` };
  } catch (error) {
    // A broken answer is life, too, of a sort that nothing can be sent to.
    const live = error instanceof EngineFault && error.kind !== "connect";
    return { live, ready: false, detail: error instanceof Error ? error.message : String(error) };
  }
  const counted = slots ? await slots(ask).catch(() => ({})) : {};
  return { live: true, ready: true, ...counted };
}

/** Of `GET /v1/models`. */
export function modelIds(models: Json | undefined): string[] {
  return modelCards(models).flatMap(({ id }) => (typeof id === "string" ? [id] : []));
}

export function modelCards(models: Json | undefined): JsonObject[] {
  const data = isJsonObject(models) ? models["data"] : undefined;
  return Array.isArray(data) ? data.filter((card) => isJsonObject(card)) : [];
}

/** A number of the kind that counts things; undefined for all else. */
export function countOf(value: Json | undefined): number | undefined {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? Math.floor(value) : undefined;
}
