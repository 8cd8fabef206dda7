import { runsTwo } from "../fronts/fronted.ts";
import type { ServiceSpec, VolumeSpec } from "../spec.ts";
import { bindsItself } from "./own-port.ts";
import type { Report } from "./report.ts";
import type { Resolved } from "./resolved.ts";
import { nodeAt } from "./source.ts";

/** Volumes that an instance writes to and its successor finds again. */
function writable(volumes: readonly VolumeSpec[]): VolumeSpec[] {
  return volumes.filter((volume) => volume.kind === "anonymous" || (volume.kind === "volume" && !volume.readOnly));
}

/** Most programs that keep data there (databases) ruin it when two of them do: see `checkSharedData`. */
export function keepsData(volumes: readonly VolumeSpec[]): boolean {
  return writable(volumes).length > 0;
}

interface SharedVolume {
  readonly message: string;
  readonly hint: string;
}

/** What is to be said of so many replicas that write to a volume they share. One without a name each of them has for itself. */
export function sharedVolume({ name, volumes }: Pick<ServiceSpec, "name" | "volumes">, replicas: number): SharedVolume | undefined {
  const shared = volumes.find((volume) => volume.kind === "volume" && !volume.readOnly);
  if (shared?.kind !== "volume" || replicas < 2) return undefined;
  return {
    message: `${replicas} replicas of ${name} all write to volume ${shared.name}`,
    hint: "databases do not survive that: keep one replica, mount it :ro, or give each a volume without a name",
  };
}

/** Warns of replicas that write to the same volume, and of one replica with data of its own, which the declared strategy runs beside its successor for a while. */
export function checkSharedData(services: Iterable<Resolved>, report: Report): void {
  for (const { spec, declared, ports, node, path } of services) {
    const shared = sharedVolume(spec, spec.replicas);
    if (shared) report.add([...path, "replicas"], nodeAt(node, ["replicas"]), { severity: "warning", ...shared });
    const [volume] = writable(spec.volumes);
    const serves = ports.some((port) => port.host !== undefined && !bindsItself(port, spec));
    if (!volume || serves || spec.replicas !== 1 || declared.update?.strategy === undefined || !runsTwo(spec.update)) continue;
    const name = volume.kind === "volume" ? volume.name : volume.target;
    report.add([...path, "update", "strategy"], nodeAt(node, ["update", "strategy"]), {
      severity: "warning",
      message: `${spec.update.strategy} runs two instances of ${spec.name} at once, both writing to volume ${name}`,
      hint: "databases do not survive that: use strategy: recreate, or maxSurge: 0 with maxUnavailable: 1",
    });
  }
}
