import { replaceIn } from "../dockerfile/edit.ts";
import { chainOf } from "../dockerfile/locate.ts";
import { filledIn } from "../dockerfile/parse.ts";
import type { FileEdit } from "../finding.ts";
import type { ServiceSnapshot } from "../snapshot.ts";
import type { Place } from "./run-image.ts";

export interface BaseTag {
  readonly from: string;
  readonly to: string;
  readonly edit: FileEdit;
}

/** Another version of the official image that a stage is built on (`node`, `golang`); what else the tag says stays. Undefined where the base is another image. */
export function withBaseTag(
  program: "node" | "golang",
  version: string,
  { place, snapshot }: { readonly place: Place; readonly snapshot: ServiceSnapshot },
): BaseTag | undefined {
  const stage = chainOf(place.dockerfile, place.stage).at(-1);
  const image = stage?.image ?? "";
  const parts = new RegExp(`^((?:[\\w.:-]+/)*${program})(?::([\\w.-]+))?$`).exec(image);
  const path = snapshot.dockerfile?.path;
  if (!stage || !parts || path === undefined) return undefined;
  const [, name = "", tag = ""] = parts;
  const to = `${name}:${version}${suffixOf(tag)}`;
  const literal = replaceIn(place.text, stage.from, [image, to]);
  if (literal !== place.text) return { from: image, to, edit: { path, text: literal } };
  const text = inArgument(place, { stage: stage.from.text, tag, to: `${version}${suffixOf(tag)}`, version });
  return text === undefined ? undefined : { from: image, to, edit: { path, text } };
}

/** `-alpine3.19` goes with one version of the program; `-alpine` with all. */
function suffixOf(tag: string): string {
  const suffix = /^(?:\d[\d.]*|lts|latest|current|[a-z]+)?((?:-[\w.]+)*)$/.exec(tag)?.[1] ?? "";
  const own = /^(?:slim|alpine|bookworm|bullseye)/.test(tag) ? `-${tag}` : suffix;
  return own.replace(/-alpine[\d.]+/, "-alpine").replace(/-(?:trixie|buster|stretch)\b/, "-bookworm");
}

/** `ARG NODE_VERSION=20` in front of `FROM node:${NODE_VERSION}-slim`. */
function inArgument(
  { text, dockerfile }: Place,
  wanted: { readonly stage: string; readonly tag: string; readonly to: string; readonly version: string },
): string | undefined {
  const name = /\$\{?(\w+)/.exec(wanted.stage)?.[1];
  const arg = dockerfile.args.find((one) => new RegExp(`\\b${name ?? "-"}=`).test(one.text));
  const value = arg && /=("?)([\w.-]+)\1\s*$/.exec(arg.text)?.[2];
  if (!arg || value === undefined || filledIn(wanted.stage, { [name ?? ""]: value }) === wanted.stage) return undefined;
  const by = value === wanted.tag ? wanted.to : /^\d[\d.]*$/.test(value) ? wanted.version : undefined;
  return by === undefined
    ? undefined
    : replaceIn(text, arg, [`=${text.includes(`="${value}"`) ? '"' : ""}${value}`, `=${text.includes(`="${value}"`) ? '"' : ""}${by}`]);
}
