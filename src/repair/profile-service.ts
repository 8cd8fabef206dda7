import { allowanceOf } from "./compose/allowance.ts";
import { isCrossCutting } from "./cross-cutting.ts";
import type { Profiles } from "./profile.ts";
import { ProfileFile, type ServiceEntry } from "./profile-shape.ts";
import type { ServiceProfile } from "./project.ts";

/** With everything that the file does not say filled in. `image`: the service's, which may be of a kind that is protected by itself. */
export function serviceProfile({ services }: Profiles, name: string, image?: string): ServiceProfile {
  const entry = services.get(name) ?? EMPTY;
  const { health, app_check: check, pr } = entry;
  const words = [...entry.allow.filter((word) => allowanceOf(word) !== undefined), ...entry.allow_compose];
  return {
    protected: entry.protected ?? (image !== undefined && isCrossCutting(image)),
    roles: entry.roles,
    selfApproval: entry.self_approval,
    expiresMs: entry.expires,
    ...(health && {
      health: { url: health.url, timeoutMs: health.timeout, ...(health.status !== undefined && { status: health.status }) },
    }),
    ...(check && {
      appCheck: {
        method: check.method,
        url: check.url ?? new URL(check.path ?? "/", health?.url).href,
        status: check.status,
        ...(check.body !== undefined && { body: check.body }),
        ...(check.pattern !== undefined && { pattern: check.pattern }),
      },
    }),
    allow: entry.allow.filter((word) => allowanceOf(word) === undefined),
    block: entry.block,
    ...(entry.compose_file !== undefined && { composeFile: entry.compose_file }),
    allowCompose: [...new Set(words.flatMap((word) => allowanceOf(word) ?? []))],
    buildTimeoutMs: entry.build_timeout,
    restartTimeoutMs: entry.restart_timeout,
    settleMs: entry.settle,
    ...(pr !== undefined && pr !== false && { pr: pr === true ? { remote: "origin" } : present(pr) }),
    repair: entry.repair,
  };
}

const EMPTY: ServiceEntry = ProfileFile.parse({ version: 1, services: { one: {} } }).services["one"] as ServiceEntry;

function present({ remote, base, repo }: { remote: string; base?: string | undefined; repo?: string | undefined }) {
  return { remote, ...(base !== undefined && { base }), ...(repo !== undefined && { repo }) };
}
