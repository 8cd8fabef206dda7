import { OrcoError } from "../../kernel/errors.ts";
import type { ContainerState, Finding } from "../finding.ts";
import type { ServiceProfile } from "../project.ts";
import type { Target } from "../target.ts";
import type { Check, Look, Patience } from "./check.ts";
import { healthLook, restoredLook } from "./container.ts";
import { type AddressOf, ask, type HttpCheck } from "./http.ts";
import { retried } from "./retried.ts";
import { isSameRun, notRunning, Settling } from "./settling.ts";
import { signatureLook } from "./signature.ts";

/** How often docker is asked. */
const LOOK_EVERY_MS = 250;

export interface VerifyRequest extends Patience {
  readonly target: Pick<Target, "state" | "logs" | "isGone">;
  readonly profile: Pick<ServiceProfile, "health" | "appCheck" | "settleMs" | "restartTimeoutMs">;
  /** What was repaired: its lines must not come again. */
  readonly finding: Finding | null;
  readonly resolve?: AddressOf;
  /** `running_image`, after a rollback: it was not healthy before, so it only has to run that image again. */
  readonly expect?: "healthy" | "running_image";
  /** The image that the container has to be of. */
  readonly imageId?: string;
}

export interface VerifyResult {
  readonly ok: boolean;
  /** For a person: what was verified, or what failed. */
  readonly message: string;
  /** Those that were made, in their order; of a failure the last one is it. */
  readonly checks: readonly Check[];
  /** Nothing else could be verified. */
  readonly only?: "state";
}

/**
 * Container runs and stays up → compose healthcheck → HTTP health → application check → the fault's lines are gone from the log. Stops at the first that
 * fails. Every attempt is told to `onLine`. Rejects only when the signal aborts.
 */
export async function verify(request: VerifyRequest): Promise<VerifyResult> {
  const verification = new Verification(request);
  return request.expect === "running_image" ? verification.restored() : verification.all();
}

class Verification {
  private readonly checks: Check[] = [];
  private serving: ContainerState | undefined;

  constructor(private readonly request: VerifyRequest) {}

  async all(): Promise<VerifyResult> {
    const { health, appCheck } = this.request.profile;
    const ok =
      (await this.check("container", () => this.settle())) &&
      (!this.hasHealthcheck() || (await this.check("healthcheck", () => this.healthcheck()))) &&
      (!health || (await this.check("http", () => this.http("http", { method: "GET", ...health })))) &&
      (!appCheck || (await this.check("app", () => this.http("app", appCheck)))) &&
      (await this.stillServing()) &&
      (!this.request.finding || (await this.check("signature", () => this.signature())));
    return this.result(ok);
  }

  async restored(): Promise<VerifyResult> {
    const { imageId } = this.request;
    const look = async (): Promise<Look> => {
      const state = await this.state();
      return (await this.takenDown(state)) ?? restoredLook(state, imageId);
    };
    const ok = await this.check("container", () => this.watch("container", look));
    const message = `${this.checks[0]?.detail ?? ""}${ok ? "; it was not healthy before either, so nothing more was asked of it" : ""}`;
    return { ok, message, checks: this.checks, only: "state" };
  }

  private async check(name: Check["name"], look: () => Promise<Look>): Promise<boolean> {
    const { ok, detail } = await look();
    this.checks.push({ name, ok, detail });
    return ok;
  }

  private settle(): Promise<Look> {
    const { clock, profile, imageId } = this.request;
    const settling = new Settling(profile.settleMs);
    return this.watch(
      "container",
      async () => {
        const state = await this.state();
        if (state?.imageId !== undefined && imageId !== undefined && state.imageId !== imageId)
          return { ok: false, detail: `it is of image ${state.imageId}, not of ${imageId}` };
        const look = (await this.takenDown(state)) ?? settling.saw(state, clock.monotonic());
        if (look.ok) this.serving = state;
        return look;
      },
      profile.settleMs,
    );
  }

