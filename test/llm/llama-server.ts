import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../free-port.ts";
import { startReaper } from "../reaper.ts";

const EXAMPLE = join(import.meta.dir, "../../examples/inference");
/** Python with xllamacpp, as examples/inference/setup.sh makes it. */
const PYTHON =
  process.env["ORCO_LLAMA_PYTHON"] ??
  join(process.env["ORCO_LLM_HOME"] ?? join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "orco-llm"), "bin/python");
const READY_WITHIN_MS = 30_000;
const HINT = "examples/inference/setup.sh makes one (100 MB)";

/** Whether tests against a real llama.cpp can run; says why where they cannot. In CI its absence is a failure. */
export function hasLlama(): boolean {
  if (existsSync(PYTHON) || process.env["CI"] === "true") return true;
  console.log(`skipped: there is no Python with llama.cpp at ${PYTHON}; ${HINT}`);
  return false;
}

export interface LlamaOptions {
  readonly port?: number;
  /** 2 */
  readonly slots?: number;
  /** Tokens that all slots share; 2048. */
  readonly ctx?: number;
  readonly key?: string;
}

interface LlamaSlot {
  readonly id: number;
  readonly is_processing: boolean;
}

/** llama.cpp's own server with the model `chain`, as a process of its own. */
export class LlamaServer implements AsyncDisposable {
  private constructor(
    readonly url: string,
    private readonly child: Bun.Subprocess<"ignore", "pipe", "pipe">,
    private readonly cleanUp: () => void,
  ) {}

  /** Resolves as soon as the process runs: it may be loading still. */
  static async spawn({ port, slots = 2, ctx = 2048, key }: LlamaOptions = {}): Promise<LlamaServer> {
    if (!existsSync(PYTHON)) throw new Error(`there is no Python with llama.cpp at ${PYTHON}; ${HINT}`);
    const folder = mkdtempSync(join(tmpdir(), "orco-llama-"));
    const callOffReaper = startReaper(folder, folder);
    const model = join(folder, "chain.gguf");
    await Bun.write(model, Bun.gunzipSync(await Bun.file(join(EXAMPLE, "chain.gguf.gz")).bytes()));
    const at = port ?? freePort();
    const argv = [PYTHON, join(EXAMPLE, "llama_serve.py"), "--model", model, "--alias", "chain", "--metrics"];
    const sizes = ["--port", String(at), "--threads", "1", "--parallel", String(slots), "--ctx", String(ctx)];
    const child = Bun.spawn([...argv, ...sizes, ...(key === undefined ? [] : ["--api-key-env", "LLAMA_KEY"])], {
      env: { PATH: process.env["PATH"] ?? "", TMPDIR: folder, LLAMA_KEY: key ?? "" },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    return new LlamaServer(`http://127.0.0.1:${at}`, child, () => {
      callOffReaper();
      rmSync(folder, { recursive: true, force: true });
    });
  }

  static async start(options: LlamaOptions = {}): Promise<LlamaServer> {
    const server = await LlamaServer.spawn(options);
    await server.ready();
    return server;
  }

  get pid(): number {
    return this.child.pid;
  }

  /** Errors: with what it said, when it ends instead. */
  async ready(): Promise<void> {
    let said = "";
    const decoder = new TextDecoder();
    const late = setTimeout(() => this.child.kill("SIGKILL"), READY_WITHIN_MS);
    for await (const piece of this.child.stdout) {
      said += decoder.decode(piece, { stream: true });
      if (!/^READY .*\n/m.test(said)) continue;
      clearTimeout(late);
      return;
    }
    throw new Error(`llama.cpp ended before it was ready: ${said}${await this.child.stderr.text()}`);
  }

  async slots(): Promise<readonly LlamaSlot[]> {
    return (await (await fetch(`${this.url}/slots`, { keepalive: false })).json()) as LlamaSlot[];
  }

  async busySlots(): Promise<number> {
    return (await this.slots()).filter((slot) => slot.is_processing).length;
  }

  /** Answers it has queued because no slot was free. */
  async deferred(): Promise<number> {
    const text = await (await fetch(`${this.url}/metrics`, { keepalive: false })).text();
    return Number(/^llamacpp:requests_deferred (\d+)/m.exec(text)?.[1] ?? Number.NaN);
  }

  /** On a connection of its own: one that this server has just closed is an error that has nothing to do with the answer. */
  post(path: string, body: object, init: { signal?: AbortSignal; key?: string } = {}): Promise<Response> {
    return fetch(this.url + path, {
      method: "POST",
      keepalive: false,
      headers: { "content-type": "application/json", ...(init.key !== undefined && { authorization: `Bearer ${init.key}` }) },
      body: JSON.stringify(body),
      ...(init.signal && { signal: init.signal }),
    });
  }

  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.child.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    this.cleanUp();
  }
}
