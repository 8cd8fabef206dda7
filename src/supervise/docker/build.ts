import { readFile } from "node:fs/promises";
import type { Clock } from "../../kernel/clock.ts";
import { formatSpan } from "../../kernel/duration.ts";
import { messageOf, OrcoError } from "../../kernel/errors.ts";
import type { ImageBuild, StartOptions } from "../runtime.ts";
import { buildDigest, ContextChanged, contextTar } from "./build-context.ts";
import { type BuildMessage, BuildOutput } from "./build-output.ts";
import { openContext } from "./context-files.ts";
import type { Engine } from "./engine.ts";
import { imagesLabelled, tagImage } from "./images.ts";
import { jsonLines } from "./json-lines.ts";
import type { Tell } from "./shared-work.ts";
import { authHeader, type Credentials, credentialsFor, registryOf } from "./registry-auth.ts";

/** Digest of what an image was built from. */
const BUILD_LABEL = "orco.build";
const BUILD_TIMEOUT_MS = 3_600_000;
/** Files that are written all the time cannot be built. */
const MAX_TRIES = 3;

type Told = Pick<StartOptions, "note" | "progress">;

export interface BuildOptions {
  readonly tell: Tell<Told>;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface BuildRequest {
  /** Name the image gets. */
  readonly image: string;
  readonly build: ImageBuild;
  readonly service: string;
}

/**
 * Id of the image of a build, named `image`: the one that was built from what was applied, however its files are by now, for a restart or a way back is
 * no new version. Where that is gone, or `digest` is empty, it is built from the context as it is.
 */
export async function builtImage(engine: Engine, request: BuildRequest, options: BuildOptions): Promise<string> {
  const { build, service } = request;
  const applied = build.digest === "" ? undefined : await known(engine, { ...request, digest: build.digest }, options);
  if (applied !== undefined) return applied;
  for (let tries = 1; ; tries++) {
    const digest = await buildDigest(build);
    if (tries === 1 && build.digest !== "" && digest !== build.digest)
      options.tell(({ note }) =>
        note?.("warn", `the build context of ${service} has changed since the stack was applied: it is built as it is now`),
      );
    const there = digest === build.digest ? undefined : await known(engine, { ...request, digest }, options);
    if (there !== undefined) return there;
    try {
      return await buildImage(engine, { ...request, build: { ...build, digest } }, options);
    } catch (error) {
      if (!(error instanceof ContextChanged)) throw error;
      if (tries === MAX_TRIES) throw keepsChanging(request);
    }
  }
}

/** Id of the image that was built from what has this digest. */
async function known(
  engine: Engine,
  { image, digest }: { readonly image: string; readonly digest: string },
  { signal }: BuildOptions,
): Promise<string | undefined> {
  const [id] = await imagesLabelled(engine, `${BUILD_LABEL}=${digest}`, { signal });
  if (id !== undefined) await tagImage(engine, id, { name: image, signal });
  return id;
}

function keepsChanging({ build, service }: BuildRequest): OrcoError {
  const message = `the build context of ${service} changes while it is sent: ${build.context}; leave out with .dockerignore what is written all the time`;
  return new OrcoError("build_failed", message, { service, path: build.context, log: [] });
}

async function buildImage(
  engine: Engine,
  { image, build, service }: BuildRequest,
  { tell, signal, clock, env }: BuildOptions,
): Promise<string> {
  const began = clock.monotonic();
  const context = await openContext(build);
  const output = new BuildOutput({
    service,
    line: (line) => tell(({ note }) => note?.("info", line)),
    progress: (message) => tell(({ progress }) => progress?.(message), "state"),
  });
  tell(({ note, progress }) => {
    note?.("info", `building ${service} from ${build.context}`);
    progress?.(`building ${service}`);
  });
  let changed: unknown;
  const bytes = keptFailure(contextTar(build, { context, digest: build.digest }), (error) => (changed = error));
  const headers = await registryConfig(context.dockerfilePath, { env, clock });
  const request = { query: queryOf(image, build, context.dockerfile), headers, bytes, signal, timeoutMs: BUILD_TIMEOUT_MS };
  try {
    for await (const message of jsonLines<BuildMessage>(engine.stream("POST", "/build", request))) output.take(message);
  } catch (error) {
    // The request failed because its body did.
    if (changed !== undefined) throw changed;
    if (error instanceof OrcoError && error.facts["status"] !== undefined) throw output.failure(error.message.replace(/^docker: /, ""));
    throw error;
  }
  const id = output.end();
  tell(({ note }) => note?.("info", `built ${service} in ${formatSpan(clock.monotonic() - began)}`));
  return id;
}

async function* keptFailure(bytes: AsyncIterable<Uint8Array>, keep: (error: unknown) => void): AsyncGenerator<Uint8Array, void> {
  try {
    yield* bytes;
  } catch (error) {
    keep(error);
    throw error;
  }
}

/** Of the builder that every engine has. */
function queryOf(image: string, { args, target, digest }: ImageBuild, dockerfile: string): Record<string, string | boolean | undefined> {
  return {
    version: "1",
    t: image,
    dockerfile,
    target,
    rm: true,
    forcerm: true,
    labels: JSON.stringify({ [BUILD_LABEL]: digest }),
    ...(args && { buildargs: JSON.stringify(args) }),
  };
}

/** Credentials of the registries that base images come from. */
async function registryConfig(dockerfile: string, options: { env: BuildOptions["env"]; clock: Clock }): Promise<Record<string, string>> {
  const bases = [...(await readFile(dockerfile, "utf8")).matchAll(/^\s*FROM\s+(?:--\S+\s+)*(\S+)/gim)].map(([, image = ""]) =>
    registryOf(image),
  );
  const found: Record<string, Credentials> = {};
  for (const registry of new Set(bases)) {
    // Without them the build says what it lacks.
    const credentials = await credentialsFor(registry, options).catch((error: unknown) => void messageOf(error));
    if (credentials) found[credentials.serveraddress || registry] = credentials;
  }
  if (Object.keys(found).length === 0) return {};
  return { "x-registry-config": authHeader(found) };
}
