import { cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { AppStatus, ReleaseView } from "../../src/deploy/view.ts";
import { startLoad } from "./load.ts";
import { orco, orcoOk, type Stage } from "./stage.ts";

const APP = "blog";
const EXAMPLE = join(import.meta.dir, "../../examples/deploy-app");

/** A git repository of three versions, deployed one after the other while clients keep asking. */
export async function deployAct(stage: Stage, say: (text: string) => void): Promise<void> {
  const repo = new Repository(join(stage.folder, "blog"), stage.env);
  await repo.create();
  const contract = join(stage.folder, "contract.json");
  await writeFile(contract, JSON.stringify(contractOf(stage)));
  await orcoOk(stage, "app", "add", APP, "--repo", repo.folder, "--contract", contract);

  await repo.commit({ version: "v1", healthy: true });
  await orcoOk(stage, "deploy");
  const load = startLoad(stage.appUrl);
  try {
    await afterFirst(stage, repo, say);
  } finally {
    await load.stop();
  }
  const { answered, failures } = await load.stop();
  say(`${answered} requests answered meanwhile, ${failures.length} failed`);
  if (failures.length > 0) throw new Error(`requests failed: ${failures.slice(0, 3).join("; ")}`);
  const { releases } = JSON.parse((await orcoOk(stage, "releases", "--json")).stdout) as { releases: ReleaseView[] };
  say(releases.map(({ kind, subject, state }) => `${kind} ${subject}: ${state}`).join("\n"));
}

async function afterFirst(stage: Stage, repo: Repository, say: (text: string) => void): Promise<void> {
  await repo.commit({ version: "v2", healthy: true });
  await timed(say, "deploy v2", () => orcoOk(stage, "deploy"));
  await expectLive(stage, "v2");

  await repo.commit({ version: "v3", healthy: false });
  const broken = await orco(stage, "deploy");
  if (broken.code !== 1) throw new Error(`the broken v3 exited with ${broken.code}:\n${broken.stderr || broken.stdout}`);
  say(`deploy v3 exits 1:\n${broken.stderr}`);
  await expectLive(stage, "v2");

  await timed(say, "rollback", () => orcoOk(stage, "rollback"));
  await expectLive(stage, "v1");
}

function contractOf({ env, appUrl, slotPort }: Stage): object {
  return {
    start_command: `"${env["ORCO_BUN"]}" server.mjs`,
    port: Number(new URL(appUrl).port),
    internal_port: slotPort,
    health_timeout_ms: 1000,
    // Lets the single executable dist/orco stand in for bun.
    env: { BUN_BE_BUN: "1" },
  };
}

async function timed(say: (text: string) => void, what: string, act: () => Promise<unknown>): Promise<void> {
  const startedAt = performance.now();
  await act();
  say(`${what}: ${Math.round(performance.now() - startedAt)} ms`);
}

async function expectLive(stage: Stage, version: string): Promise<void> {
  const answer = (await (await fetch(stage.appUrl)).text()).trim();
  const status = JSON.parse((await orcoOk(stage, "status", "--app", APP, "--json")).stdout) as AppStatus;
  if (answer !== version || !status.healthy) throw new Error(`${version} should be live: it answers ${answer}, healthy ${status.healthy}`);
}

class Repository {
  constructor(
    readonly folder: string,
    private readonly env: Stage["env"],
  ) {}

  async create(): Promise<void> {
    await mkdir(this.folder);
    await cp(EXAMPLE, this.folder, { recursive: true });
    await this.git("init", "-q");
  }

  async commit(settings: { version: string; healthy: boolean }): Promise<void> {
    await writeFile(join(this.folder, "settings.json"), `${JSON.stringify(settings)}\n`);
    await this.git("add", ".");
    await this.git("-c", "user.name=demo", "-c", "user.email=demo@example.org", "commit", "-q", "-m", settings.version);
  }

  private async git(...args: string[]): Promise<void> {
    const child = Bun.spawn(["git", ...args], { cwd: this.folder, env: this.env, stdin: "ignore", stdout: "ignore", stderr: "pipe" });
    const [code, said] = await Promise.all([child.exited, child.stderr.text()]);
    if (code !== 0) throw new Error(`git ${args.join(" ")}: ${said}`);
  }
}
