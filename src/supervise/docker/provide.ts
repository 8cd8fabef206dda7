import type { Clock } from "../../kernel/clock.ts";
import { formatSpan } from "../../kernel/duration.ts";
import { messageOf, OrcoError } from "../../kernel/errors.ts";
import type { ContainerLaunch, StartOptions } from "../runtime.ts";
import { builtImage } from "./build.ts";
import type { Engine } from "./engine.ts";
import { type ImageInfo, inspectImage, offeredPlatforms, pullImage } from "./images.ts";
import { watchPull } from "./pull-progress.ts";
import { authHeader, credentialsFor, registryOf } from "./registry-auth.ts";
import { SharedWork, type Tell } from "./shared-work.ts";

const PULL_TIMEOUT_MS = 3_600_000;

export interface WantedImage extends Pick<ContainerLaunch, "image" | "pull" | "build"> {
  /** What messages call it when it is built; the image unless given. */
  readonly service?: string;
}

export interface ProvidedImage {
  readonly id: string;
  readonly info: ImageInfo;
}

export interface ImagesOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  /** Where docker's configuration is looked for, and the helpers it names. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

type Told = Pick<StartOptions, "note" | "progress">;

/** Images on docker's machine: pulled or built, each once at a time whoever asks. */
export class Images {
  private readonly work = new SharedWork<string, Told>();

  constructor(private readonly options: ImagesOptions) {}

  /**
   * The image, once it is there. Rejects with `not_found` (no such image, not for this machine, or missing and never to be pulled), `forbidden`,
   * `build_failed` (facts: log), `invalid` (its build context), `disk_full`, `unavailable`, as `Engine` does, or with the signal's reason.
   */
  async provide(wanted: WantedImage, options: StartOptions = {}): Promise<ProvidedImage> {
    const id = await (wanted.build ? this.built(wanted, options) : this.pulled(wanted, options));
    const info = await inspectImage(this.options.engine, id, signalOf(options));
    return { id: info.Id, info };
  }

  private async pulled({ image, pull }: WantedImage, options: StartOptions): Promise<string> {
    const here = await this.find(image, options);
    if (pull === "never") return here ?? neverPulled(image);
    if (pull === "missing" && here !== undefined) return image;
    try {
      return await this.work.join(`pull ${image}`, asker(options), (tell, signal) =>
        this.pull(image, { tell, signal, missing: here === undefined }),
      );
    } catch (error) {
      // It ran with this one before: a registry that is away shall not keep it down.
      if (!options.again || here === undefined || !(error instanceof OrcoError) || error.code !== "unavailable") throw error;
      options.note?.("warn", `${messageOf(error)}; the image on this machine is used`);
      return image;
    }
  }

  private async pull(
    image: string,
    { tell, signal, missing }: { tell: Tell<Told>; signal: AbortSignal; missing: boolean },
  ): Promise<string> {
    const { engine, clock } = this.options;
    const began = clock.monotonic();
    const auth = await this.auth(image, tell);
    tell(({ note }) => note?.("info", missing ? `${image} is not on this machine: pulling it` : `pulling ${image}`));
    const onProgress = watchPull(clock, (percent) => tell(({ progress }) => progress?.(`pulling ${image} (${percent}%)`), "state"));
    try {
      await pullImage(engine, image, { onProgress, signal, auth, timeoutMs: PULL_TIMEOUT_MS });
    } catch (error) {
      throw await this.withPlatforms(error, { image, auth, signal });
    }
    tell(({ note }) => note?.("info", `pulled ${image} in ${formatSpan(clock.monotonic() - began)}`));
    return image;
  }

  private async auth(image: string, tell: Tell<Told>): Promise<string | undefined> {
    const { clock, env = process.env } = this.options;
    try {
      const credentials = await credentialsFor(registryOf(image), { env, clock });
      return credentials && authHeader(credentials);
    } catch (error) {
      // Most images need none.
      tell(({ note }) => note?.("warn", `${messageOf(error)}; ${image} is pulled without credentials`));
      return undefined;
    }
  }

  /** Docker says what it wanted of an image with several platforms, the registry what there is. */
  private async withPlatforms(
    error: unknown,
    { image, auth, signal }: { image: string; auth: string | undefined; signal: AbortSignal },
  ): Promise<unknown> {
    const wanted = error instanceof OrcoError ? error.facts["platform"] : undefined;
    if (!(error instanceof OrcoError) || typeof wanted !== "string") return error;
    const offered = await offeredPlatforms(this.options.engine, image, { auth, signal });
    const what = offered.length > 0 ? `it is there for ${offered.join(", ")}` : "its registry does not say for what it is";
    const message = `the image ${image} is not there for ${wanted}: ${what}`;
    return new OrcoError("not_found", message, { ...error.facts, wanted, offered }, { cause: error });
  }

  private built(wanted: WantedImage, options: StartOptions): Promise<string> {
    const { engine, clock, env = process.env } = this.options;
    const { image, build, service = image } = wanted;
    if (!build) return Promise.resolve(image);
    return this.work.join(`build ${image} ${build.digest}`, asker(options), (tell, signal) =>
      builtImage(engine, { image, build, service }, { tell, signal, clock, env }),
    );
  }

  private async find(image: string, options: StartOptions): Promise<string | undefined> {
    try {
      return (await inspectImage(this.options.engine, image, signalOf(options))).Id;
    } catch (error) {
      // `invalid`: no name that an image could have; the pull says so.
      if (error instanceof OrcoError && (error.code === "not_found" || error.code === "invalid")) return undefined;
      throw error;
    }
  }
}

function neverPulled(image: string): never {
  const message = `the image ${image} is not on this machine and pull is never: docker pull ${image}, or set pull: missing`;
  throw new OrcoError("not_found", message, { image });
}

function asker({ signal, note, progress }: StartOptions): { signal?: AbortSignal; told: Told } {
  return { ...(signal && { signal }), told: { ...(note && { note }), ...(progress && { progress }) } };
}

function signalOf({ signal }: StartOptions): { signal?: AbortSignal } {
  return signal ? { signal } : {};
}
