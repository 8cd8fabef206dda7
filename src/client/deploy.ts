import type { AppStatus, AppView, PutApp, ReleaseView } from "../deploy/view.ts";
import type { RunView } from "../workflow/view.ts";
import type { Transport } from "./transport.ts";

const ASYNC = { prefer: "respond-async" };

/** Apps and their deploys. Changes return their run as soon as it is admitted. */
export class DeployClient {
  constructor(protected readonly transport: Transport) {}

  async apps(): Promise<readonly AppView[]> {
    return (await this.transport.json<{ apps: readonly AppView[] }>("/apps")).apps;
  }

  app(name: string): Promise<AppView> {
    return this.transport.json(appPath(name));
  }

  putApp(name: string, body: PutApp): Promise<AppView> {
    return this.transport.json(appPath(name), { method: "PUT", body });
  }

  async removeApp(name: string): Promise<void> {
    await this.transport.open(appPath(name), { method: "DELETE", timeoutMs: 0 });
  }

  appStatus(name: string): Promise<AppStatus> {
    return this.transport.json(`${appPath(name)}/status`);
  }

  async releases(name: string, query: { limit?: number; cursor?: string } = {}): Promise<readonly ReleaseView[]> {
    return (await this.transport.json<{ releases: readonly ReleaseView[] }>(`${appPath(name)}/releases`, { query })).releases;
  }

  deploy(name: string, commit: string): Promise<RunView> {
    return this.transport.json(`${appPath(name)}/deploy`, { method: "POST", body: { commit }, headers: ASYNC });
  }

  rollback(name: string): Promise<RunView> {
    return this.transport.json(`${appPath(name)}/rollback`, { method: "POST", body: {}, headers: ASYNC });
  }
}

function appPath(name: string): string {
  return `/apps/${encodeURIComponent(name)}`;
}
