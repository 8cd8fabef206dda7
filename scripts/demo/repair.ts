import { cp } from "node:fs/promises";
import { basename, join } from "node:path";
import { type Answer, orco, orcoOk, type Stage } from "./stage.ts";
import type { Step } from "./steps.ts";

const EXAMPLE = join(import.meta.dir, "../../examples/repair/first");
const DEFAULT_IMAGE = "busybox:1.37";

/** A compose project of docs/repair.md, with the fault of many a checkout on Windows. */
export const repair: Step = {
  name: 'mend a service of a compose project that does not start: orco repair api "…" --watch',
  async run(stage, say) {
    if (compose(stage, "version").code !== 0) return say("there is no docker compose here: left out");
    const project = projectOf(stage);
    await cp(EXAMPLE, project, { recursive: true });
    await Bun.write(join(project, ".env"), `BASE=${stage.env["IMAGE"] ?? DEFAULT_IMAGE}\nCOMPOSE_PROJECT_NAME=${nameOf(stage)}\n`);
    const script = Bun.file(join(project, "api/start.sh"));
    await script.write((await script.text()).replaceAll("\n", "\r\n"));
    const up = compose(stage, "up", "-d", "api");
    if (up.code !== 0) throw new Error(`docker compose up: ${up.stderr}`);
    await orcoOk(stage, "repair", "add", project);
    const { stdout } = await orcoOk(stage, "repair", `${nameOf(stage)}/api`, "api does not start: mend it", "--watch");
    say(
      stdout
        .split("\n")
        .filter((line) => !/^ +\w+ \| /.test(line) && !line.endsWith("…"))
        .join("\n"),
    );
    await takeDown(stage);
  },
};

/** Whatever became of it. */
export async function takeDown(stage: Stage): Promise<void> {
  if (!(await Bun.file(join(projectOf(stage), "compose.yaml")).exists())) return;
  const { stdout } = await orco(stage, "repairs");
  for (const [run] of stdout.matchAll(/^[0-9a-f]{8}-[0-9a-f-]{27}/gm)) docker(stage, "rmi", "-f", `orco-rollback/api:${run}`);
  compose(stage, "down", "--timeout", "1", "--rmi", "local");
}

function projectOf({ folder }: Stage): string {
  return join(folder, "shop");
}

/** Another demo may run beside this one. */
function nameOf({ folder }: Stage): string {
  return basename(folder).toLowerCase();
}

function compose(stage: Stage, ...args: string[]): Answer {
  return docker(stage, "compose", "--project-directory", projectOf(stage), ...args);
}

function docker({ env }: Stage, ...args: string[]): Answer {
  const { exitCode, stdout, stderr } = Bun.spawnSync(["docker", ...args], { env: { ...env } });
  return { code: exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}
