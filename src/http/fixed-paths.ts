import type { Result, Router } from "hono/router";

/** What makes a route's path more than itself. */
const PATTERN = /[:*{?]/;

/**
 * Remembers what matches a path that is a route without parameters: looking it up in hono's tree costs as much as all guards together. Nothing is kept
 * for paths that no route names, so that what clients make up takes no room.
 */
export class FixedPaths<T> implements Router<T> {
  readonly name = "FixedPaths";
  private readonly fixed = new Set<string>();
  /** By path, then by method. */
  private readonly known = new Map<string, Map<string, Result<T>>>();
  private readonly methods = new Set<string>();

  constructor(private readonly router: Router<T>) {}

  add(method: string, path: string, handler: T): void {
    this.known.clear();
    this.methods.add(method);
    if (!PATTERN.test(path)) this.fixed.add(path);
    this.router.add(method, path, handler);
  }

  match(method: string, path: string): Result<T> {
    const known = this.known.get(path)?.get(method);
    if (known) return known;
    const found = this.router.match(method, path);
    if (this.fixed.has(path) && this.methods.has(method)) {
      const results = this.known.get(path) ?? new Map<string, Result<T>>();
      this.known.set(path, results.set(method, found));
    }
    return found;
  }
}
