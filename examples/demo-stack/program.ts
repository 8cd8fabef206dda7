/** What the programs of the guestbook share: settings, log lines, a server that ends politely. */

export function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

export function log(level: "info" | "warn" | "error", message: string, meta: Record<string, unknown> = {}): void {
  console.log(JSON.stringify({ level, msg: message, ...meta }));
}

export function serve(port: string, routes: Record<string, (request: Request) => Response | Promise<Response>>): void {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: Number(setting(port)),
    fetch(request) {
      const { pathname } = new URL(request.url);
      const handle = routes[`${request.method} ${pathname}`];
      return handle ? handle(request) : Response.json({ error: "not found" }, { status: 404 });
    },
    error(failure) {
      log("error", failure.message);
      return Response.json({ error: failure.message }, { status: 502 });
    },
  });
  log("info", `listening on ${server.port}`);
  onStop(() => server.stop());
}

/** Runs once on SIGTERM or SIGINT; the process ends when it is done. */
export function onStop(end: () => Promise<void> | void): void {
  const stop = async (): Promise<void> => {
    await end();
    process.exit(0);
  };
  process.once("SIGTERM", () => void stop());
  process.once("SIGINT", () => void stop());
}

/** Fetches JSON from another service; a status outside 2xx is an error that names it. */
export async function call<T>(url: string, init: RequestInit = {}): Promise<T> {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(2000) });
  if (!response.ok) throw new Error(`${init.method ?? "GET"} ${url} answered ${response.status}`);
  return (await response.json()) as T;
}
