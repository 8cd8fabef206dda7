import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listContainers, removeContainer } from "../../src/supervise/docker/containers.ts";
import { Engine } from "../../src/supervise/docker/engine.ts";
import { IMAGE } from "./engine.ts";
import { until } from "../until.ts";

/**
 * A docker engine of a test's own, to be killed and stopped. It lives in a network namespace of its own: a second dockerd beside the first would take away its
 * docker0. Its containers are therefore not reached by their addresses.
 */
export class OwnDockerd {
  readonly engine: Engine;
  private child: Bun.Subprocess | undefined;

  private constructor(
    private readonly root: string,
    private readonly holder: Bun.Subprocess,
    private readonly containerd: Bun.Subprocess,
  ) {
    this.engine = new Engine(`unix://${root}/sock`);
  }

  /** With the image of the tests; its images and containers have `dataBytes` on disk where given. */
  static async begin(from: Engine, { dataBytes }: { dataBytes?: number } = {}): Promise<OwnDockerd> {
    const root = mkdtempSync(join(tmpdir(), "orco-dockerd-"));
    if (dataBytes !== undefined) mountMemory(join(root, "data"), dataBytes);
    writeFileSync(join(root, "daemon.json"), '{"live-restore": true}');
    writeFileSync(join(root, "containerd.toml"), containerdConfig(root));
    const holder = Bun.spawn(["unshare", "--net", "sleep", "infinity"]);
    // Beside dockerd, as services have it: it is not killed with it.
    const containerd = Bun.spawn(["containerd", "--config", join(root, "containerd.toml")], { stderr: "ignore" });
    const own = new OwnDockerd(root, holder, containerd);
    await until("containerd", () => existsSync(`${root}/c.sock`), 20_000);
    await until("a network namespace", () =>
      Bun.file(`/proc/${own.holder.pid}/comm`)
        .text()
        .then((name) => name.trim() === "sleep"),
    );
    await own.start();
    await own.engine.call("POST", "/images/load", { bytes: from.stream("GET", `/images/${encodeURIComponent(IMAGE)}/get`) });
    return own;
  }

  /** What a command begins with that is to run beside its containers. */
  get beside(): readonly string[] {
    return ["nsenter", `--net=/proc/${this.holder.pid}/ns/net`];
  }

  async start(): Promise<void> {
    const { root, beside } = this;
    const place = [
      "--data-root",
      `${root}/data`,
      "--exec-root",
      `${root}/exec`,
      "--pidfile",
      `${root}/pid`,
      "-H",
      `unix://${root}/sock`,
      "--containerd",
      `${root}/c.sock`,
    ];
    const net = ["--bridge=none", "--iptables=false", "--ip-masq=false"];
    this.child = Bun.spawn([...beside, "dockerd", "--config-file", `${root}/daemon.json`, ...place, ...net], {
      stdout: "ignore",
      stderr: openSync(`${root}/log`, "a"),
    });
    await until("dockerd", () => this.engine.ping({ timeoutMs: 1000 }).then(Boolean, () => false), 15_000);
  }

  /** Leaves nothing of its disk. */
  fill(): void {
    Bun.spawnSync(["dd", "if=/dev/zero", `of=${this.root}/data/filler`, "bs=64k"], { stderr: "ignore" });
  }

  empty(): void {
    rmSync(join(this.root, "data/filler"));
  }

  async crash(): Promise<void> {
    this.child?.kill("SIGKILL");
    await this.child?.exited;
  }

  pause(): void {
    this.child?.kill("SIGSTOP");
  }

  resume(): void {
    this.child?.kill("SIGCONT");
  }

  async end(): Promise<void> {
    this.resume();
    if (this.child?.exitCode !== null || this.child.signalCode !== null) await this.start();
    for (const { Id } of await listContainers(this.engine, {})) await removeContainer(this.engine, Id);
    this.child?.kill("SIGTERM");
    await this.child?.exited;
    for (const child of [this.containerd, this.holder]) child.kill("SIGKILL");
    await Promise.all([this.containerd.exited, this.holder.exited]);
    // What was killed has left it mounted.
    while (readFileSync("/proc/mounts", "utf8").includes(` ${this.root}/data `)) Bun.spawnSync(["umount", `${this.root}/data`]);
    rmSync(this.root, { recursive: true, force: true });
  }
}

function mountMemory(path: string, bytes: number): void {
  mkdirSync(path);
  const { success, stderr } = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", path]);
  if (!success) throw new Error(stderr.toString());
}

function containerdConfig(root: string): string {
  return [
    "version = 2",
    `root = "${root}/c"`,
    `state = "${root}/s"`,
    'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
    `[grpc]\naddress = "${root}/c.sock"`,
    `[ttrpc]\naddress = "${root}/c.sock.ttrpc"`,
  ].join("\n");
}
