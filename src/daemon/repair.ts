import { join } from "node:path";
import { RepairMetrics } from "../http/repair-metrics.ts";
import type { Family } from "../http/metrics.ts";
import { Audit } from "../kernel/audit.ts";
import type { Clock } from "../kernel/clock.ts";
import type { LoadedConfig } from "../kernel/config.ts";
import { OrcoError } from "../kernel/errors.ts";
import type { Journal } from "../kernel/journal.ts";
import { RepairBook } from "../repair/book.ts";
import { Compose } from "../repair/compose/detect.ts";
import { removeRunImages } from "../repair/compose/untag.ts";
import { RepairDesk } from "../repair/desk.ts";
import { RepairFiles } from "../repair/files.ts";
import { removeFolderOrTell } from "../repair/folder.ts";
import type { RepairHost } from "../repair/host.ts";
import { allMeters } from "../repair/meter.ts";
import { StatsdMeter } from "../repair/meter-statsd.ts";
import { baseCommit, preImages } from "../repair/patch/pre-images.ts";
import { planner } from "../repair/planner/planner.ts";
import { Projects } from "../repair/projects.ts";
import { outdatedBy } from "../repair/outdated.ts";
import { RepairRetention } from "../repair/retention.ts";
import { repairWorkflow } from "../repair/repair.ts";
import type { RepairService } from "../repair/service.ts";
import { Workspaces } from "../repair/workspaces.ts";
import { Engine } from "../supervise/docker/engine.ts";
import type { Slot } from "../supervise/instance.ts";
import type { Runs } from "../workflow/execute.ts";
import type { Workflows } from "../workflow/define.ts";
import { repairService } from "./repair-service.ts";
import { stackPort, type StackSide } from "./repair-stack.ts";
import { repairTargets } from "./repair-targets.ts";
import { repairTriggers } from "./repair-triggers.ts";

export interface RepairOptions {
  readonly config: LoadedConfig["config"];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly newId: () => string;
  readonly runs: () => Runs;
  readonly side: () => StackSide;
  readonly log: (message: string, facts?: Readonly<Record<string, unknown>>) => void;
  readonly onError: (error: unknown) => void;
}

/** Everything about repairs, wired. */
export interface RepairParts {
  readonly workflows: Workflows;
  readonly service: RepairService;
  readonly audit: Audit;
  readonly files: RepairFiles;
  readonly knows: (run: string) => boolean;
  /** A slot of a stack has changed. Never throws. */
  readonly onSlot: (slot: Slot) => void;
  /** Epoch ms before which no repair of the lane begins. */
  readonly notBefore: (run: { readonly kind: string; readonly lane: string }) => number;
  readonly families: () => readonly Family[];
  /** Some compose project is named: docker is needed. */
  readonly hasProjects: () => boolean;
  /** Goes on with what a former daemon left. After runs are resumed. */
  readonly start: () => void;
  readonly leave: () => void;
  readonly close: () => Promise<void>;
}

export function buildRepair(options: RepairOptions): RepairParts {
  const { config, env, clock, journal, newId, runs, log } = options;
  const { home } = config;
  const engine = new Engine(config.dockerHost);
  const compose = new Compose({ configured: config.composeCommand, engine, env, clock });
  const workspaces = new Workspaces(journal);
  const projects = new Projects({ configured: config.repairWorkspaces, added: () => workspaces.added(), compose, env, clock });
  const files = new RepairFiles(config.artifactsDir ?? join(home, "artifacts"));
  const audit = new Audit(journal);
  const metrics = new RepairMetrics(() => desk.awaiting());
  const statsd = statsdOf(config, log);
  const book: RepairBook = new RepairBook({ journal, clock, onChange: (record) => desk.announce(record) });
  let leaving = false;
  const isLeaving = (): boolean => leaving;
  const stacks = stackPort({ side: options.side, clock, env, isLeaving });
  const targets = repairTargets({ projects, compose, engine, env, clock, home, stacks });
  const meter = allMeters(metrics, ...(statsd ? [statsd] : []));
  const host = hostOf(options, { book, files, audit, meter, open: targets.open, isLeaving });
  const desk: RepairDesk = new RepairDesk({
    book,
    files,
    host,
    clock,
    newId,
    runs,
    admit: targets.admit,
    refOf: targets.refOf,
    denied: async (record, { approver, decision }, why) => {
      const facts = { service: record.service, project: record.project, decision, why };
      await audit.append({ at: clock.now(), actor: approver.id, action: "repair.denied", subject: record.id, facts });
    },
    outdated: (record) => outdatedBy(record, { baseCommit, preImages }),
  });
  const retention = retentionOf(options, { files, engine });
  const known = (): readonly string[] => [...config.repairWorkspaces, ...workspaces.added()];
  const triggers = repairTriggers({ options, desk, book, targets, stacks, engine, workspaces: known });
  return {
    workflows: { repair: repairWorkflow(host) },
    service: repairService({ desk, files, book, projects, workspaces, audit, clock }),
    audit,
    files,
    knows: (run) => book.has(run),
    onSlot: triggers.onSlot,
    notBefore: ({ kind, lane }) => {
      const last = kind === "repair" && config.repairCooldownMs > 0 ? book.lastChange(lane) : undefined;
      // One that is to come was noted before the clock was set back.
      return last === undefined || last > clock.now() ? 0 : last + config.repairCooldownMs;
    },
    families: () => metrics.families(),
    hasProjects: () => known().length > 0,
    start: () => {
      desk.start();
      retention.start();
      triggers.start();
    },
    leave: () => {
      leaving = true;
      retention.stop();
      triggers.close();
    },
    close: async () => statsd?.close(),
  };
}

type HostParts = Pick<RepairHost, "book" | "files" | "audit" | "meter" | "isLeaving" | "open">;

function hostOf({ config, clock, onError }: RepairOptions, parts: HostParts): RepairHost {
  const { plannerUrl: url, plannerModel: model, plannerKey: key, githubToken } = config;
  const asked = url !== undefined && model !== undefined && { url, model, ...(key !== undefined && { key }) };
  return {
    ...parts,
    clock,
    folder: join(config.home, "repairs"),
    ...(asked && { planner: (mask: (text: string) => string) => planner(asked, mask) }),
    breakerMs: config.repairBreakerMs,
    ...(githubToken !== undefined && { githubToken }),
    githubApi: config.githubApi,
    knownHashes: (workspace) => parts.book.succeededHashes(workspace),
    onError,
  };
}

function retentionOf(
  { config, clock, journal, log, onError }: RepairOptions,
  { files, engine }: { files: RepairFiles; engine: Engine },
): RepairRetention {
  return new RepairRetention({
    journal,
    files,
    clock,
    keepDays: config.artifactsKeepDays,
    keep: config.artifactsKeep,
    breakerMs: config.repairBreakerMs,
    onForget: async (ids) => {
      for (const id of ids) removeFolderOrTell(join(config.home, "repairs", id), onError);
      await removeRunImages(engine, new Set(ids)).catch(onError);
    },
    log: (message) => log(message),
  });
}

function statsdOf({ statsdHost, statsdPort, statsdPrefix }: LoadedConfig["config"], log: RepairOptions["log"]): StatsdMeter | undefined {
  if (statsdHost === undefined) return undefined;
  const onTrouble = (error: unknown): void => log("StatsD", { error: error instanceof OrcoError ? error.message : String(error) });
  return new StatsdMeter({ host: statsdHost, port: statsdPort, prefix: statsdPrefix, onError: onTrouble });
}
