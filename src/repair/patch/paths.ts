/** PATH_MAX and NAME_MAX of Linux, in bytes. */
const MAX_PATH = 4000;
const MAX_NAME = 255;
/** git itself refuses these, whatever the case: what a file system that folds them would take for `.git`. */
const GIT_FOLDER = /^(?:\.git|git~\d+)$/i;

/** Why a path cannot be one of a file in the workspace, in one way only; undefined when it can. */
export function pathProblem(path: string): string | undefined {
  if (path === "") return "is empty";
  if (Buffer.byteLength(path) > MAX_PATH) return `is longer than ${MAX_PATH} bytes`;
  if (!path.isWellFormed()) return "is no text";
  if (path.startsWith("/")) return "is absolute: paths are relative to the workspace";
  if (path.includes("\\")) return "holds a backslash: folders are separated by /";
  if (/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}]/u.test(path)) return "holds characters that cannot be seen";
  if (path !== path.normalize("NFC")) return "is not in Unicode's normal form C";
  return path
    .split("/")
    .map(nameProblem)
    .find((problem) => problem !== undefined);
}

function nameProblem(name: string): string | undefined {
  if (name === "") return "has an empty name in it";
  if (name === "." || name === "..") return "holds . or ..";
  if (Buffer.byteLength(name) > MAX_NAME) return `holds a name of more than ${MAX_NAME} bytes`;
  if (/[.\s]$/u.test(name)) return "holds a name that ends in a dot or a blank";
  if (/^\s/u.test(name)) return "holds a name that begins with a blank";
  if (GIT_FOLDER.test(name.normalize("NFKC"))) return "leads into git's own folder";
  return undefined;
}
