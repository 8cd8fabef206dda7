import { resolve } from "node:path";
import { isJsonObject, type Json, type JsonObject } from "../../kernel/event.ts";
import { type Ask, type ComposeAllowance, isOn } from "./allowance.ts";
import { isBelow } from "./inside.ts";
import { list, text } from "./service-config.ts";

export interface BuildPlace {
  readonly workspace: string;
  readonly real: (path: string) => string;
}

/** What the build of a service asks for beyond the project. */
export function buildAsks(service: JsonObject, { workspace, real }: BuildPlace): Ask[] {
  const build = service["build"];
  if (!isJsonObject(build)) return [];
  const asks: Ask[] = [];
  const add = (key: string, needs: ComposeAllowance, detail: string): void =>
    void asks.push({ pointer: `/build${key && `/${key}`}`, needs, detail });
  const network = text(build["network"]);
  if (network !== undefined && /^(?:host$|container:)/.test(network))
    add("network", "build_network", `the build would run in the network of ${network}`);
  if (isOn(build["privileged"])) add("privileged", "build_privileged", "the build would be privileged");
  if (list(build["entitlements"]).length > 0) add("entitlements", "build_privileged", "the build asks for entitlements");
  if (list(build["ssh"]).length > 0 || (isJsonObject(build["ssh"]) && Object.keys(build["ssh"]).length > 0))
    add("ssh", "build_ssh", "the build would use ssh keys of this machine");
  const outside = (path: string): boolean => path.startsWith("/") && !isBelow(real(path), workspace);
  const context = text(build["context"]) ?? "";
  if (outside(context)) add("context", "outside_files", `the build context ${context} lies outside the project`);
  else if (context.startsWith("/") && outside(resolve(context, text(build["dockerfile"]) ?? "")))
    add("dockerfile", "outside_files", `the Dockerfile ${text(build["dockerfile"])} lies outside the project`);
  for (const [name, path] of Object.entries(mapOf(build["additional_contexts"])))
    if (outside(path)) add("additional_contexts", "outside_files", `the context ${name} of the build, ${path}, lies outside the project`);
  for (const key of ["cache_from", "cache_to"])
    for (const [, path = ""] of list(build[key]).flatMap((one) => [...(text(one) ?? "").matchAll(/\b(?:src|dest)=([^,]+)/g)]))
      if (outside(path)) add(key, "outside_files", `${key} lies outside the project`);
  return asks;
}

function mapOf(value: Json | undefined): Record<string, string> {
  if (isJsonObject(value)) return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, text(one) ?? ""]));
  return Object.fromEntries(list(value).map((one) => (text(one) ?? "").split("=", 2) as [string, string]));
}
