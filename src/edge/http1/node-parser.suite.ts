import { createInterface, type Interface } from "node:readline";
import { Readable } from "node:stream";

/** How node's parser reads the bytes of one connection. */
export interface NodeReading {
  readonly requests: readonly { method: string; target: string; body: Buffer; complete: boolean }[];
  /** Code of llhttp's error, if any. */
  readonly error: string | null;
}

const PROGRAM = new URL("../../../test/programs/node-http.mjs", import.meta.url).pathname;

/** A real node process that reads connections as its HTTP server would. */
export class NodeParser implements AsyncDisposable {
  readonly #process = Bun.spawn(["node", PROGRAM], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  readonly #input: Interface = createInterface({ input: Readable.fromWeb(this.#process.stdout) });
  readonly #lines = this.#input[Symbol.asyncIterator]();

  /** One reading for each of `connections`, in their order. */
  async read(connections: readonly Buffer[]): Promise<NodeReading[]> {
    void this.#process.stdin.write(`${connections.map((bytes) => `=${bytes.toString("base64")}`).join("\n")}\n\n`);
    await this.#process.stdin.flush();
    const readings: NodeReading[] = [];
    while (readings.length < connections.length) {
      const { value, done } = await this.#lines.next();
      if (done) throw new Error("node ended before it had read everything");
      readings.push(readingOf(value));
    }
    return readings;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stdin.end();
    await this.#process.exited;
    this.#input.close();
  }
}

function readingOf(line: string): NodeReading {
  const { requests, error } = JSON.parse(line) as { requests: [string, string, string, boolean][]; error: string | null };
  const read = requests.map(([method, target, body, complete]) => ({ method, target, body: Buffer.from(body, "base64"), complete }));
  return { requests: read, error };
}
