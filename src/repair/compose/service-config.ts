import { resolve } from "node:path";
import { isJsonObject, type Json, type JsonObject } from "../../kernel/event.ts";
import type { ServiceConfig } from "../project.ts";

/** A remote build context: a git repository or an archive. */
const REMOTE = /^(?:[a-z][a-z0-9+.-]*:\/\/|git@|github\.com\/)/i;

/** What matters of a service in the rendered file: `services.<name>` of `docker compose config`, of both kinds of compose. */
export function serviceConfig(raw: JsonObject): ServiceConfig {
  const build = buildOf(raw["build"]);
  const entrypoint = words(raw["entrypoint"]);
  const command = words(raw["command"]);
  const test = testOf(raw["healthcheck"]);
  const containerName = text(raw["container_name"]);
  const image = text(raw["image"]);
  return {
    ...(image !== undefined && { image }),
    ...(build && { build }),
    init: raw["init"] === true,
    ...(entrypoint && { entrypoint }),
    ...(command && { command }),
    bindTargets: volumesOf(raw["volumes"]).flatMap(({ bind, target }) => (bind === undefined ? [] : [target])),
    ...(test && { healthcheck: { test } }),
    environment: pairs(raw["environment"]),
    ...(containerName !== undefined && { containerName }),
    raw,
  };
}

export interface VolumeUse {
  readonly target: string;
  /** A path of this machine. */
  readonly bind?: string;
  /** A volume of the file. */
  readonly volume?: string;
}

/** The long form (v2) and `source:target:mode` (v1). */
export function volumesOf(value: Json | undefined): VolumeUse[] {
  return list(value).flatMap((one) => {
    if (typeof one === "string") return [shortVolume(one)];
    if (!isJsonObject(one)) return [];
    const target = text(one["target"]) ?? "";
    const source = text(one["source"]);
    if (one["type"] === "bind") return [{ target, bind: source ?? "" }];
    return [{ target, ...(one["type"] === "volume" && source !== undefined && { volume: source }) }];
  });
}

function shortVolume(short: string): VolumeUse {
  const [source = "", target] = short.split(":");
  if (target === undefined) return { target: source };
  return /^[./~]/.test(source) ? { target, bind: source } : { target, volume: source };
}

/** As it is meant: `$$` is one `$`. */
export function meant(value: string): string {
  return value.replaceAll("$$", "$");
}

/** Undefined for what is no text; numbers are taken as they are written. */
export function text(value: Json | undefined): string | undefined {
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return typeof value === "string" ? meant(value) : undefined;
}

export function list(value: Json | undefined): readonly Json[] {
  if (Array.isArray(value)) return value as readonly Json[];
  return [];
}

/** A map, or `NAME=value` lines; without those that have no value. */
function pairs(value: Json | undefined): Record<string, string> {
  const found = isJsonObject(value)
    ? Object.entries(value).map(([name, one]) => [name, text(one)] as const)
    : list(value).map((line) => {
        const [name = "", ...rest] = (text(line) ?? "").split("=");
        return [name, rest.length === 0 ? undefined : rest.join("=")] as const;
      });
  return Object.fromEntries(found.filter((pair): pair is readonly [string, string] => pair[1] !== undefined));
}

function isRemote(context: string): boolean {
  return REMOTE.test(context);
}

function buildOf(value: Json | undefined): ServiceConfig["build"] {
  const build = isJsonObject(value) ? value : typeof value === "string" ? { context: value } : undefined;
  if (!build) return undefined;
  const context = text(build["context"]) ?? ".";
  const named = text(build["dockerfile"]) ?? "Dockerfile";
  const target = text(build["target"]);
  const dockerfile = isRemote(context) ? named : resolve(context, named);
  return { context, dockerfile, ...(target !== undefined && { target }), args: pairs(build["args"]) };
}

function testOf(value: Json | undefined): readonly string[] | undefined {
  if (!isJsonObject(value) || value["disable"] === true) return undefined;
  const { test } = value;
  const shell = text(test);
  const found = shell !== undefined ? ["CMD-SHELL", shell] : list(test).flatMap((word) => text(word) ?? []);
  return found.length === 0 || found[0] === "NONE" ? undefined : found;
}

/** A list, or words as a shell would part them. */
function words(value: Json | undefined): readonly string[] | undefined {
  const line = text(value);
  if (line !== undefined) return shellWords(line);
  return Array.isArray(value) ? list(value).flatMap((word) => text(word) ?? []) : undefined;
}

function shellWords(line: string): string[] {
  const found = line.matchAll(/(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+/gs);
  return [...found].map(([word]) =>
    word.replace(/\\(.)|"((?:[^"\\]|\\.)*)"|'([^']*)'/gs, (_, escaped?: string, double?: string, single?: string) =>
      double === undefined ? (escaped ?? single ?? "") : double.replace(/\\(["\\$`])/g, "$1"),
    ),
  );
}