  private healthcheck(): Promise<Look> {
    return this.watch("healthcheck", async () => {
      const state = await this.state();
      return this.interruption(state) ?? healthLook(state);
    });
  }

  private http(name: "http" | "app", check: HttpCheck): Promise<Look> {
    const { clock, signal, resolve, profile } = this.request;
    const timeoutMs = profile.health?.timeoutMs ?? profile.restartTimeoutMs;
    return retried({ ...this.request, name, timeoutMs }, async (leftMs) => {
      const look = await ask(check, { clock, signal, leftMs, ...(resolve && { resolve }) });
      if (look.ok) return look;
      return (await this.ended()) ?? look;
    });
  }

  private async signature(): Promise<Look> {
    const { finding, target, signal, onLine } = this.request;
    const look = await dockerLook(signal, async () => signatureLook(finding as Finding, await target.logs(signal)));
    onLine(`signature: ${look.ok ? "ok" : "failed"}: ${look.detail}`);
    return look;
  }

  /** Whatever answered, the container must be the one that was seen to settle. */
  private async stillServing(): Promise<boolean> {
    const ended = await this.ended();
    if (ended) this.request.onLine(`container: failed: ${ended.detail}`);
    return !ended || this.check("container", () => Promise.resolve(ended));
  }

  /** Docker that does not answer just then says nothing of the container. */
  private async ended(): Promise<Look | undefined> {
    const found: { look?: Look | undefined } = {};
    await dockerLook(this.request.signal, async () => {
      found.look = this.interruption(await this.state());
      return { ok: true, detail: "" };
    });
    return found.look;
  }

  private interruption(state: ContainerState | undefined): Look | undefined {
    if (!state) return { ok: false, final: true, detail: "the container is gone" };
    if (state.status !== "running") return { ...notRunning(state), final: true };
    if (this.serving && isSameRun(this.serving, state)) return undefined;
    return { ok: false, final: true, detail: "the container was started anew while it was verified" };
  }

  /** Many looks at docker, until the restart's deadline. */
  private watch(name: string, look: () => Promise<Look>, moreMs = 0): Promise<Look> {
    const timeoutMs = this.request.profile.restartTimeoutMs + moreMs;
    const { signal } = this.request;
    return retried({ ...this.request, name, timeoutMs, everyMs: LOOK_EVERY_MS }, () => dockerLook(signal, look));
  }

  /** Nobody brings back what somebody takes down. */
  private async takenDown(state: ContainerState | undefined): Promise<Look | undefined> {
    const { target, signal } = this.request;
    const isGone = state === undefined && (await target.isGone?.(signal)) === true;
    return isGone ? { ok: false, final: true, detail: "it was taken down" } : undefined;
  }

  private state(): Promise<ContainerState | undefined> {
    return this.request.target.state(this.request.signal);
  }

  private hasHealthcheck(): boolean {
    const health = this.serving?.health;
    return health !== undefined && health.status !== "none";
  }

  private result(ok: boolean): VerifyResult {
    const { checks } = this;
    const last = checks.at(-1);
    if (!ok) return { ok, message: `${last?.name ?? "container"}: ${last?.detail ?? ""}`, checks };
    const only = !checks.some(({ name }) => name === "healthcheck" || name === "http" || name === "app");
    const details = checks.map(({ detail }) => detail).join("; ");
    if (!only) return { ok, message: details, checks };
    const caveat = "this is all that was verified: no healthcheck, health URL or app check is configured";
    return { ok, message: `${details}; ${caveat}`, checks, only: "state" };
  }
}

/** What docker refuses to say is a look that found nothing; another one may. */
async function dockerLook(signal: AbortSignal, look: () => Promise<Look>): Promise<Look> {
  try {
    return await look();
  } catch (error) {
    if (signal.aborted || !(error instanceof OrcoError)) throw error;
    return { ok: false, detail: error.message };
  }
}
