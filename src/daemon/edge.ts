import { statSync } from "node:fs";
import type { Clock } from "../kernel/clock.ts";
import { selfCommand } from "../kernel/self.ts";
import { VERSION } from "../kernel/version.ts";
import { EdgeControl } from "../edge/control.ts";
import { identify } from "../supervise/identity.ts";
import { portHolder } from "../supervise/port.ts";
import { bootId } from "../supervise/proc.ts";

interface EdgeOptions {
  readonly home: string;
  readonly clock: Clock;
  readonly log: (message: string, facts: Readonly<Record<string, unknown>>) => void;
  readonly trustedProxies: readonly string[];
  readonly memoryMib: number;
  readonly accessLog?: string;
}

/** The edge of this daemon, with what it has to know of processes and ports. */
export function buildEdge(options: EdgeOptions): EdgeControl {
  const boot = bootId();
  return new EdgeControl({
    ...options,
    command: selfCommand("edge-worker"),
    build: buildOf(process.execPath),
    processes: { identify: (pid) => identify(pid, boot), kill: (pid) => process.kill(pid, "SIGKILL") },
    portHolder,
  });
}

/** Another version, or another binary of the same one. */
function buildOf(path: string): string {
  const { size, mtimeMs } = statSync(path);
  return `${VERSION}-${size.toString(36)}-${Math.round(mtimeMs).toString(36)}`;
}
