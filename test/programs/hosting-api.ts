/** A hosting API as far as pull requests go: one is made, a second for the same branch is refused and can be found. */
export interface HostingApi extends Disposable {
  readonly url: string;
  readonly asked: readonly {
    readonly method: string;
    readonly path: string;
    readonly authorization: string | null;
    readonly body: unknown;
  }[];
}

/** `answer` instead, by the title of the pull request. */
export function startHostingApi(answer?: (title: string | undefined) => Response): HostingApi {
  const asked: HostingApi["asked"][number][] = [];
  const open = new Map<string, object>();
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const { pathname, search, searchParams } = new URL(request.url);
      const body = request.method === "POST" ? ((await request.json()) as { head: string; title: string }) : undefined;
      asked.push({ method: request.method, path: pathname + search, authorization: request.headers.get("authorization"), body });
      if (answer) return answer(body?.title);
      if (!body) return Response.json([open.get((searchParams.get("head") ?? "").replace(/^[^:]*:/, ""))].filter(Boolean));
      if (open.has(body.head)) return Response.json({ message: "Validation Failed: a pull request already exists" }, { status: 422 });
      open.set(body.head, { html_url: `https://hosting.example/pull/${open.size + 1}` });
      return Response.json(open.get(body.head), { status: 201 });
    },
  });
  return { url: `http://127.0.0.1:${server.port}`, asked, [Symbol.dispose]: () => void server.stop(true) };
}
