/** Linux gives up after 40; who needs more leads round in circles. */
const MAX_STEPS = 256;

/**
 * Whether a symlink of a tree leads out of it: `links` are all of the tree's, path → target. Follows links on the way, as the kernel would: `a/..`
 * is where a leads, and then up. A loop, or one that leads to nothing inside, does no harm.
 */
export function leadsOut(path: string, links: ReadonlyMap<string, string>): boolean {
  const open = path.split("/");
  let at: string[] = [];
  for (let steps = 0; open.length > 0;) {
    const name = open.shift() ?? "";
    if (name === "" || name === ".") continue;
    if (name === "..") {
      if (at.length === 0) return true;
      at.pop();
      continue;
    }
    at.push(name);
    const target = links.get(at.join("/"));
    if (target === undefined) continue;
    if (target.startsWith("/")) return true;
    if (++steps > MAX_STEPS) return false;
    at = at.slice(0, -1);
    open.unshift(...target.split("/"));
  }
  return false;
}
