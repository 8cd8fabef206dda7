import { listen } from "bun";
import type { Clock } from "../../kernel/clock.ts";
import { Connection } from "./connection.ts";
import { Routes } from "./routes.ts";
import { Slots, type MockStats } from "./slots.ts";
import type { MockSettings } from "./settings.ts";

export interface MockEngine {
  readonly url: string;
  readonly stats: Readonly<MockStats>;
  /** Ends it with every connection. */
  stop(): void;
}

/** An OpenAI-compatible server without a model: it walks a fixed sentence, and breaks when it is asked to. For tests, demos and measurements. Errors: EADDRINUSE as Bun throws it. */
export function startMockEngine(settings: MockSettings, clock: Clock): MockEngine {
  const slots = new Slots(settings.slots, settings.whenFull);
  const routes = new Routes({ settings, clock, slots });
  const server = listen<Connection>({
    hostname: settings.hostname,
    port: settings.port,
    socket: {
      open(socket) {
        socket.data = new Connection(socket, (request, connection) => routes.handle(request, connection));
      },
      data: ({ data }, bytes) => data.received(bytes),
      drain: ({ data }) => data.drained(),
      close: ({ data }) => data.closed(),
      error: ({ data }) => data.closed(),
    },
  });
  const host = settings.hostname.includes(":") ? `[${settings.hostname}]` : settings.hostname;
  return { url: `http://${host}:${server.port}`, stats: slots.stats, stop: () => server.stop(true) };
}
