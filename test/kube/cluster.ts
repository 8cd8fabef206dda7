import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

const SCRIPT = new URL("cluster.sh", import.meta.url).pathname;
const ROLE = new URL("../../deploy/k8s/role.yaml", import.meta.url).pathname;
const FOLDER = process.env["K"] ?? join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "kube-test");
const KUBECTL = join(FOLDER, "kube/bin/kubectl");

/** Why there can be no real cluster here; undefined when there can. */
export function missing(): string | undefined {
  if (process.getuid?.() !== 0) return "it needs root";
  if (!existsSync(join(FOLDER, "kube/bin/kube")))
    return `${FOLDER}/kube/bin/kube is not built: npm run test:kube builds it (about 400 CPU-seconds, once)`;
  return undefined;
}

/** A real Kubernetes on this machine, and an orco in it with no more rights than `deploy/k8s/role.yaml` gives. */
export class RealCluster implements AsyncDisposable {
  private constructor(readonly kubeconfig: string) {}

  static async start(folder: string): Promise<RealCluster> {
    const cluster = new RealCluster(join(folder, "kubeconfig"));
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
    await run(["bash", SCRIPT, "down"]);
  }
}

async function run(command: string[]): Promise<string> {
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  // What a script leaves running keeps its output open: the exit counts, not the end of the output.
  const [out, err] = [new Response(child.stdout).text(), new Response(child.stderr).text()];
  const code = await child.exited;
  if (code !== 0) throw new Error(`${command.join(" ")}: exit ${code}: ${await err}`);
  return out;
}
