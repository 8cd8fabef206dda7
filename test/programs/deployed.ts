// deployed.ts: an app as deploys know it. It does what behaviour.json beside it says:
// {version, health?: status | "hang" | "flood" | "redirect" | "http09", readyAfterMs?, exitAfterMs?, port?, ignoreTerm?, forkAway?}
// GET /healthz  its health      GET /slow?ms=N  answers after N ms      GET /stream  one event every 20 ms
// GET /crash    exits with 7    GET /pid        its pid                 anything else: its version
import { join } from "node:path";

interface Behaviour {
  readonly version: string;
  readonly health?: number | "hang" | "flood" | "redirect" | "http09";
  readonly readyAfterMs?: number;
  readonly exitAfterMs?: number;
  readonly port?: number;
  readonly ignoreTerm?: boolean;
  readonly forkAway?: boolean;
}

const behaviour = (await Bun.file(join(process.cwd(), "behaviour.json")).json()) as Behaviour;
const port = behaviour.port ?? Number(process.env["PORT"]);
const startedAt = performance.now();

if (behaviour.forkAway && process.argv[2] !== "child") {
  Bun.spawn([process.execPath, import.meta.path, "child"], { detached: true, stdio: ["ignore", "inherit", "inherit"] }).unref();
  process.exit(0);
}
if (behaviour.exitAfterMs !== undefined) {
  console.log("about to fail: no such table users");
  setTimeout(() => process.exit(3), behaviour.exitAfterMs);
}
process.on("SIGTERM", () => {
  if (behaviour.ignoreTerm) return;
  void Promise.resolve(server.stop()).then(() => process.exit(0));
});

const server = behaviour.health === "http09" ? raw() : serve();
console.log(`version ${behaviour.version} listens on ${port}`);

function serve() {
  return Bun.serve({ hostname: "127.0.0.1", port, idleTimeout: 0, reusePort: false, fetch: answer });
}

async function answer(request: Request): Promise<Response> {
  const url = new URL(request.url);
  switch (url.pathname) {
    case "/healthz":
      return health();
    case "/slow":
      await Bun.sleep(Number(url.searchParams.get("ms") ?? 100));
      return new Response(behaviour.version);
    case "/stream":
      return new Response(events(), { headers: { "content-type": "text/event-stream" } });
    case "/crash":
      process.exit(7);
    case "/pid":
      return new Response(String(process.pid));
    default:
      return new Response(behaviour.version);
  }
}

function health(): Response | Promise<Response> {
  if (performance.now() - startedAt < (behaviour.readyAfterMs ?? 0)) return new Response("not yet", { status: 503 });
  const { health: how = 200 } = behaviour;
  switch (how) {
    case "hang":
      return new Promise(() => undefined);
    case "redirect":
      return new Response("", { status: 302, headers: { location: "/login" } });
    case "http09":
      throw new Error("answered by raw()");
    case "flood":
      return new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(65_536).fill(120)) }), {
        status: 503,
      });
    default:
      return new Response("no connection to the database", { status: how });
  }
}

async function* events(): AsyncGenerator<string> {
  for (let n = 0; ; n++) {
    yield `data: ${behaviour.version} ${n}\n\n`;
    await Bun.sleep(20);
  }
}

/** Answers as no server has since 1996. */
function raw() {
  return Bun.listen({
    hostname: "127.0.0.1",
    port,
    socket: { data: (socket) => void socket.end("<html>hello</html>\n") },
  });
}
