import { Client } from "../client/client.ts";
import { socketPath } from "../kernel/home.ts";

/** The daemon that holds `home`, over its socket; the file's permission is the authentication. */
export function connect(home: string): Client {
  return new Client({ socket: socketPath(home) });
}
