import type { Clock } from "../kernel/clock.ts";
import type { Journal } from "../kernel/journal.ts";
import { tellWebhooks } from "../deploy/alerts.ts";
import { Apps } from "../deploy/apps.ts";
import { deployWorkflow } from "../deploy/deploy.ts";
import { repoOpener } from "../deploy/git/repo.ts";
import { rollbackWorkflow } from "../deploy/rollback.ts";
import { appEvent, AppStore } from "../deploy/store.ts";
import type { Traffic } from "../edge/traffic.ts";
import type { LogStore } from "../supervise/logs/store.ts";
import type { Runtime } from "../supervise/runtime.ts";
import { slotFacts, SlotRows } from "../supervise/slot-rows.ts";
import type { Workflows } from "../workflow/define.ts";

interface AppsParts {
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly runtime: Runtime;
  readonly logs: LogStore;
  readonly newId: () => string;
  readonly traffic: Traffic;
  /** Where the edge listens when a contract does not say. */
  readonly address: string;
  readonly onSlot: ConstructorParameters<typeof Apps>[0]["onSlot"];
  readonly onError: (error: unknown) => void;
}

export function buildApps({ env, ...parts }: AppsParts): Apps {
  const { journal, clock, onError } = parts;
  const open = repoOpener({ clock, environment: env });
  return new Apps({
    ...parts,
    daemonEnv: env,
    store: new AppStore(journal),
    slotRows: new SlotRows({
      journal,
      clock,
      onError,
      eventOf: (slot, event) => {
        const app = slot.stack.slice("app.".length);
        return appEvent(app, event.type, { slot_name: slot.service, ...slotFacts(slot, event) });
      },
    }),
    openRepo: ({ repo, dir }) => open({ url: repo, dir }),
    alert: async (app, release, told) => {
      const body = { app: app.name, commit: release.commit, at: new Date(clock.now()).toISOString(), ...told };
      const failed = await tellWebhooks(release, body, { clock, daemonEnv: env });
      const events = failed.map((why) => appEvent(app.name, "alert.failed", { kind: told.kind, message: why }));
      if (events.length > 0) await journal.append(events).catch(onError);
    },
  });
}

export function deployWorkflows(apps: Apps): Workflows {
  return { deploy: deployWorkflow(apps), rollback: rollbackWorkflow(apps) };
}
