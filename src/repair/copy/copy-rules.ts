import { constants } from "node:fs";
import { posix } from "node:path";
import { OrcoError } from "../../kernel/errors.ts";
import { Dockerignore } from "../../supervise/docker/dockerignore.ts";
import { isReadByName } from "./read-by-name.ts";
import { openPlain } from "./open-plain.ts";

const MAX_TEXT_BYTES = 1024 * 1024;
const DOTENV = /^\.env(?:\..*)?$/;

interface Place {
  readonly workspace: string;
  readonly directory: string;
  readonly dockerfile?: string;
}

/**
 * What of a build context goes into a copy. Never: git's data, and `.env` files; one that the Dockerfile names is there, and empty. What .dockerignore
 * leaves out is left out, but for what the catalogue reads.
 */
export class CopyRules {
  private constructor(
    private readonly directory: string,
    private readonly ignore: Dockerignore,
    private readonly dockerfile: { readonly path: string; readonly names: ReadonlySet<string> },
  ) {}

  static async read({ workspace, directory, dockerfile }: Place): Promise<CopyRules> {
    const own = dockerfile ?? posix.join(directory, "Dockerfile");
    const text = (await textOf(workspace, own)) ?? "";
    // BuildKit reads this one and not the other, the classic builder the other and not this one: then nothing is left out.
    const hasOwnRules = (await textOf(workspace, `${own}.dockerignore`)) !== undefined;
    const rules = hasOwnRules ? "" : ((await textOf(workspace, posix.join(directory, ".dockerignore"))) ?? "");
    return new CopyRules(directory, ignoring(rules), { path: own, names: namesIn(text) });
  }

  /** Does it lie outside of the context? The path is relative to the workspace. */
  isOutside(path: string): boolean {
    return this.directory !== "" && !posix.normalize(path).startsWith(`${this.directory}/`);
  }

  /** The path is relative to the context. */
  of(path: string, isFolder: boolean): "copy" | "skip" | "placeholder" {
    const name = posix.basename(path);
    if (name === ".git") return "skip";
    if (DOTENV.test(name)) return !isFolder && this.dockerfile.names.has(name) ? "placeholder" : "skip";
    if (!this.ignore.leavesOut(path)) return "copy";
    if (isFolder) return this.ignore.keepsBelow(path) || this.leadsToDockerfile(path) ? "copy" : "skip";
    return isReadByName(path) || posix.join(this.directory, path) === posix.normalize(this.dockerfile.path) ? "copy" : "skip";
  }

  private leadsToDockerfile(folder: string): boolean {
    return posix.normalize(this.dockerfile.path).startsWith(`${posix.join(this.directory, folder)}/`);
  }
}

/** Last parts of the paths in a text, and its other words. */
export function namesIn(text: string): ReadonlySet<string> {
  const words = text.split(/[\s"',[\]()=]+/).map((word) => posix.basename(word));
  return new Set(words.filter((name) => name !== ""));
}

/** With a pattern that is none no builder builds; that is for the trial to say. */
function ignoring(rules: string): Dockerignore {
  try {
    return new Dockerignore(rules);
  } catch (error) {
    if (error instanceof OrcoError) return new Dockerignore("");
    throw error;
  }
}

/** Undefined where there is no such plain file. */
async function textOf(workspace: string, path: string): Promise<string | undefined> {
  try {
    const file = await openPlain(workspace, path, constants.O_RDONLY);
    try {
      return (await file.stat()).size > MAX_TEXT_BYTES ? "" : await file.readFile("utf8");
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof OrcoError) return undefined;
    throw error;
  }
}
