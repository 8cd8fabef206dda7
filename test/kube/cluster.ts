import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { OrcoError } from "../../src/kernel/errors.ts";
import { type Lock, takeLock } from "../../src/kernel/lock.ts";
import { readStat } from "../../src/supervise/proc.ts";

const SCRIPT = new URL("cluster.sh", import.meta.url).pathname;
const ROLE = new URL("../../deploy/k8s/role.yaml", import.meta.url).pathname;
const FOLDER = process.env["K"] ?? join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "kube-test");
const KUBECTL = join(FOLDER, "kube/bin/kubectl");

/** Another run of these tests takes a few minutes. */
const WAIT_MS = 600_000;
const LOOK_MS = 500;

/** Why there can be no real cluster here; undefined when there can. */
export function missing(): string | undefined {
  if (process.getuid?.() !== 0) return "it needs root";
  if (!existsSync(join(FOLDER, "kube/bin/kube")))
    return `${FOLDER}/kube/bin/kube is not built: npm run test:kube builds it (about 400 CPU-seconds, once)`;
  return undefined;
}

/** A real Kubernetes on this machine, and an orco in it with no more rights than `deploy/k8s/role.yaml` gives. */
export class RealCluster implements AsyncDisposable {
  private constructor(
    readonly kubeconfig: string,
    private readonly lock: Lock,
  ) {}

  /** Once nobody else on this machine uses it. */
  static async start(folder: string): Promise<RealCluster> {
    const lock = await lockWhenFree();
    const cluster = new RealCluster(join(folder, "kubeconfig"), lock);
    try {
      await run(["bash", SCRIPT]);
      await cluster.admit();
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  private async admit(): Promise<void> {
    await this.kubectl("apply", "-f", ROLE);
    const token = await this.kubectl("create", "token", "orco", "--duration=1h");
    const own = readFileSync(join(FOLDER, "run/admin.kubeconfig"), "utf8").replace("admin-token", token.trim());
    writeFileSync(this.kubeconfig, own, { mode: 0o600 });
  }

  /** As an administrator. */
  kubectl(...args: string[]): Promise<string> {
    return run([KUBECTL, "--kubeconfig", join(FOLDER, "run/admin.kubeconfig"), ...args]);
  }

  async apiServer(what: "api-down" | "api-up"): Promise<void> {
    await run(["bash", SCRIPT, what]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await run(["bash", SCRIPT, "down"]);
    } finally {
      this.lock.release();
    }
  }
}

async function lockWhenFree(): Promise<Lock> {
  for (const deadline = performance.now() + WAIT_MS; ; await Bun.sleep(LOOK_MS)) {
    const lock = lockUnlessHeld();
    if (lock) return lock;
    if (performance.now() > deadline) throw new Error(`another process has had the cluster for ${WAIT_MS} ms: see ${FOLDER}/lock`);
  }
}

function lockUnlessHeld(): Lock | undefined {
  try {
    return takeLock(join(FOLDER, "lock"), { pid: process.pid, startTime: readStat(process.pid)?.startTime ?? 0 });
  } catch (error) {
    if (!(error instanceof OrcoError) || error.code !== "already_running") throw error;
    return undefined;
  }
}

async function run(command: string[]): Promise<string> {
  const env = { ...process.env, LOCKED: "1" };
  const child = Bun.spawn(command, { env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  // What a script leaves running keeps its output open: the exit counts, not the end of the output.
  const [out, err] = [new Response(child.stdout).text(), new Response(child.stderr).text()];
  const code = await child.exited;
  if (code !== 0) throw new Error(`${command.join(" ")}: exit ${code}: ${await err}`);
  return out;
}
