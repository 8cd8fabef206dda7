import type { JsonObject } from "../kernel/event.ts";

/** A folder with a compose file, as `ORCO_REPAIR_WORKSPACE` or `orco repair add` names it; or a stack that is up. */
export interface Project {
  /** compose unless given. */
  readonly kind?: "compose" | "stack";
  /** compose's own rule unless orco.repair.yaml says otherwise. */
  readonly name: string;
  /** Absolute, without symbolic links. */
  readonly workspace: string;
  /** Absolute; of a stack: its stack file. */
  readonly composeFile: string;
  /** The operator's `.env`, by its path only. */
  readonly envFile?: string;
  readonly services: readonly string[];
  readonly approvers: readonly Approver[];
}

export interface Approver {
  readonly id: string;
  readonly role: string;
  /** Hex; then an approval in this name needs the token. */
  readonly tokenSha256?: string;
}

/** `services.<name>` of orco.repair.yaml, with defaults. Durations in ms. */
export interface ServiceProfile {
  readonly protected: boolean;
  /** Who may approve; anybody when empty. */
  readonly roles: readonly string[];
  readonly selfApproval: boolean;
  readonly expiresMs: number;
  readonly health?: { readonly url: string; readonly status?: number; readonly timeoutMs: number };
  readonly appCheck?: AppCheck;
  /** Globs below the service's directory; added to the default allow-list. */
  readonly allow: readonly string[];
  readonly block: readonly string[];
  readonly composeFile?: string;
  /** What the compose policy lets this service ask for, e.g. `privileged`, `docker_socket`. */
  readonly allowCompose: readonly string[];
  readonly buildTimeoutMs: number;
  readonly restartTimeoutMs: number;
  readonly settleMs: number;
  readonly pr?: { readonly remote: string; readonly base?: string; readonly repo?: string };
  readonly repair: "off" | "propose" | "auto";
}

export interface AppCheck {
  readonly method: string;
  readonly url: string;
  readonly body?: string;
  readonly status: number;
  /** RE2 syntax, over the body of the answer. */
  readonly pattern?: string;
}

/** What matters of a service in the effective compose configuration (`docker compose config`). Paths absolute. */
export interface ServiceConfig {
  readonly image?: string;
  readonly build?: {
    readonly context: string;
    readonly dockerfile: string;
    readonly target?: string;
    readonly args: Readonly<Record<string, string>>;
  };
  readonly init: boolean;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  /** Targets of bind mounts inside the container. */
  readonly bindTargets: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly environment: Readonly<Record<string, string>>;
  readonly containerName?: string;
  /** The whole of it, as compose rendered it. */
  readonly raw: JsonObject;
}

/** A service that was asked for, found. */
export interface ServiceRef {
  readonly project: Project;
  /** As compose names it. */
  readonly service: string;
  readonly profile: ServiceProfile;
}
