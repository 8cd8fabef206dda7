import { builtinModules } from "node:module";
import { posix } from "node:path";
import { nearest } from "../../kernel/nearest.ts";
import { readPackage } from "../manifests/package-json.ts";
import type { ServiceSnapshot } from "../snapshot.ts";
import { NODE_MODULES } from "./node-modules.ts";

/** What a name that Node did not find may be; `own`: nothing that is installed. `near`: the well-known package it looks like a slip of. */
export type NodeName =
  | { readonly kind: "package"; readonly name: string; readonly near?: string }
  | { readonly kind: "own"; readonly why: string };

/** As npm allows them to be. */
const VALID = /^(?:@[a-z0-9~-][a-z0-9._~-]{0,100}\/)?[a-z0-9~-][a-z0-9._~-]{0,100}$/;
const BUILTIN = new Set([...builtinModules.map((name) => name.split("/")[0] ?? name), "sqlite", "sea", "test"]);
/** Parts of a package for one kind of machine: they come with it, or not at all. */
const FOR_MACHINES = /(?:linux|darwin|win32|freebsd|android)-(?:x64|arm64|ia32|arm|ppc64|s390x)/;

/** Subpaths belong to their package: `lodash/fp` is lodash, `@scope/a/b` is `@scope/a`. */
export function nodeName(written: string, snapshot: ServiceSnapshot): NodeName {
  if (/^(?:\.|\/|file:|[A-Za-z]:[\\/])/.test(written)) return own("it is a file of the project");
  if (/^(?:#|@\/|~|\$)/.test(written)) return own("it is a short name of the project's own for a folder");
  if (written.startsWith("node:")) return own("it is a module of Node, which this version of Node does not have");
  const parts = written.split("/");
  const name = parts.slice(0, written.startsWith("@") ? 2 : 1).join("/");
  if (BUILTIN.has(name) && !NODE_MODULES.has(name)) return own("it is a module of Node itself");
  if (!VALID.test(name) || /^(?:node_modules|favicon\.ico)$/.test(name) || isFile(name)) return own("no package is called so");
  if (FOR_MACHINES.test(name)) return own("it is a part of a package for this kind of machine, which its lock file leaves out");
  if (isOwn(name, parts, snapshot)) return own("it is of the project itself");
  const near = NODE_MODULES.has(name) || name.startsWith("@") ? undefined : nearest(name, NODE_MODULES.keys(), 1);
  return { kind: "package", name, ...(near !== undefined && name.length >= 4 && { near }) };
}

function own(why: string): NodeName {
  return { kind: "own", why };
}

/** `chart.js` is a package, `server.js` hardly. */
function isFile(name: string): boolean {
  if (/\.(?:[cm]?ts|tsx|jsx|[cm]js|json|css|scss|svg|png)$/.test(name)) return true;
  return name.endsWith(".js") && !NODE_MODULES.has(name) && !/^(?:chart|three|video|p5|bignumber|decimal|big)\.js$/.test(name);
}

/** A folder or a file of that name where paths are resolved from, a short name in tsconfig.json, or a package of the same repository. */
function isOwn(name: string, [first = ""]: readonly string[], { paths, files, directory }: ServiceSnapshot): boolean {
  const roots = ["", "src", "packages"].map((root) => posix.join(directory, root)).map((root) => (root === "." ? "" : `${root}/`));
  if (!NODE_MODULES.has(name) && paths.some((path) => roots.some((root) => isSource(path, root + name)))) return true;
  return [...files].some(([path, text]) => {
    const file = posix.basename(path);
    if (file === "package.json") return readPackage(text)?.name === name;
    return file === "tsconfig.json" && [`"${first}/*"`, `"${name}"`, `"${name}/*"`].some((key) => isKey(text, key));
  });
}

function isSource(path: string, front: string): boolean {
  return path.startsWith(`${front}/`) || (path.startsWith(`${front}.`) && /^\.[cm]?[jt]sx?$/.test(path.slice(front.length)));
}

/** tsconfig.json may hold comments: it is looked at as text. */
function isKey(text: string, key: string): boolean {
  const at = text.indexOf(key);
  return at >= 0 && /^\s*:/.test(text.slice(at + key.length));
}
