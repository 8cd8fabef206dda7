/** Below what Linux gives to outgoing connections, and what conformance/ takes for itself. */
const FIRST_PORT = 10_000;
const END_PORT = 22_000;
const BLOCK = 64;
/** Of one process, which then begins anew with its first: who had that port has long ended. */
const MAX_BLOCKS = 8;

/** What this process was given, across its test files: each loads this module anew. */
interface Held {
  /** First ports of the blocks. */
  readonly blocks: number[];
  /** How many ports of all blocks were given out, some of them more than once. */
  given: number;
}

const held = ((globalThis as { orcoTestPorts?: Held }).orcoTestPorts ??= { blocks: [], given: 0 });

/**
 * A port for a server that comes later, or goes and comes back. None of those that outgoing connections get: a client that asks for a server that is dead
 * just now might be given its port, would be connected with itself, and the server could not come back. Nor one that another test was given.
 */
export function freePort(): number {
  return freePorts(1);
}

/** The first of `count` neighbours. */
export function freePorts(count: number): number {
  for (;;) {
    const at = held.given % (MAX_BLOCKS * BLOCK);
    const place = at % BLOCK;
    // The first port of a block is taken by its claim.
    const skipped = place === 0 ? 1 : place + count > BLOCK ? BLOCK - place : 0;
    if (skipped > 0) {
      held.given += skipped;
      continue;
    }
    const block = (held.blocks[Math.floor(at / BLOCK)] ??= claimBlock());
    // And one that nobody gets: what a test has beside its own is free.
    held.given += count + 1;
    if (Array.from({ length: count }, (_, next) => isFree(block + place + next)).every(Boolean)) return block + place;
  }
}

/** Its first port is listened on as long as this process lives, so that no other takes it. */
function claimBlock(): number {
  const blocks = Math.floor((END_PORT - FIRST_PORT) / BLOCK);
  const start = Math.floor(Math.random() * blocks);
  for (let tried = 0; tried < blocks; tried++) {
    const port = FIRST_PORT + ((start + tried) % blocks) * BLOCK;
    const claim = listenerOn(port);
    if (!claim) continue;
    claim.unref();
    return port;
  }
  throw new Error(`no free ports between ${FIRST_PORT} and ${END_PORT}`);
}

function isFree(port: number): boolean {
  const listener = listenerOn(port);
  listener?.stop(true);
  return listener !== undefined;
}

function listenerOn(port: number): Bun.TCPSocketListener | undefined {
  try {
    return Bun.listen({ hostname: "127.0.0.1", port, socket: { data: () => undefined } });
  } catch {
    return undefined;
  }
}
