import { isJsonObject, type Json, type JsonObject } from "../../kernel/event.ts";
import { type Ask, allowanceOf, type ComposeAllowance, isOn } from "./allowance.ts";
import { type Binding, bindingsOf } from "./bindings.ts";
import { buildAsks } from "./build-policy.ts";
import { isBelow } from "./inside.ts";
import { sectionOf } from "./render.ts";
import { list, text } from "./service-config.ts";

export interface Refused {
  /** JSON pointer into the rendered file, e.g. `/services/api/privileged`. */
  readonly pointer: string;
  readonly detail: string;
}

export interface PolicyPlace {
  readonly service: string;
  /** Absolute, without symbolic links. */
  readonly workspace: string;
  /** Words of COMPOSE_ALLOWANCES. */
  readonly allow: readonly string[];
  /** Follows symbolic links as far as there are any. */
  readonly real: (path: string) => string;
  /** Sockets that a container engine is spoken to by, without symbolic links. */
  readonly sockets: readonly string[];
}

/** What a service asks for that gives it the machine, or what is not the project's, and that its profile does not allow. Of a rendered file. */
export function decideCompose(config: JsonObject, place: PolicyPlace): Refused[] {
  const service = sectionOf(config, "services").get(place.service);
  if (!service) return [];
  const allowed = new Set(place.allow.map(allowanceOf));
  const asks = [...modes(service), ...lists(service), ...buildAsks(service, place), ...networks(service, config), ...hooks(service)];
  const bindings = bindingsOf(config, service).flatMap((binding) => bindingAsks(binding, place));
  const at = `/services/${place.service.replaceAll("~", "~0").replaceAll("/", "~1")}`;
  return [...asks, ...bindings]
    .filter(({ needs }) => !allowed.has(needs))
    .map(({ pointer, detail, needs }) => ({
      pointer: pointer.startsWith("//") ? pointer.slice(1) : `${at}${pointer}`,
      detail: `${detail}; leave it out, or allow it in orco.repair.yaml (services.${place.service}.allow: [${needs}])`,
    }));
}

/** One value that opens the machine. */
function modes(service: JsonObject): Ask[] {
  const asks: Ask[] = [];
  const add = (key: string, needs: ComposeAllowance, detail: string): void => void asks.push({ pointer: `/${key}`, needs, detail });
  if (isOn(service["privileged"])) add("privileged", "privileged", "privileged gives the container the whole machine");
  for (const key of ["pid", "ipc", "uts", "network_mode", "userns_mode", "cgroup"] as const) {
    const value = text(service[key]) ?? text(service[key === "network_mode" ? "net" : key]);
    if (value !== undefined && /^(?:host$|container:)/.test(value)) add(key, key, `${key}: ${value} takes it out of its own namespace`);
  }
  const parent = text(service["cgroup_parent"]);
  if (parent) add("cgroup_parent", "cgroup_parent", `cgroup_parent: ${parent} puts it among groups of the machine`);
  if (isOn(service["use_api_socket"])) add("use_api_socket", "docker_socket", "use_api_socket gives it docker, and by that the machine");
  if (service["provider"] !== undefined && service["provider"] !== null)
    add("provider", "provider", "provider runs a program of this machine");
  return asks;
}

function lists(service: JsonObject): Ask[] {
  const keys = ["cap_add", "devices", "device_cgroup_rules", "security_opt", "volumes_from"] as const;
  const asks = keys.flatMap((key): Ask[] => {
    const named = list(service[key]).map((one) => text(one) ?? JSON.stringify(one));
    return named.length === 0 ? [] : [{ pointer: `/${key}`, needs: key, detail: `${key} asks for ${named.join(", ").slice(0, 200)}` }];
  });
  const reserved = deep(service, ["deploy", "resources", "reservations", "devices"]);
  const more: Ask[] = [
    ...(list(reserved).length === 0
      ? []
      : [
          {
            pointer: "/deploy/resources/reservations/devices",
            needs: "devices" as const,
            detail: "deploy reserves devices of the machine",
          },
        ]),
    ...(list(service["gpus"]).length === 0 && text(service["gpus"]) === undefined
      ? []
      : [{ pointer: "/gpus", needs: "devices" as const, detail: "gpus asks for devices of the machine" }]),
  ];
  return [...asks, ...more];
}

/** Of networks that others made, the one named `host` is the machine's. */
function networks(service: JsonObject, config: JsonObject): Ask[] {
  const { networks: used } = service;
  const names = isJsonObject(used) ? Object.keys(used) : list(used).flatMap((one) => text(one) ?? []);
  const all = sectionOf(config, "networks");
  return names
    .filter((name) => ["host"].includes(text(all.get(name)?.["name"]) ?? text(deep(all.get(name), ["external", "name"])) ?? ""))
    .map((name) => ({ pointer: `/networks/${name}`, needs: "network_mode", detail: `the network ${name} is that of the machine` }));
}

function hooks(service: JsonObject): Ask[] {
  return ["post_start", "pre_stop"].flatMap((key) =>
    list(service[key]).some((one) => isJsonObject(one) && isOn(one["privileged"]))
      ? [{ pointer: `/${key}`, needs: "privileged" as const, detail: `${key} runs a privileged command` }]
      : [],
  );
}

function bindingAsks({ pointer, path, what, device }: Binding, { workspace, real, sockets }: PolicyPlace): Ask[] {
  if (device === true) return [{ pointer, needs: "devices", detail: `${what} mounts ${path} of the machine` }];
  const at = real(path);
  const asks: Ask[] = [];
  // A folder that holds it gives it as well; one of the project's own may not hold it, whatever `binds` allows.
  if (sockets.some((socket) => isBelow(socket, at)) || at.endsWith("/docker.sock"))
    asks.push({ pointer, needs: "docker_socket", detail: `${what} gives it the docker socket (${path}), and by that the machine` });
  if (!isBelow(at, workspace))
    asks.push({
      pointer,
      needs: what.startsWith("the secret") || what.startsWith("the config") ? "outside_files" : "binds",
      detail: `${what} is ${path}, which lies outside the project`,
    });
  return asks;
}

function deep(value: Json | undefined, keys: readonly string[]): Json | undefined {
  return keys.reduce<Json | undefined>((at, key) => (isJsonObject(at) ? at[key] : undefined), value);
}
