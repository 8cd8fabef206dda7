import { posix } from "node:path";
import { messageOf, OrcoError } from "../../kernel/errors.ts";
import {
  containerLogs,
  type ContainerSpec,
  createContainer,
  removeContainer,
  startContainer,
  waitContainer,
} from "../../supervise/docker/containers.ts";
import type { Engine } from "../../supervise/docker/engine.ts";
import { LogReader } from "../evidence/log-reader.ts";
import type { ToolRun } from "../finding.ts";
import type { Copy, Work } from "../target.ts";
import { fileOf, sendFolder } from "./container-files.ts";
import { REPAIR_LABEL } from "./repair-label.ts";
import { textOf } from "./text-of.ts";

/** Where a tool finds the files. */
const WORK = "/orco-repair";
const TOOL_TIMEOUT_MS = 5 * 60_000;
const MEMORY_BYTES = 2 * 1024 ** 3;
const PIDS = 512;

export interface ToolWork extends Work {
  readonly engine: Engine;
  /** Id of the run; a label of the container. */
  readonly run: string;
  /** Relative to the workspace: what the tool gets to see. */
  readonly directory: string;
  readonly timeoutMs?: number;
}

export interface ToolResult {
  readonly ok: boolean;
  /** Why it failed; "" where it did not. */
  readonly message: string;
  /** Files it may write, by path, as they are now; those that are not there are left out. */
  readonly writes: ReadonlyMap<string, string>;
}

/**
 * Runs a tool over the files of a copy in a container of its own: with a network, without a mount, a secret or a capability. The files go in and come out
 * as archives, so that what it writes besides, or where a link of its making leads, does not matter. Its container is gone at the end. Rejects with the
 * signal's reason, or `unavailable`.
 */
export async function runTool(run: ToolRun, copy: Copy, work: ToolWork): Promise<ToolResult> {
  const { engine, signal } = work;
  const id = await made(run, work);
  if (id === undefined) return failed(`the image ${run.image} is not on this machine`);
  try {
    await sendFolder(engine, id, { root: copy.root, folder: work.directory, to: WORK, signal });
    await startContainer(engine, id, { signal });
    const exit = await ended(id, work);
    if (exit !== 0) return failed(exit === undefined ? "it did not end in time" : `it ended with exit code ${exit}`);
    return { ok: true, message: "", writes: await written(run, id, work) };
  } catch (error) {
    signal.throwIfAborted();
    // The program is not in the image, for one.
    if (error instanceof OrcoError && (error.code === "invalid" || error.code === "too_large")) return failed(messageOf(error));
    throw error;
  } finally {
    await removeContainer(engine, id);
  }
}

function failed(message: string): ToolResult {
  return { ok: false, message, writes: new Map() };
}

async function made({ image, argv, cwd }: ToolRun, { engine, run, signal }: ToolWork): Promise<string | undefined> {
  const spec: ContainerSpec = {
    Image: image,
    // Neither the image's own entrypoint nor its user: the files are root's, and a root without capabilities may do nothing else.
    Entrypoint: [],
    Cmd: argv,
    User: "0:0",
    WorkingDir: posix.join(WORK, cwd),
    Labels: { [REPAIR_LABEL]: run },
    HostConfig: {
      Memory: MEMORY_BYTES,
      MemorySwap: MEMORY_BYTES,
      PidsLimit: PIDS,
      SecurityOpt: ["no-new-privileges"],
      CapDrop: ["ALL"],
      Init: true,
    },
  };
  try {
    return await createContainer(engine, undefined, { spec, signal });
  } catch (error) {
    if (error instanceof OrcoError && error.code === "not_found") return undefined;
    throw error;
  }
}

/** Its exit code; undefined where it took too long. */
async function ended(id: string, { engine, signal, onLine, timeoutMs = TOOL_TIMEOUT_MS }: ToolWork): Promise<number | undefined> {
  const stop = new AbortController();
  const following = follow(engine, id, { signal: stop.signal, onLine });
  try {
    const { exitCode } = await waitContainer(engine, id, { signal, timeoutMs });
    await following;
    return exitCode;
  } catch (error) {
    if (error instanceof OrcoError && error.code === "timeout" && !signal.aborted) return undefined;
    throw error;
  } finally {
    stop.abort(new OrcoError("cancelled", "the tool is not waited for any more"));
    await following;
  }
}

async function follow(engine: Engine, id: string, { signal, onLine }: Work): Promise<void> {
  const reader = new LogReader(onLine);
  try {
    for await (const frames of containerLogs(engine, id, { follow: true, signal })) for (const { data } of frames) reader.push(data);
  } catch (error) {
    if (!(error instanceof OrcoError)) throw error;
    onLine(`the rest of its output is not known: ${error.message}`);
  } finally {
    reader.end();
  }
}

async function written({ writes }: ToolRun, id: string, { engine, signal }: ToolWork): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const path of writes) {
    const bytes = await fileOf(engine, id, { path: posix.join(WORK, path), signal });
    const text = bytes && textOf(bytes);
    if (text !== undefined) found.set(path, text);
  }
  return found;
}
