import { isIP } from "node:net";
import { isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";
import { hostOf } from "../../kernel/webhook/target.ts";
import { failure } from "../failure.ts";
import { chooseAddresses } from "./fetch/address.ts";
import type { ModelRoots } from "./roots.ts";

/** Where the file of a model comes from. */
export type Source =
  | { readonly kind: "file"; readonly path: string }
  | {
      readonly kind: "remote";
      readonly url: URL;
      /** Of Hugging Face, which sends on to another host. */
      readonly redirects: boolean;
      /** The file's own name. */
      readonly name: string;
    };

export interface SourceRules {
  readonly roots: ModelRoots;
  /** ORCO_MODEL_ALLOW. */
  readonly allow: readonly string[];
  /** `https://huggingface.co`. */
  readonly hfBase: string;
}

const SCHEME = /^([a-z][a-z0-9+.-]*):/i;
const HF = /^hf:(?:\/\/)?([\w.-]+\/[\w.-]+)\/([^@]+)(?:@([\w.][\w./-]*))?$/;

/** What a `source_url` means. Throws INVALID_PARAMS for what is never read or fetched, as far as it shows before a name is resolved. */
export function sourceOf(text: string, rules: SourceRules): Source {
  if (text.includes("\0") || !text.isWellFormed()) throw refused("has a character that no reference has");
  const scheme = SCHEME.exec(text)?.[1]?.toLowerCase();
  switch (scheme) {
    case undefined:
      return fileSource(text, rules.roots);
    case "file":
      return fileSource(fileOf(text), rules.roots);
    case "hf":
      return hfSource(text, rules);
    case "http":
    case "https":
      return webSource(text, rules);
    default:
      throw refused(`is of ${scheme}: and has to be a file:, https: or hf: reference, or a path`);
  }
}

function fileOf(text: string): string {
  if (!/^file:\//i.test(text)) return decoded(text.slice("file:".length));
  const url = URL.parse(text);
  if (!url || (url.hostname !== "" && url.hostname !== "localhost")) throw refused("names a file of another machine");
  try {
    return fileURLToPath(`file://${url.pathname}`);
  } catch {
    throw refused("is no file: URL");
  }
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw refused("has a % that begins no character");
  }
}

function fileSource(text: string, roots: ModelRoots): Source {
  const path = isAbsolute(text) ? text : join(roots.first, text);
  if (text === "" || !roots.covers(path))
    throw refused(
      `is ${path}, outside the folders that models may lie in: move it below ${roots.first}, or name its folder in ORCHD_MODEL_ROOTS`,
    );
  return { kind: "file", path };
}

function hfSource(text: string, { hfBase }: SourceRules): Source {
  const [, repo = "", path = "", revision = "main"] = HF.exec(text) ?? [];
  const parts = [...repo.split("/"), ...path.split("/"), ...revision.split("/")];
  if (repo === "" || parts.some((part) => /^\.{0,2}$/.test(part)))
    throw refused("has to be hf:org/repo/path/to/file, with @revision or without");
  const file = path.split("/").map(encodeURIComponent).join("/");
  const url = new URL(`${hfBase}/${repo}/resolve/${encodeURIComponent(revision)}/${file}`);
  return { kind: "remote", url, redirects: true, name: nameOf(url) };
}

function webSource(text: string, { allow }: SourceRules): Source {
  const url = URL.parse(text);
  if (!url) throw refused("is no URL");
  if (url.username !== "" || url.password !== "") throw refused("carries credentials, which would be stored and shown");
  const host = hostOf(url);
  const addresses = isIP(host) > 0 ? [host] : /(?:^|\.)localhost\.?$/i.test(host) ? ["127.0.0.1", "::1"] : [];
  const chosen = addresses.length > 0 ? chooseAddresses({ allow, url })(addresses) : addresses;
  if (typeof chosen === "string") throw refused(`goes to ${url.host}: ${chosen}`);
  url.hash = "";
  return { kind: "remote", url, redirects: false, name: nameOf(url) };
}

/** The last part of the path, as a harmless file name. */
function nameOf({ pathname }: URL): string {
  const last = pathname.split("/").findLast((part) => part !== "") ?? "";
  const plain = last.replaceAll(/%[0-9a-f]{2}|[^\w.-]/gi, "_").replace(/^\.+/, "");
  return plain.slice(-150) || "model";
}

function refused(problem: string): Error {
  const detail = `source_url ${problem}`;
  return failure("INVALID_PARAMS", detail, { errors: [{ pointer: "/source_url", detail }] });
}
