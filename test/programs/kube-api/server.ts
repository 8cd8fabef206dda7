import { type Fault, Faults, status } from "./faults.ts";
import { Kubelet } from "./kubelet.ts";
import { Processes } from "./processes.ts";
import { matches, Store, type Stored } from "./store.ts";

const PATH = /^\/(?:api\/v1|apis\/batch\/v1)\/namespaces\/([^/]+)\/(jobs|pods|secrets|events)(?:\/([^/]+))?(\/log)?$/;

interface Target {
  readonly kind: string;
  readonly name: string | undefined;
  readonly query: URLSearchParams;
}

type Stream = ReadableStreamDefaultController<Uint8Array>;

export class KubeApi {
  private readonly store = new Store();
  private readonly processes: Processes | undefined;
  private readonly kubelet: Kubelet;
  private readonly faults = new Faults();
  private readonly seen: string[] = [];
  private readonly streams = new Map<Stream, "watch" | "log">();

  constructor(how: { readonly processes: boolean }) {
    this.processes = how.processes ? new Processes(this.store) : undefined;
    this.kubelet = new Kubelet(this.store, this.processes);
  }

  /** With what its pods run. */
  end(): void {
    this.processes?.close();
  }

  async answer(request: Request): Promise<Response> {
    const url = new URL(request.url);
    if (url.pathname.startsWith("/_/")) return this.control(url.pathname.slice(3), request);
    const asked = `${request.method} ${url.pathname}${url.search}`;
    this.seen.push(asked);
    const struck = await this.faults.strike(asked);
    if (struck) return struck;
    const [, , kind = "", name, log] = PATH.exec(url.pathname) ?? [];
    if (kind === "") return status(404, "NotFound", `no such path: ${url.pathname}`);
    if (log && name) return this.log(name, url.searchParams);
    return this.serve(request, { kind, name, query: url.searchParams });
  }

  private async serve(request: Request, { kind, name, query }: Target): Promise<Response> {
    if (name === undefined) {
      if (request.method === "POST") return this.create(kind, (await request.json()) as Stored);
      if (query.get("watch") === "true") return this.watch(kind, query);
      const items = this.store.list(kind, query.get("labelSelector") ?? "");
      if (request.method === "DELETE") items.forEach((item) => this.store.remove(item));
      return Response.json({ kind: "List", metadata: { resourceVersion: String(this.store.version) }, items });
    }
    const object = this.store.get(kind, name);
    if (!object) return status(404, "NotFound", `${kind} "${name}" not found`);
    if (request.method === "PATCH") return Response.json(this.store.patch(object, (await request.json()) as Record<string, unknown>));
    if (request.method === "DELETE") {
      if (kind === "pods") this.kubelet.evict(object);
      else this.store.remove(object);
    }
    return Response.json(object);
  }

  private create(kind: string, body: Stored): Response {
    if (this.store.get(kind, body.metadata.name)) return status(409, "AlreadyExists", `${kind} "${body.metadata.name}" already exists`);
    return Response.json(this.store.create(kind, body), { status: 201 });
  }

  private watch(kind: string, query: URLSearchParams): Response {
    const from = Number(query.get("resourceVersion"));
    const selector = query.get("labelSelector") ?? "";
    if (from < this.store.floor) return status(410, "Expired", `too old resource version: ${from}`);
    return this.stream("watch", (send, end) => {
      const pass = (event: { version: number; kind: string; type: string; object: Stored }): void => {
        if (event.version > from && event.kind === kind && matches(event.object, selector)) send(JSON.stringify(event));
      };
      this.store.history.forEach(pass);
      const stop = this.store.listen(pass);
      const bookmark = setInterval(() => {
        const object = { kind, metadata: { resourceVersion: String(this.store.version) } };
        send(JSON.stringify({ type: "BOOKMARK", object }));
      }, 500);
      const timeout = setTimeout(end, Number(query.get("timeoutSeconds") ?? 60) * 1000);
      return () => {
        stop();
        clearInterval(bookmark);
        clearTimeout(timeout);
      };
    });
  }

  private log(pod: string, query: URLSearchParams): Response {
    if (!this.store.get("pods", pod)) return status(404, "NotFound", `pods "${pod}" not found`);
    const log = this.kubelet.log(pod);
    const since = Math.floor(Date.parse(query.get("sinceTime") ?? "1970-01-01T00:00:00Z") / 1000) * 1000;
    return this.stream("log", (send, end) => {
      let sent = 0;
      const flush = (): void => {
        for (; sent < log.lines.length; sent++) {
          const line = log.lines[sent] ?? "";
          if (Date.parse(`${line.slice(0, 19)}Z`) >= since) send(line);
        }
        if (log.closed || query.get("follow") !== "true") end();
      };
      const stop = log.listen(flush);
      flush();
      return stop;
    });
  }

  private stream(what: "watch" | "log", begin: (send: (line: string) => void, end: () => void) => () => void): Response {
    const encoder = new TextEncoder();
    let stop = (): void => {};
    let leave = (): void => {};
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.streams.set(controller, what);
        leave = () => this.streams.delete(controller);
        const end = (): void => {
          stop();
          if (this.streams.delete(controller)) controller.close();
        };
        stop = begin((line) => this.streams.has(controller) && controller.enqueue(encoder.encode(`${line}\n`)), end);
        if (!this.streams.has(controller)) stop(); // it ended before it had anything to stop
      },
      cancel: () => {
        stop();
        leave();
      },
    });
    return new Response(body, { headers: { "content-type": "application/json" } });
  }

  private async control(what: string, request: Request): Promise<Response> {
    if (what === "seen") return Response.json({ requests: this.seen });
    const body = request.method === "POST" ? ((await request.json().catch(() => ({}))) as Record<string, unknown>) : {};
    if (what === "fault") this.faults.add(body as unknown as Fault);
    else if (what === "heal") this.faults.clear();
    else if (what === "gone") this.forgetVersions();
    else if (what === "cut") this.cut(body["what"] as string | undefined);
    else if (what === "pod") this.report(body);
    else return status(404, "NotFound", what);
    return Response.json({ ok: true });
  }

  private forgetVersions(): void {
    this.store.version += 1000;
    this.store.floor = this.store.version;
    const error = { type: "ERROR", object: { kind: "Status", code: 410, message: "too old resource version" } };
    this.close("watch", `${JSON.stringify(error)}\n`);
  }

  private cut(what = "watch"): void {
    this.close(what, '{"type":"MODI');
  }

  private close(what: string, last: string): void {
    for (const [stream, is] of this.streams) {
      if (is !== what) continue;
      this.streams.delete(stream);
      stream.enqueue(new TextEncoder().encode(last));
      if (last.endsWith("\n")) stream.close();
      else stream.error(new Error("cut"));
    }
  }

  private report({ job, log, status: next, metadata, remove, exit }: Record<string, unknown>): void {
    const name = `${String(job)}-pod`;
    const pod = this.store.get("pods", name);
    if (!pod) return;
    for (const line of (log as string[] | undefined) ?? []) this.kubelet.log(name).say(line);
    if (next !== undefined || metadata !== undefined)
      this.store.patch(pod, { ...(next !== undefined && { status: next }), ...(metadata !== undefined && { metadata }) });
    const last = this.store.get("pods", name);
    if (exit !== undefined && last) this.kubelet.end(last, Number(exit));
    if (remove === true && last) this.store.remove(last);
  }
}
