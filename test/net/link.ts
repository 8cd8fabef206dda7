import { existsSync, readlinkSync } from "node:fs";
import { until } from "../until.ts";

const NEEDED = ["ip", "unshare", "nsenter"] as const;

/** Why no network namespaces can be made here; undefined when they can. */
export function whyNoNamespaces(): string | undefined {
  const missing = NEEDED.filter((program) => Bun.which(program, { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` }) === null);
  if (missing.length > 0) return `${missing.join(", ")} not installed (Debian: apt-get install iproute2 util-linux)`;
  if (process.getuid?.() !== 0) return "only root may make network namespaces";
  const { success, stderr } = Bun.spawnSync(["unshare", "--net", "true"], { stderr: "pipe" });
  return success ? undefined : `no network namespace can be made here: ${stderr.toString().trim()}`;
}

/** Two network namespaces without names and the wire between them; they end with the two processes that hold them. */
export class NetworkLink {
  readonly addresses = ["10.211.0.1", "10.211.0.2"] as const;

  private constructor(private readonly holders: readonly [Bun.Subprocess, Bun.Subprocess]) {}

  static async open(): Promise<NetworkLink> {
    const holder = (): Bun.Subprocess => Bun.spawn(["unshare", "--net", "--kill-child", "sleep", "infinity"]);
    const link = new NetworkLink([holder(), holder()]);
    try {
      const own = readlinkSync("/proc/self/ns/net");
      const isApart = ({ pid }: Bun.Subprocess): boolean =>
        existsSync(`/proc/${pid}/ns/net`) && readlinkSync(`/proc/${pid}/ns/net`) !== own;
      await until("two network namespaces", () => link.holders.every(isApart));
      link.ip(0, `link add wire type veth peer name wire netns ${link.holders[1].pid}`);
      for (const side of [0, 1] as const) {
        link.ip(side, "link set lo up");
        link.ip(side, `addr add ${link.addresses[side]}/24 dev wire`);
        link.ip(side, "link set wire up");
      }
      return link;
    } catch (error) {
      await link.close();
      throw error;
    }
  }

  /** What a command begins with that is to run on one side. */
  on(side: 0 | 1): readonly string[] {
    return ["nsenter", `--net=/proc/${this.holders[side].pid}/ns/net`];
  }

  /** Pulls the wire out. */
  cut(): void {
    this.ip(0, "link set wire down");
  }

  mend(): void {
    this.ip(0, "link set wire up");
  }

  async close(): Promise<void> {
    for (const holder of this.holders) holder.kill("SIGKILL");
    await Promise.all(this.holders.map((holder) => holder.exited));
  }

  private ip(side: 0 | 1, command: string): void {
    const { success, stderr } = Bun.spawnSync([...this.on(side), "ip", ...command.split(" ")], { stderr: "pipe" });
    if (!success) throw new Error(`ip ${command}: ${stderr.toString()}`);
  }
}
