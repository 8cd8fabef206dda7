import { join } from "node:path";
import { execute } from "../peers/execute.ts";

/** One request of the load, as `bench/programs/edge-load.ts` tells it. */
export interface Asked {
  readonly kind: "kept" | "new" | "slow";
  /** Epoch ms, when it was due. */
  readonly at: number;
  readonly ms: number;
  /** `ok`, or how it failed. */
  readonly outcome: string;
}

const program = join(import.meta.dir, "../programs/edge-load.ts");

/** In a process of its own: what the bench does meanwhile must not delay it. */
export async function steadyLoad(port: number, seconds: number): Promise<Asked[]> {
  return asked(await execute([process.execPath, program, String(port), String(seconds)], { timeoutMs: (seconds + 30) * 1000 }));
}

/** A closed loop, until `stop`: each client asks again a while after its last answer. */
export function closedLoad(port: number, atMostSeconds: number): { readonly stop: () => Promise<Asked[]> } {
  const argv = [process.execPath, program, String(port), String(atMostSeconds), "closed"];
  const child = Bun.spawn(argv, { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  const said = child.stdout.text();
  return {
    async stop() {
      await child.stdin.end();
      return asked(await said);
    },
  };
}

function asked(said: string): Asked[] {
  return said
    .trim()
    .split("\n")
    .map((line) => {
      const [kind = "", at, ms, outcome = ""] = line.split(" ");
      return { kind: kind as Asked["kind"], at: Number(at), ms: Number(ms), outcome };
    });
}
