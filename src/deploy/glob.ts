/**
 * Patterns of protected paths, in the dialect of CODEOWNERS: `*` and `?` stay within one name, `**` spans folders, `\` takes the next character as it
 * is. A pattern without a slash names a file or folder at any depth, one with a slash starts at the root of the repository, and one that ends in a
 * slash or in a plain name also covers what lies beneath.
 */

const MAX_LENGTH = 1024;
const ANY_FOLDERS = "**";

/** Why a text is no pattern; undefined when it is one. */
export function globProblem(pattern: string): string | undefined {
  if (pattern === "" || pattern === "/") return "an empty pattern protects nothing";
  if (pattern.length > MAX_LENGTH) return `longer than ${MAX_LENGTH} characters`;
  // oxlint-disable-next-line no-control-regex -- they are what is refused
  if (/[\u0000-\u001f\u007f]/.test(pattern)) return "holds a control character";
  if (pattern.startsWith("!")) return "a path cannot be excepted with !";
  if (/(^|[^\\])(\\\\)*\\$/.test(pattern)) return "ends in a backslash that escapes nothing";
  const special = /^(?:[^\\]|\\[^])*?([[\]{}])/.exec(pattern)?.[1];
  if (special !== undefined) return `${special} has no meaning here; write \\${special} where a name holds it`;
  const names = pattern.replace(/^\//, "").replace(/\/$/, "").split("/");
  if (names.includes("")) return "holds // : a name is missing between two slashes";
  if (names.some((name) => name === "." || name === "..")) return "paths start at the root of the repository: no . and no ..";
  if (names.some((name) => name !== ANY_FOLDERS && name.includes("**"))) return "** stands for whole folders: write it between slashes";
  return undefined;
}

/** Whether a path of the repository (no leading slash) is covered. Takes time in proportion to path × pattern, whatever they hold. */
export function matchesGlob(pattern: string, path: string): boolean {
  const rooted = /\/[^]/.test(pattern) || pattern.startsWith("/");
  const names = pattern.replace(/^\//, "").replace(/\/$/, "").split("/");
  const last = names.at(-1) ?? "";
  const beneath = !/[*?]/.test(last.replaceAll(/\\[^]/g, ""));
  const wanted = [...(rooted ? [] : [ANY_FOLDERS]), ...names];
  const parts = path.split("/");
  if (pattern.endsWith("/")) return covers([...wanted, "*", ANY_FOLDERS], parts);
  return covers(beneath ? [...wanted, ANY_FOLDERS] : wanted, parts);
}

/** A `**` takes as many names as it must: going back only to the last one is enough, as with `*` in a name. */
function covers(wanted: readonly string[], parts: readonly string[]): boolean {
  return wildcards(wanted, parts, { isAny: (name) => name === ANY_FOLDERS, same: matchesName });
}

function matchesName(name: string, part: string): boolean {
  const wanted = name.match(/\\[^]|[^]/gu) ?? [];
  const same = (one: string, character: string): boolean => one === "?" || (one.startsWith("\\") ? one.slice(1) : one) === character;
  return wildcards(wanted, Array.from(part), { isAny: (one) => one === "*", same });
}

interface Terms {
  readonly isAny: (term: string) => boolean;
  readonly same: (term: string, item: string) => boolean;
}

function wildcards(terms: readonly string[], items: readonly string[], { isAny, same }: Terms): boolean {
  let [term, item] = [0, 0];
  let again: { term: number; item: number } | undefined;
  while (item < items.length) {
    const wanted = terms[term];
    if (wanted !== undefined && isAny(wanted)) {
      again = { term: term + 1, item };
      term++;
    } else if (wanted !== undefined && same(wanted, items[item] ?? "")) {
      term++;
      item++;
    } else if (again) {
      again.item++;
      ({ term, item } = again);
    } else return false;
  }
  return terms.slice(term).every(isAny);
}
