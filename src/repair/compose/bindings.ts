import { isJsonObject, type JsonObject } from "../../kernel/event.ts";
import { sectionOf } from "./render.ts";
import { list, text, volumesOf } from "./service-config.ts";

/** Something of this machine that a container of a service, or its build, gets to see. */
export interface Binding {
  /** Below the service, or with `//` in front from the top. */
  readonly pointer: string;
  readonly path: string;
  /** `the volume /data`, `the secret token`. */
  readonly what: string;
  /** Not a folder or file: a device, or a file system of its own making. */
  readonly device?: boolean;
}

/** Types of the local driver that bring nothing of this machine. */
const HARMLESS = /^(?:tmpfs|nfs4?|cifs|smb3?)$/;

/** Bind mounts, named volumes that are bind mounts, and files of secrets and configs. */
export function bindingsOf(config: JsonObject, service: JsonObject): Binding[] {
  const volumes = sectionOf(config, "volumes");
  const uses = volumesOf(service["volumes"]).flatMap(({ target, bind, volume }, index): Binding[] => {
    const pointer = `/volumes/${index}`;
    if (bind !== undefined) return [{ pointer, path: bind, what: `the volume ${target}` }];
    return volume === undefined ? [] : drivenTo(volume, volumes.get(volume));
  });
  const build = isJsonObject(service["build"]) ? service["build"] : {};
  return [
    ...uses,
    ...filesOf(config, "secrets", [...namesIn(service, "secrets"), ...namesIn(build, "secrets")]),
    ...filesOf(config, "configs", namesIn(service, "configs")),
  ];
}

function drivenTo(name: string, volume: JsonObject | undefined): Binding[] {
  const options = isJsonObject(volume?.["driver_opts"]) ? volume["driver_opts"] : {};
  const path = text(options["device"]);
  const type = text(options["type"]) ?? "";
  if (path === undefined || HARMLESS.test(type)) return [];
  const pointer = `//volumes/${name}/driver_opts`;
  const isBind = /(?:^|,)r?bind(?:,|$)/.test(text(options["o"]) ?? "");
  return [{ pointer, path, what: `the volume ${name}`, ...(!isBind && { device: true }) }];
}

function filesOf(config: JsonObject, section: "secrets" | "configs", names: readonly string[]): Binding[] {
  const all = sectionOf(config, section);
  return [...new Set(names)].flatMap((name) => {
    const path = text(all.get(name)?.["file"]);
    const what = `the ${section.slice(0, -1)} ${name}`;
    return path === undefined ? [] : [{ pointer: `//${section}/${name}/file`, path, what }];
  });
}

function namesIn(of: JsonObject, section: string): string[] {
  return list(of[section]).flatMap((one) => text(one) ?? (isJsonObject(one) ? (text(one["source"]) ?? []) : []));
}
