import { canonical } from "../kernel/canonical.ts";
import { shownText } from "./load/launch.ts";
import type { PortSpec, ServiceSpec, VolumeSpec } from "./spec.ts";

export interface FieldChange {
  readonly path: string;
  readonly from?: unknown;
  readonly to?: unknown;
}

const MASK = "***";
const SECRET_NAME = /KEY|TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|PRIVATE|AUTH|(?:^|_)(?:PWD|PASS|DSN)(?:_|$)/i;
const URL_PASSWORD = /(:\/\/[^/\s:@]*:)[^/\s@]+(@)/g;
const ARGUMENT_SECRET = /^(--?[\w-]*(?:key|token|secret|password|passwd)[\w-]*=).+$/i;
/** Fields of the spec that have another name in stack.yaml. */
const WRITTEN: Readonly<Record<string, string>> = { limits: "resources" };
/** Groups of the spec whose fields stand by themselves in stack.yaml. */
const SPREAD: ReadonlySet<string> = new Set(["docker"]);

/** Fields that differ, by their dotted path in stack.yaml and as they are written there; secrets masked. */
export function changedFields(current: ServiceSpec, desired: ServiceSpec): FieldChange[] {
  const found: FieldChange[] = [];
  compare([], { from: current, to: desired }, found);
  return found.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

interface Sides {
  readonly from: unknown;
  readonly to: unknown;
}

function compare(path: readonly string[], { from, to }: Sides, found: FieldChange[]): void {
  if (canonical(from) === canonical(to)) return;
  if (path[0] !== "secrets" || path.length < 2) {
    if ((isPlain(from) || from === undefined) && (isPlain(to) || to === undefined) && (isPlain(from) || isPlain(to))) {
      const keys = new Set([...Object.keys(from ?? {}), ...Object.keys(to ?? {})]);
      for (const key of keys) compare([...path, key], { from: member(from, key), to: member(to, key) }, found);
      return;
    }
  }
  const last = path.at(-1) ?? "";
  found.push({
    path: path
      .filter((part, index) => index > 0 || !SPREAD.has(part))
      .map(written)
      .join("."),
    ...(from !== undefined && { from: shown(path, last, from) }),
    ...(to !== undefined && { to: shown(path, last, to) }),
  });
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function member(value: Record<string, unknown> | undefined, key: string): unknown {
  return value && Object.hasOwn(value, key) ? value[key] : undefined;
}

function written(part: string, index: number, path: readonly string[]): string {
  const owner = path[index - 1];
  // Names of variables, labels and headers are the user's own.
  if (owner === "env" || owner === "labels" || owner === "headers" || owner === "secrets" || owner === "args") return part;
  return WRITTEN[part] ?? part.replace(/(?:Ms|Bytes)$/, "");
}

/** One value as a person wrote it: durations and sizes with units, ports in short form, secrets masked. */
function shown(path: readonly string[], name: string, value: unknown): unknown {
  const owner = path.at(-2);
  if (path[0] === "secrets") return MASK;
  if ((owner === "env" || owner === "headers" || owner === "args") && SECRET_NAME.test(name)) return MASK;
  if (typeof value === "number" && owner !== "env") return quantity(name, value);
  if (typeof value === "string") return shownText(value).replace(URL_PASSWORD, `$1${MASK}$2`);
  if (!Array.isArray(value)) return value;
  if (name === "ports") return value.map((port: PortSpec) => shownPort(port));
  if (name === "volumes") return value.map((volume: VolumeSpec) => shownVolume(volume));
  return value.map((item: unknown) =>
    typeof item === "string" ? shownText(item).replace(URL_PASSWORD, `$1${MASK}$2`).replace(ARGUMENT_SECRET, `$1${MASK}`) : item,
  );
}

function shownPort({ host, hostIp, container, protocol }: PortSpec): string {
  const ip = hostIp === undefined ? "" : `${hostIp.includes(":") ? `[${hostIp}]` : hostIp}:`;
  const left = host === undefined && ip === "" ? "" : `${ip}${host ?? ""}:`;
  return `${left}${container}${protocol === "tcp" ? "" : `/${protocol}`}`;
}

function shownVolume(volume: VolumeSpec): string {
  if (volume.kind === "anonymous") return volume.target;
  if (volume.kind === "tmpfs") return `tmpfs:${volume.target}`;
  const options = [volume.readOnly && "ro", volume.kind === "bind" && volume.selinux].filter(Boolean).join(",");
  return `${volume.kind === "bind" ? volume.source : volume.name}:${volume.target}${options && `:${options}`}`;
}

function quantity(name: string, value: number): unknown {
  if (name.endsWith("Ms"))
    return (
      exactly(value, [
        ["h", 3_600_000],
        ["m", 60_000],
        ["s", 1000],
      ]) ?? `${value}ms`
    );
  if (name.endsWith("Bytes") || name === "memory")
    return (
      exactly(value, [
        ["Gi", 2 ** 30],
        ["Mi", 2 ** 20],
        ["Ki", 1024],
      ]) ?? `${value}`
    );
  return value;
}

/** In the largest unit that leaves no fraction. */
function exactly(value: number, units: readonly (readonly [unit: string, size: number])[]): string | undefined {
  const fitting = units.find(([, size]) => value >= size && value % size === 0);
  return fitting && `${value / fitting[1]}${fitting[0]}`;
}
