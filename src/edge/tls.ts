import { once } from "node:events";
import { createServer, type Server, type TlsOptions } from "node:tls";
import type { Clock } from "../kernel/clock.ts";
import { CertificateWatch } from "./certificate-watch.ts";
import { type Certificate, certificateFor } from "./certificates.ts";
import type { CertificateFiles } from "./route.ts";
import type { PlainListenOptions, WireListener } from "./sockets.ts";
import { TlsWire } from "./tls-wire.ts";
import { NO_HANDLERS } from "./wire-ends.ts";

export interface TlsListenOptions extends PlainListenOptions {
  /** Chosen by the server name the client asks for; the first one when none fits. */
  readonly certificates: readonly CertificateFiles[];
  readonly clock: Clock;
  /** Files that changed and cannot be used: what they were stays in use. */
  readonly problem: (message: string) => void;
  /** A client that has not finished its handshake by then is cut off. */
  readonly handshakeMs?: number;
}

export interface TlsListener extends WireListener {
  /** Connections go on with what they have. Throws CertificateError and changes nothing when one cannot be used. */
  update(certificates: readonly CertificateFiles[]): Promise<void>;
}

const HANDSHAKE_MS = 10_000;
/** A peer that vanished without a word is found after this and some probes. */
const KEEP_ALIVE_MS = 60_000;

/** @throws CertificateError (code `certificate`), or the errno in `code`. */
export async function listenTls({ address, port, reusePort = false, onWire, ...options }: TlsListenOptions): Promise<TlsListener> {
  let current: readonly Certificate[] = [];
  const server = tlsServer(options.handshakeMs ?? HANDSHAKE_MS, (name) => certificateFor(name, current));
  const watch = new CertificateWatch(options.clock, {
    problem: options.problem,
    changed(certificates) {
      current = certificates;
      // For clients that ask for no name.
      if (certificates[0]) server.setSecureContext(certificates[0].pem);
    },
  });
  server.on("secureConnection", (socket) => {
    const wire = new TlsWire(socket, NO_HANDLERS);
    onWire(wire);
    if (wire.handlers === NO_HANDLERS) wire.pause();
  });
  try {
    await watch.set(options.certificates);
    server.listen({ host: address, port, reusePort });
    await once(server, "listening");
  } catch (error) {
    watch.stop();
    throw error;
  }
  return opened(server, watch);
}

function opened(server: Server, watch: CertificateWatch): TlsListener {
  const address = server.address();
  // A connection that fails to be accepted (EMFILE) is that client's loss only.
  server.on("error", () => {});
  return {
    port: typeof address === "object" && address ? address.port : 0,
    fd: fdOf(server),
    update: (certificates) => watch.set(certificates),
    stop() {
      watch.stop();
      server.close();
    },
  };
}

/** Bun keeps it where Node does, and neither has a public name for it. */
function fdOf(server: Server): number {
  const handle: unknown = Reflect.get(server, "_handle");
  return typeof handle === "object" && handle !== null && "fd" in handle && typeof handle.fd === "number" ? handle.fd : -1;
}

function tlsServer(handshakeTimeout: number, find: (name: string) => Certificate | undefined): Server {
  const options: TlsOptions = {
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_MS,
    handshakeTimeout,
    ALPNProtocols: ["http/1.1"],
    SNICallback: (name, done) => done(null, find(name)?.context),
  };
  const server = createServer(options);
  // No handshake: port scanners, HTTP on the HTTPS port, too slow.
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  return server;
}
