/**
 * Globs of orco.repair.yaml, over a path from its beginning to its end: `*` and `?` stay within one name, `**` as a whole name spans folders, and a
 * slash at the end takes in all that lies beneath. Nothing else is special.
 */
const ANY_FOLDERS = "**";

/** Takes time in proportion to path × glob, whatever they hold. */
export function matchesGlob(glob: string, path: string): boolean {
  const wanted = (glob.endsWith("/") ? `${glob}${ANY_FOLDERS}/*` : glob).split("/");
  return covers({ wanted, isAny: (term) => term === ANY_FOLDERS, same: matchesName }, path.split("/"));
}

export function isLiteral(glob: string): boolean {
  return !/[*?]/.test(glob);
}

function matchesName(term: string, name: string): boolean {
  return covers(
    { wanted: Array.from(term), isAny: (one) => one === "*", same: (one, character) => one === "?" || one === character },
    Array.from(name),
  );
}

interface Terms {
  readonly wanted: readonly string[];
  readonly isAny: (term: string) => boolean;
  readonly same: (term: string, item: string) => boolean;
}

/** Where it fails, only the last wildcard can have taken too little. */
function covers({ wanted, isAny, same }: Terms, items: readonly string[]): boolean {
  let [term, item] = [0, 0];
  let again: { readonly term: number; item: number } | undefined;
  while (item < items.length) {
    const one = wanted[term];
    if (one !== undefined && isAny(one)) again = { term: ++term, item };
    else if (one !== undefined && same(one, items[item] ?? "")) {
      term++;
      item++;
    } else if (again) {
      term = again.term;
      item = ++again.item;
    } else return false;
  }
  return wanted.slice(term).every(isAny);
}
