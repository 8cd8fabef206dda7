import { OrcoError } from "../../kernel/errors.ts";
import type { CallOptions, Engine } from "./engine.ts";
import { jsonLines } from "./json-lines.ts";
import { pullError } from "./pull-error.ts";

export interface ImageInfo {
  readonly Id: string;
  readonly RepoTags: readonly string[] | null;
  readonly RepoDigests: readonly string[] | null;
  /** Bytes. */
  readonly Size: number;
  readonly Os: string;
  readonly Architecture: string;
  readonly Config: {
    readonly Entrypoint: readonly string[] | null;
    readonly Cmd: readonly string[] | null;
    readonly User: string;
    /** Paths. */
    readonly Volumes?: Readonly<Record<string, object>> | null;
    readonly Labels?: Readonly<Record<string, string>> | null;
  };
}

/** One step of a pull; `id` is the layer, counts are bytes. */
export interface PullProgress {
  readonly status: string;
  readonly id?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
}

interface PullLine extends PullProgress {
  readonly error?: string;
}

/** `not_found` when it is not on this machine. */
export function inspectImage(engine: Engine, image: string, options: CallOptions = {}): Promise<ImageInfo> {
  return engine.call("GET", `/images/${encodeURIComponent(image)}/json`, options);
}

/**
 * Gets it from its registry. Rejects with `not_found` when the registry does not have it (for this machine), `forbidden` when it wants credentials,
 * `disk_full`, or `unavailable` when it cannot be reached now.
 */
export async function pullImage(
  engine: Engine,
  image: string,
  { onProgress, auth, ...options }: CallOptions & { onProgress?: (progress: PullProgress) => void; auth?: string | undefined },
): Promise<void> {
  try {
    const request = {
      ...options,
      query: { fromImage: tagged(image) },
      ...(auth !== undefined && { headers: { "x-registry-auth": auth } }),
    };
    const lines = jsonLines<PullLine>(engine.stream("POST", "/images/create", request));
    for await (const line of lines) {
      if (line.error !== undefined) throw new OrcoError("internal", `docker: ${line.error}`, { status: 200 });
      onProgress?.(line);
    }
  } catch (error) {
    throw pullError(error, image);
  }
}

/** Without a tag docker would pull all of them. */
function tagged(image: string): string {
  const name = image.slice(image.lastIndexOf("/") + 1);
  return /[:@]/.test(name) ? image : `${image}:latest`;
}

/** `os/architecture` of what a registry has of an image; nothing where it does not say. */
export async function offeredPlatforms(
  engine: Engine,
  image: string,
  { auth, ...options }: CallOptions & { auth?: string | undefined },
): Promise<string[]> {
  type Platform = { readonly os?: string; readonly architecture?: string; readonly variant?: string };
  const request = { ...options, ...(auth !== undefined && { headers: { "x-registry-auth": auth } }) };
  try {
    const { Platforms } = await engine.call<{ Platforms: readonly Platform[] | null }>(
      "GET",
      `/distribution/${tagged(image)}/json`,
      request,
    );
    const names = (Platforms ?? []).map(({ os, architecture, variant }) => [os, architecture, variant].filter(Boolean).join("/"));
    return [...new Set(names)];
  } catch (error) {
    if (error instanceof OrcoError) return [];
    throw error;
  }
}

/** Ids of images with a label, newest first. */
export async function imagesLabelled(engine: Engine, label: string, options: CallOptions = {}): Promise<string[]> {
  const query = { filters: JSON.stringify({ label: [label] }) };
  const rows = await engine.call<{ Id: string; Created: number }[]>("GET", "/images/json", { ...options, query });
  return rows.toSorted((a, b) => b.Created - a.Created).map(({ Id }) => Id);
}

/** Gives an image one more name. */
export async function tagImage(engine: Engine, id: string, { name, ...options }: CallOptions & { name: string }): Promise<void> {
  const full = tagged(name);
  const colon = full.lastIndexOf(":");
  const query = { repo: full.slice(0, colon), tag: full.slice(colon + 1) };
  await engine.call("POST", `/images/${encodeURIComponent(id)}/tag`, { ...options, query });
}
