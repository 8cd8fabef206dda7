import type { Api } from "./api.ts";
import type { Fixture } from "./fixture.ts";
import { fill, type Placeholders } from "./implementation.ts";
import { SetupError, type SuiteOptions } from "./options.ts";

const APP = "/apps/default";

interface World {
  readonly api: Api;
  readonly fixture: Fixture;
  readonly contract: object;
  readonly values: Placeholders;
}

/** How the orchestrator learns of the repository and the contract. Errors: `SetupError`. */
export class Registration {
  private made = false;

  constructor(
    private readonly options: SuiteOptions,
    private readonly world: World,
  ) {}

  async make(): Promise<void> {
    const { start, setup, repo } = this.options;
    if (setup !== undefined) await run(fill(setup, this.world.values));
    else if (repo === undefined && start?.includes("{repo}") !== true) await this.put();
  }

  /** An orchestrator that goes on is left as it was found. */
  async undo(): Promise<void> {
    if (this.made && this.options.start === undefined) await this.world.api.send("DELETE", APP);
  }

  private async put(): Promise<void> {
    const { api, fixture, contract } = this.world;
    const present = await api.send("GET", APP);
    if (present.status === 200) throw new SetupError("there is an app named default already: the suite needs an orchestrator of its own");
    const answer = await api.send("PUT", APP, { repo: fixture.repo, contract });
    const next = "say how to point it at the repository: {repo} and {contract} in --start, --setup, or --repo";
    if (answer.status >= 300) throw new SetupError(`PUT ${APP} was answered ${answer.status} ${answer.text}\n${next}`);
    this.made = true;
  }
}

async function run(command: string): Promise<void> {
  const child = Bun.spawn(["/bin/sh", "-c", command], { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  const [said, code] = await Promise.all([child.stderr.text(), child.exited]);
  if (code !== 0) throw new SetupError(`the setup command ended with ${code}: ${said.trim()}`);
}
