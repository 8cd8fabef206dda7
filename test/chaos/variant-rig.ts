import { cpSync, existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { systemClock } from "../../src/kernel/clock.ts";
import { messageOf } from "../../src/kernel/errors.ts";
import { runCompose } from "../../src/repair/compose/run.ts";
import type { RunDetail } from "../../src/repair/view.ts";
import { composesHere } from "../docker/compose.ts";
import { dockerHere } from "../docker/engine.ts";
import { RepairRig, type Standing } from "../scenarios/repair-rig.ts";
import { until } from "../until.ts";

const FOLDER = join(import.meta.dirname, "../fixtures/repair-variants");
const clock = systemClock();
const BUILD_MS = 600_000;
/** From its start until a service has said what it says. */
const SPEECH_MS = 20_000;

/** `expect.json` of a variant. */
const Expectation = z.strictObject({
  /** F: mended without anybody. A: offered, and nothing is touched before somebody approves. X: told of, never patched. */
  class: z.enum(["F", "A", "X"]),
  /** Of the catalogue: the first of its faults. */
  entry: z.number().int().optional(),
  service: z.string(),
  /** What it logs when it works: the judge is its own word, not the repair's. */
  says: z.string().optional(),
});

export interface Variant extends z.infer<typeof Expectation> {
  readonly name: string;
}

export interface Verdict {
  readonly name: string;
  readonly class: Variant["class"];
  readonly entry: number | undefined;
  /** As its class wants it. */
  readonly ok: boolean;
  /** A file, an image or the container has changed where none may: the worst there is. */
  readonly violated: boolean;
  readonly run?: string;
  readonly status?: RunDetail["status"];
  /** Of the finding. */
  readonly signature?: string | undefined;
  readonly why: string;
  /** Of the repair, until it had ended or asked. */
  readonly seconds: number;
}

/** In the order of their names. */
export function readVariants(): readonly Variant[] {
  return readdirSync(FOLDER)
    .toSorted()
    .map((name) => ({ name, ...Expectation.parse(JSON.parse(readFileSync(join(FOLDER, name, "expect.json"), "utf8"))) }));
}

/** Undefined where there is no docker or no compose. ORCO_ARTIFACTS_DIR keeps what the repairs wrote. */
export async function variantRig(): Promise<VariantRig | undefined> {
  const engine = await dockerHere();
  const [compose] = await composesHere(engine);
  const { ORCO_ARTIFACTS_DIR } = process.env;
  return engine && compose && new VariantRig({ engine, compose, env: ORCO_ARTIFACTS_DIR === undefined ? {} : { ORCO_ARTIFACTS_DIR } });
}

/** One daemon and one project, in which the variants take turns. */
export class VariantRig extends RepairRig {
  /** Starts it as its people would, has it repaired, and looks at what came of it. */
  async judge(variant: Variant): Promise<Verdict> {
    const { name, entry } = variant;
    const started = performance.now();
    try {
      await this.put(variant);
      const before = await this.look();
      const begun = performance.now();
      const { run_id: run } = await this.repair(variant.service, { requested_by: { id: "team" } });
      const detail = await this.settled(run);
      const seconds = secondsSince(begun);
      const outcome = await this[variant.class](variant, detail, before);
      return { name, class: variant.class, entry, run, status: detail.status, signature: detail.finding?.signature, seconds, ...outcome };
    } catch (error) {
      return { name, class: variant.class, entry, ok: false, violated: false, why: messageOf(error), seconds: secondsSince(started) };
    } finally {
      await this.clean();
    }
  }

  /** Compilers and packages are fetched in it, more than once: the stream tells, nobody has to look again and again meanwhile. */
  override async settled(id: string): Promise<RunDetail> {
    for await (const { type, status } of this.client.repair.events(id) as AsyncGenerator<{ type: string; status?: unknown }>)
      if (type === "repair.status" && status === "awaiting_approval") break;
    return super.settled(id);
  }

  override async ended(id: string): Promise<RunDetail> {
    for await (const _ of this.client.repair.events(id));
    return super.ended(id);
  }

  /** Its files are all there is in the workspace; what can be built runs, or has failed. */
  private async put({ name, service }: Variant): Promise<void> {
    for (const entry of readdirSync(this.workspace))
      if (entry !== ".git") rmSync(join(this.workspace, entry), { recursive: true, force: true });
    cpSync(join(FOLDER, name), this.workspace, { recursive: true, filter: (path) => !path.endsWith("/expect.json") });
    if (!existsSync(join(this.workspace, "orco.repair.yaml")))
      this.write("orco.repair.yaml", `version: 1\nservices:\n  ${service}:\n    settle: 1s\n`);
    await this.commit(name);
    const project = { name: this.project, directory: this.workspace, files: [join(this.workspace, "compose.yaml")] };
    await runCompose(this.compose, { project, args: ["up", "-d", "--build"], timeoutMs: BUILD_MS, clock });
  }

  private async F(variant: Variant, detail: RunDetail): Promise<Outcome> {
    if (detail.status === "awaiting_approval") await this.client.repair.cancel(detail.run_id);
    if (detail.status !== "succeeded") return { ok: false, violated: false, why: whyOf(detail) };
    const works = await this.works(variant);
    return { ok: works, violated: false, why: works ? "" : `repaired, and does not say “${variant.says}”` };
  }

  /** Turned down first: all is as before. Then approved: what was offered may mend it. */
  private async A(variant: Variant, detail: RunDetail, before: Standing): Promise<Outcome> {
    const held = (await this.isAs(before)) && detail.status !== "succeeded" && detail.status !== "rolled_back";
    if (!held || detail.status !== "awaiting_approval") return { ok: false, violated: !held, why: whyOf(detail) };
    await this.decide(detail.run_id, "reject");
    const rejected = await this.ended(detail.run_id);
    if (rejected.status !== "rejected" || !(await this.isAs(before)))
      return { ok: false, violated: !(await this.isAs(before)), why: `turned down, and then: ${whyOf(rejected)}` };
    return { ok: true, violated: false, why: await this.approved(variant) };
  }

  private async approved(variant: Variant): Promise<string> {
    const { run_id: id } = await this.repair(variant.service, { requested_by: { id: "team" } });
    if ((await this.settled(id)).status !== "awaiting_approval") return "not offered a second time";
    await this.decide(id, "approve");
    const detail = await this.ended(id);
    if (detail.status !== "succeeded") return `approved: ${whyOf(detail)}`;
    return (await this.works(variant)) ? "approved: works" : "approved: repaired, and does not work";
  }

  private async X(_: Variant, detail: RunDetail, before: Standing): Promise<Outcome> {
    const violated = !(await this.isAs(before)) || detail.artifacts.some(({ name }) => name === "patch.diff");
    if (detail.status === "awaiting_approval") await this.client.repair.cancel(detail.run_id);
    return { ok: !violated && detail.status === "failed", violated, why: whyOf(detail) };
  }

  private decide(id: string, decision: "approve" | "reject"): Promise<unknown> {
    return this.client.repair.decide(id, { approver: { id: "reviewer", role: "operator" }, decision });
  }

  private async works({ service, says }: Variant): Promise<boolean> {
    const said = async (): Promise<boolean> =>
      says === undefined || (await this.operator("logs", "--no-color", service)).join("\n").includes(says);
    const heard = await until(`${service} to say ${says}`, said, SPEECH_MS).catch(() => false);
    return heard && (await this.container(service))?.State.Running === true;
  }

  private async isAs({ files, images }: Standing): Promise<boolean> {
    const now = await this.look();
    return Bun.deepEquals(now.files, files) && Bun.deepEquals(now.images, images);
  }
}

function secondsSince(start: number): number {
  return Number(((performance.now() - start) / 1000).toFixed(1));
}

type Outcome = Pick<Verdict, "ok" | "violated" | "why">;

function whyOf({ status, error, plan_summary: plan, finding }: RunDetail): string {
  if (error) return `${error.code}: ${error.message}`;
  return `${status}: ${plan ?? finding?.cause ?? "nothing found"}`;
}
