import type { Clock } from "../kernel/clock.ts";
import type { JsonObject } from "../kernel/event.ts";
import type { ProjectView, RepairArtifact, RunDetail, RunSummary } from "../repair/view.ts";
import { followEvents, type Follow } from "./events.ts";
import type { Transport } from "./transport.ts";
import type { EventView } from "./wire.ts";

/** Body of `POST /orchestrator/runs`. */
export interface RepairRequest {
  readonly instruction: string;
  /** `service` or `project/service`. */
  readonly target_service: string;
  readonly priority?: "normal" | "high";
  readonly plan?: JsonObject;
  readonly dry_run?: boolean;
  readonly logs?: string;
  readonly requested_by?: Person;
}

interface Person {
  readonly id: string;
  readonly role?: string;
}

export interface RepairApproval {
  readonly approver: Person;
  readonly decision: "approve" | "reject";
  readonly comment?: string;
  readonly token?: string;
  readonly plan_hash?: string;
}

export interface RepairsQuery {
  readonly status?: string;
  readonly service?: string;
  readonly limit?: number;
  readonly cursor?: string;
}

export interface RepairList {
  readonly runs: readonly RunSummary[];
  readonly next_cursor?: string;
}

/** Compose renders the project before a repair is admitted. */
const ADMISSION_TIMEOUT_MS = 120_000;
const ROOT = "/orchestrator";

/** Repairs (repair.md). Every method throws what the daemon threw, or `unreachable`. */
export class RepairClient {
  constructor(
    private readonly transport: Transport,
    private readonly clock: Clock,
  ) {}

  /** It is admitted when this resolves. */
  create(body: RepairRequest): Promise<RunSummary> {
    return this.transport.json(`${ROOT}/runs`, { method: "POST", body, timeoutMs: ADMISSION_TIMEOUT_MS });
  }

  /** Newest first. */
  list(query: RepairsQuery = {}): Promise<RepairList> {
    return this.transport.json(`${ROOT}/runs`, { query: { ...query } });
  }

  get(id: string): Promise<RunDetail> {
    return this.transport.json(pathOf(id));
  }

  /** Resolves when it has ended, undone. */
  cancel(id: string): Promise<RunSummary> {
    return this.transport.json(pathOf(id), { method: "DELETE", timeoutMs: 0 });
  }

  /** The new repair. */
  retry(id: string, body: { resume_from_step?: string; reason?: string } = {}): Promise<RunSummary> {
    return this.transport.json(`${pathOf(id)}/retry`, { method: "POST", body, timeoutMs: ADMISSION_TIMEOUT_MS });
  }

  decide(id: string, body: RepairApproval): Promise<RunSummary> {
    return this.transport.json(`${pathOf(id)}/approvals`, { method: "POST", body, timeoutMs: ADMISSION_TIMEOUT_MS });
  }

  async artifacts(id: string): Promise<readonly RepairArtifact[]> {
    return (await this.transport.json<{ artifacts: readonly RepairArtifact[] }>(`${pathOf(id)}/artifacts`)).artifacts;
  }

  /** Its bytes. */
  async artifact(id: string, name: string): Promise<ReadableStream<Uint8Array>> {
    const response = await this.transport.open(`${pathOf(id)}/artifacts/${encodeURIComponent(name)}`, { headers: { accept: "*/*" } });
    return response.body ?? new Blob([]).stream();
  }

  /** What happens in it until it has ended, across restarts of the daemon. */
  events(id: string, follow: Follow = {}): AsyncGenerator<EventView, void> {
    return followEvents({ transport: this.transport, clock: this.clock }, { path: `${pathOf(id)}/events` }, follow);
  }

  async projects(): Promise<readonly ProjectView[]> {
    return (await this.transport.json<{ projects: readonly ProjectView[] }>(`${ROOT}/projects`, { timeoutMs: ADMISSION_TIMEOUT_MS }))
      .projects;
  }

  addProject(workspace: string): Promise<ProjectView> {
    return this.transport.json(`${ROOT}/projects`, { method: "POST", body: { workspace }, timeoutMs: ADMISSION_TIMEOUT_MS });
  }

  async removeProject(workspace: string): Promise<void> {
    await this.transport.open(`${ROOT}/projects`, { method: "DELETE", query: { workspace } });
  }
}

function pathOf(id: string): string {
  return `${ROOT}/runs/${encodeURIComponent(id)}`;
}
