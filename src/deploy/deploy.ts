import { messageOf, OrcoError } from "../kernel/errors.ts";
import type { Json } from "../kernel/event.ts";
import type { RunContext, Workflow } from "../workflow/define.ts";
import type { App } from "./app.ts";
import { awaitHealth, boot, type Candidate } from "./candidate.ts";
import { askSchema, build, hook } from "./commands.ts";
import { failure } from "./failure.ts";
import { goLive, settleMs } from "./go-live.ts";
import type { DeployHost } from "./host.ts";
import { contentToApprove, type DeployPlan, planDeploy, releaseOf } from "./plan.ts";
import { refuseClaimed, refuseOwnLive } from "./port-claims.ts";
import { liveRelease, occupy } from "./record.ts";
import { giveBack, settle } from "./settle.ts";
import { leaveTraffic } from "./swap.ts";
import type { DeployResult } from "./view.ts";

/** How long a deploy waits for the approval it needs. */
const APPROVAL_EXPIRES_MS = 24 * 60 * 60 * 1000;
const HEX = /^[0-9a-f]{40}$/;

interface DeployInput {
  readonly app: string;
  readonly ref: string;
}

/**
 * A commit goes live (deploy.md): fetch → resolve → approval? → checkout → build? → pre_deploy? → boot → health → schema? → swap → drain →
 * stop old → prune → post_deploy?. What fails before the swap is undone, and the app is as it was; after it nothing fails any more, it warns.
 */
export function deployWorkflow(host: DeployHost): Workflow {
  return async (context, input) => {
    const { app: name, ref } = input as unknown as DeployInput;
    const app = host.require(name);
    let plan: DeployPlan | undefined;
    try {
      plan = await resolve(host, context, { app, ref });
      await approve(host, context, { app, plan });
      await prepare(context, { host, app, slot: plan.slot }, plan);
      const warnings = await goLive(context, { host, app, slot: plan.slot }, "deploy");
      void host.alert(app, releaseOf(plan, context.id), { kind: "deploy_succeeded", message: plan.subject, run: context.id });
      return result(context, app, { ...plan, warnings }) as unknown as Json;
    } catch (error) {
      tellFailure(host, { app, plan, run: context.id }, error);
      throw failed(error, plan, app);
    }
  };
}

/** A run that was cancelled, or that the next daemon goes on with, has not failed. */
function tellFailure(host: DeployHost, { app, plan, run }: { app: App; plan: DeployPlan | undefined; run: string }, error: unknown): void {
  const release = plan ? releaseOf(plan, run) : liveRelease(app.row);
  if (!release || (error instanceof OrcoError && error.code === "cancelled")) return;
  void host.alert(app, release, { kind: "deploy_failed", message: messageOf(error), run });
}

async function resolve(host: DeployHost, context: RunContext, { app, ref }: { app: App; ref: string }): Promise<DeployPlan> {
  const repo = host.repo(app);
  await context.step("fetch", async (signal) => {
    const known =
      HEX.test(ref) &&
      (await repo.resolve(ref, signal).then(
        () => true,
        () => false,
      ));
    if (!known) await repo.fetch({ signal, progress: (line) => context.progress(line) });
    return null;
  });
  const plan = await context.step("resolve", async (signal) => (await planDeploy(app, repo, { ref, signal })) as unknown as Json);
  return plan as unknown as DeployPlan;
}

async function approve(host: DeployHost, context: RunContext, { app, plan }: { app: App; plan: DeployPlan }): Promise<void> {
  const repo = host.repo(app);
  const asked = await context.step("gate", async (signal) => {
    refuseClaimed(app.name, plan.contract, host.rows());
    refuseOwnLive(app.row, plan.slot, plan.contract);
    const found = await contentToApprove({ app, repo, signal }, plan);
    if (found) void host.alert(app, releaseOf(plan, context.id), { kind: "approval_required", message: found.summary, run: context.id });
    return found ?? null;
  });
  if (asked === null) return;
  const { summary, content } = asked;
  await context.approval("approval", { summary, content, expiresMs: APPROVAL_EXPIRES_MS });
}

/** Everything until the new process is healthy. */
async function prepare(context: RunContext, candidate: Candidate, plan: DeployPlan): Promise<void> {
  const { host, app, slot } = candidate;
  const release = releaseOf(plan, context.id);
  await context.step("checkout", (signal) => checkout(candidate, plan, { run: context.id, signal }), {
    undo: () => undoCheckout(candidate, context.id),
    undoTimeoutMs: settleMs(app),
  });
  const tell = (line: string): void => context.progress(line);
  if (plan.contract.build_command !== undefined)
    await context.step("build", (signal) => build({ host, app, slot, release }, { signal, tell }).then(() => null));
  if (plan.contract.pre_deploy !== undefined)
    await context.step("pre_deploy", (signal) => hook("pre_deploy", { host, app, slot, release }, { signal, tell }).then(() => null));
  await context.step("boot", () => boot(candidate, "deploy").then(() => null), { undo: () => undoBoot(candidate, context.id) });
  await context.step("health", (signal) => awaitHealth(candidate, signal).then(() => null));
  if (plan.contract.schema_status)
    await context.step("schema", (signal) => askSchema({ host, app, slot, release }, { signal, tell }).then(() => null));
}

async function checkout(candidate: Candidate, plan: DeployPlan, { run, signal }: { run: string; signal: AbortSignal }): Promise<null> {
  const { host, app, slot } = candidate;
  const repo = host.repo(app);
  const dirs = host.dirs(app);
  if (app.row.slots[slot]?.run !== run) await settle(host, app);
  await app.stop(slot, "replaced");
  await app.change((row) => occupy(row, slot, releaseOf(plan, run)), "app.checkout", { slot_name: slot, commit: plan.commit, run });
  await dirs.clear(slot, app.row.aside?.slot === slot);
  await repo.keep(slot, plan.commit);
  await repo.checkout(plan.commit, dirs.of(slot), signal);
  return null;
}

async function undoCheckout({ host, app, slot }: Candidate, run: string): Promise<void> {
  await giveBack({ host, app, slot }, run);
  // Cancelled after its swap: it stays live.
  if (app.row.live === slot && app.row.slots[slot]?.run === run) await settle(host, app);
}

async function undoBoot({ app, slot }: Candidate, run: string): Promise<void> {
  if (app.slot(slot)?.config === run && app.row.live !== slot) await leaveTraffic(app, slot, "deploy_failed");
}

function result(
  { id }: RunContext,
  app: App,
  { slot, commit, previousCommit, warnings }: DeployPlan & { warnings: string[] },
): DeployResult {
  return {
    success: true,
    slot,
    commit,
    previous_commit: previousCommit,
    app: app.name,
    run: id,
    ...(warnings.length > 0 && { warnings }),
  };
}

function failed(error: unknown, plan: DeployPlan | undefined, app: App): OrcoError {
  const known = plan
    ? { slot: plan.slot, commit: plan.commit, previous_commit: plan.previousCommit }
    : { previous_commit: liveRelease(app.row)?.commit ?? null };
  return failure(error, { app: app.name, ...known });
}
