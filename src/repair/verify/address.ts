import type { Engine } from "../../supervise/docker/engine.ts";
import type { AddressOf } from "./http.ts";

const PROJECT = "com.docker.compose.project";
const SERVICE = "com.docker.compose.service";

interface Row {
  readonly Names: readonly string[];
  readonly Labels: Readonly<Record<string, string>> | null;
  readonly HostConfig?: { readonly NetworkMode?: string };
  readonly NetworkSettings?: { readonly Networks: Readonly<Record<string, { readonly IPAddress: string }>> | null };
}

const ASK_TIMEOUT_MS = 5000;

/**
 * Where the running containers of a compose project are to be found from the host: by service, or by the container's name. Bound to no signal: a rollback
 * asks too, after the step was told to end that opened the service.
 */
export function addressesIn(engine: Engine, project: string): AddressOf {
  return async (host) => {
    const filters = JSON.stringify({ label: [`${PROJECT}=${project}`], status: ["running"] });
    const rows = await engine.call<Row[]>("GET", "/containers/json", { query: { filters }, timeoutMs: ASK_TIMEOUT_MS });
    const named = rows.find(({ Labels }) => Labels?.[SERVICE] === host) ?? rows.find(({ Names }) => Names.includes(`/${host}`));
    return named && addressOf(named);
  };
}

/** Undefined where it has none of its own, e.g. as it shares that of another container. */
function addressOf({ HostConfig, NetworkSettings }: Row): string | undefined {
  if (HostConfig?.NetworkMode === "host") return "127.0.0.1";
  return Object.values(NetworkSettings?.Networks ?? {}).find(({ IPAddress }) => IPAddress !== "")?.IPAddress;
}
