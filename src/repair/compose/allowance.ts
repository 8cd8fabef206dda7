import type { Json } from "../../kernel/event.ts";

/** What a profile may allow a service, by these words in its `allow`. */
export const COMPOSE_ALLOWANCES = [
  "privileged",
  "pid",
  "network_mode",
  "ipc",
  "uts",
  "cgroup",
  "cgroup_parent",
  "userns_mode",
  "docker_socket",
  "binds",
  "cap_add",
  "devices",
  "device_cgroup_rules",
  "security_opt",
  "volumes_from",
  "build_network",
  "build_privileged",
  "build_ssh",
  "outside_files",
  "provider",
] as const;
export type ComposeAllowance = (typeof COMPOSE_ALLOWANCES)[number];

/** Other words for the same. */
const ALIASES: Readonly<Record<string, ComposeAllowance>> = {
  host_pid: "pid",
  host_network: "network_mode",
  host_ipc: "ipc",
  host_uts: "uts",
  host_userns: "userns_mode",
  socket: "docker_socket",
  host_binds: "binds",
};

/** The allowance that a word of a profile is, or undefined where it is a glob. */
export function allowanceOf(word: string): ComposeAllowance | undefined {
  const plain = word.trim().toLowerCase().replaceAll("-", "_");
  return COMPOSE_ALLOWANCES.find((one) => one === plain) ?? (Object.hasOwn(ALIASES, plain) ? ALIASES[plain] : undefined);
}

export interface Ask {
  /** Below the service; with `//` in front from the top. */
  readonly pointer: string;
  readonly detail: string;
  readonly needs: ComposeAllowance;
}

export function isOn(value: Json | undefined): boolean {
  return value === true || value === "true";
}
