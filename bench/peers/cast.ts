import { messageOf } from "../../src/kernel/errors.ts";
import type { BenchOptions } from "../table.ts";
import { hivemind } from "./hivemind.ts";
import { orco } from "./orco.ts";
import type { Peer } from "./peer.ts";
import { pm2 } from "./pm2.ts";
import { processCompose } from "./process-compose.ts";
import { supervisord } from "./supervisord.ts";

const PEERS: readonly Peer[] = [orco, processCompose, hivemind, pm2, supervisord];

/** One line of a table: a tool with or without probes, its daemon cold or already there. */
export interface Subject {
  readonly label: string;
  readonly peer: Peer;
  readonly probes: boolean;
}

export interface Cast {
  readonly peers: readonly Peer[];
  readonly subjects: readonly Subject[];
  /** Version of each peer, or why it is missing. */
  readonly versions: Readonly<Record<string, string>>;
}

/** Makes every wanted peer ready to run. A peer that cannot be had stays in `versions` with the reason. */
export async function assemble(options: BenchOptions, can: keyof Peer["can"] | undefined): Promise<Cast> {
  const peers: Peer[] = [];
  const versions: Record<string, string> = {};
  for (const peer of PEERS) {
    if (can !== undefined && !peer.can[can]) versions[peer.name] = `left out: no ${can} in it, so there is nothing to compare`;
    else if (options.only !== undefined && !options.only.includes(peer.name)) versions[peer.name] = "left out by --only";
    else {
      try {
        if (!(await peer.available())) await peer.install();
        versions[peer.name] = await peer.version();
        peers.push(peer);
      } catch (error) {
        versions[peer.name] = `missing: ${messageOf(error)}`;
      }
    }
  }
  return { peers, subjects: peers.flatMap(subjectsOf), versions };
}

function subjectsOf(peer: Peer): Subject[] {
  const bare = { peer, probes: false, label: `${peer.name}, ${peer.can.graph ? "no probes" : "no graph, no probes"}` };
  return peer.can.probes ? [{ peer, probes: true, label: `${peer.name}, probes` }, bare] : [bare];
}
