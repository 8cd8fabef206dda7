import { plainLine } from "../../kernel/plain-text.ts";
import type { ContainerState } from "../finding.ts";
import type { Look } from "./check.ts";

const MAX_SHOWN_OUTPUT = 300;

/** What the healthcheck of a container says: `unhealthy` is final, `starting` is not. */
export function healthLook(state: ContainerState | undefined): Look {
  const { status, log } = state?.health ?? { status: "none", log: [] };
  if (status === "healthy") return { ok: true, detail: "its healthcheck says healthy" };
  const probe = log.at(-1);
  const said = probe ? ` (exit code ${probe.exitCode}: ${plainLine(probe.output, MAX_SHOWN_OUTPUT) || "no output"})` : "";
  if (status === "unhealthy") return { ok: false, final: true, detail: `its healthcheck says unhealthy${said}` };
  return { ok: false, detail: `its healthcheck says ${status}${said}; restart_timeout bounds how long it is waited for` };
}

/** Whether there is a container of that image again. It may have ended: it was not well before. */
export function restoredLook(state: ContainerState | undefined, imageId: string | undefined): Look {
  if (!state) return { ok: false, detail: "there is no container of the service" };
  const { status } = state;
  if (imageId !== undefined && state.imageId !== undefined && state.imageId !== imageId)
    return { ok: false, detail: `its container is of image ${state.imageId}, not of ${imageId}` };
  const isThere = status !== "removing" && status !== "dead" && (status !== "created" || state.error !== "");
  return isThere ? { ok: true, detail: `its former image is there again (${status})` } : { ok: false, detail: `it is ${status}` };
}
