import { OrcoError } from "../../kernel/errors.ts";
import type { CallOptions, Engine } from "./engine.ts";
import { jsonLines } from "./json-lines.ts";

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

/** A registry that refuses rather than fails: asking again is no use. */
const REFUSED = /not found|manifest unknown|denied|unauthorized|no such|does not exist|invalid reference|no matching manifest/i;

/** `not_found` when it is not on this machine. */
export function inspectImage(engine: Engine, image: string, options: CallOptions = {}): Promise<ImageInfo> {
  return engine.call("GET", `/images/${encodeURIComponent(image)}/json`, options);
}

/** Gets it from its registry. Rejects with `not_found` when the registry does not give it out, `unavailable` when it cannot be reached now. */
export async function pullImage(
  engine: Engine,
  image: string,
  { onProgress, ...options }: CallOptions & { onProgress?: (progress: PullProgress) => void },
): Promise<void> {
  try {
    const lines = jsonLines<PullLine>(engine.stream("POST", "/images/create", { ...options, query: { fromImage: tagged(image) } }));
    for await (const line of lines) {
      if (line.error !== undefined) throw new OrcoError("internal", `docker: ${line.error}`, { status: 200 });
      onProgress?.(line);
    }
  } catch (error) {
    throw pullError(error, image);
  }
}

function pullError(error: unknown, image: string): unknown {
  if (!(error instanceof OrcoError) || error.facts["status"] === undefined) return error;
  const refused = error.code === "not_found" || error.code === "invalid" || REFUSED.test(error.message);
  return new OrcoError(
    refused ? "not_found" : "unavailable",
    `the image ${image} cannot be pulled: ${error.message}`,
    { image },
    { cause: error },
  );
}

/** Without a tag docker would pull all of them. */
function tagged(image: string): string {
  const name = image.slice(image.lastIndexOf("/") + 1);
  return /[:@]/.test(name) ? image : `${image}:latest`;
}
