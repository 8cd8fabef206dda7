import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { AppStatus } from "../../src/deploy/view.ts";
import type { RunView } from "../../src/workflow/view.ts";
import { freePort, freePorts } from "../free-port.ts";
import type { Rig } from "./rig.ts";

const PROGRAM = join(resolve(import.meta.dirname, "../programs"), "deployed.ts");

/** What the program does at a commit (test/programs/deployed.ts). */
export interface Behaviour {
  readonly version: string;
  readonly [key: string]: unknown;
}

export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** One app with a repository of its own. */
export class AppUnderTest {
  readonly repo: string;
  readonly port: number;
  readonly internalPort: number;

  private constructor(
    private readonly rig: Rig,
    readonly name: string,
  ) {
    this.repo = join(rig.dir, `repo-${name}`);
    [this.port, this.internalPort] = [freePort(), freePorts(2)];
  }

  /** Registered, with an empty repository. */
  static async create(rig: Rig, name: string, contract: Record<string, unknown> = {}): Promise<AppUnderTest> {
    const app = new AppUnderTest(rig, name);
    mkdirSync(app.repo, { recursive: true });
    await app.git("init", "-q", "-b", "main");
    await app.put(contract);
    return app;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  async put(contract: Record<string, unknown> = {}): Promise<void> {
    const whole = {
      start_command: `exec ${process.execPath} ${PROGRAM}`,
      port: this.port,
      internal_port: this.internalPort,
      health_timeout_ms: 20_000,
      drain_timeout_ms: 2000,
      stop_timeout_ms: 2000,
      ...contract,
    };
    await this.rig.client.putApp(this.name, { repo: this.repo, contract: whole });
  }

  /** Commits and returns the sha. */
  async commit(behaviour: Behaviour, files: Readonly<Record<string, string>> = {}): Promise<string> {
    for (const [path, text] of Object.entries({ "behaviour.json": JSON.stringify(behaviour), ...files })) {
      mkdirSync(join(this.repo, path, ".."), { recursive: true });
      writeFileSync(join(this.repo, path), text);
    }
    await this.git("add", "-A");
    await this.git("commit", "-q", "--allow-empty", "-m", `version ${behaviour.version}`);
    return (await this.git("rev-parse", "HEAD")).trim();
  }

  /** POST, as any program would. */
  async deploy(commit: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.post("deploy", { commit }, headers);
  }

  async rollback(): Promise<Answer> {
    return this.post("rollback", {});
  }

  status(): Promise<AppStatus> {
    return this.rig.client.appStatus(this.name);
  }

  async version(path = ""): Promise<string> {
    return (await fetch(`${this.url}${path}`)).text();
  }

  /** The run when it has ended. */
  ended(run: unknown): Promise<RunView> {
    return this.rig.client.waitRun(String(run));
  }

  async git(...args: string[]): Promise<string> {
    const identity = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"];
    const child = Bun.spawn(["git", ...identity, ...args], { cwd: this.repo, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
    const [code, out, err] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()]);
    if (code !== 0) throw new Error(`git ${args.join(" ")}: ${err}`);
    return out;
  }

  private async post(action: string, body: object, headers: Record<string, string> = {}): Promise<Answer> {
    const response = await fetch(`http://orco/apps/${this.name}/${action}`, {
      method: "POST",
      unix: join(this.rig.home, "orco.sock"),
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }
}
