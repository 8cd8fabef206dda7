import type { CallOptions, Engine } from "./engine.ts";

export interface VolumeInfo {
  readonly Name: string;
  readonly Labels: Readonly<Record<string, string>> | null;
}

/** Makes it, or gives the one that has the name already, whoever made it. */
export function createVolume(
  engine: Engine,
  { name, labels, ...options }: CallOptions & { name: string; labels: Readonly<Record<string, string>> },
): Promise<VolumeInfo> {
  return engine.call("POST", "/volumes/create", { ...options, body: { Name: name, Labels: labels } });
}

export function inspectVolume(engine: Engine, name: string, options: CallOptions = {}): Promise<VolumeInfo> {
  return engine.call("GET", `/volumes/${encodeURIComponent(name)}`, options);
}

export async function listVolumes(engine: Engine, labels: readonly string[], options: CallOptions = {}): Promise<VolumeInfo[]> {
  const query = { filters: JSON.stringify({ label: labels }) };
  const { Volumes } = await engine.call<{ Volumes: VolumeInfo[] | null }>("GET", "/volumes", { ...options, query });
  return Volumes ?? [];
}

/** `conflict` while a container has it, running or not. */
export async function removeVolume(engine: Engine, name: string, options: CallOptions = {}): Promise<void> {
  await engine.call("DELETE", `/volumes/${encodeURIComponent(name)}`, options);
}
