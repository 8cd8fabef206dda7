import type { Clock } from "../../kernel/clock.ts";
import { messageOf, OrcoError } from "../../kernel/errors.ts";
import type { StepEnd, StepExecution, StepHandle, StepOutput, StepRunner } from "../ports.ts";
import { Availability } from "./availability.ts";
import { KubeClient } from "./client.ts";
import { Cluster } from "./cluster.ts";
import { KubeExecution } from "./execution.ts";
import { forgetRun } from "./forget.ts";
import { homeId } from "../home-id.ts";
import { clusterAccess } from "./kubeconfig.ts";
import { jobName } from "./names.ts";
import { statusOf } from "./status-error.ts";

export interface KubeRunnerOptions {
  /** KUBECONFIG, HOME, KUBERNETES_SERVICE_*; what credential plugins get. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly namespace: string;
  /** Of steps that name none. */
  readonly image: string;
  /** ORCO_HOME. */
  readonly home: string;
  readonly clock: Clock;
  /** Runs `http` steps: the daemon itself makes those requests. */
  readonly http?: StepRunner;
  /** For the daemon's log. */
  readonly trouble?: (message: string) => void;
}

interface Opened {
  readonly cluster: Cluster;
  readonly availability: Availability;
}

const NOT_CONFIGURED =
  "no Kubernetes cluster is configured: set KUBECONFIG to a kubeconfig file (or run orco in a pod with a service account) and restart the daemon";
const NOT_FOUND = 404;

/** Steps as Jobs of a Kubernetes cluster. Nothing is contacted before the first of them. */
export class KubeRunner implements StepRunner {
  private opened: Opened | undefined;
  private readonly live = new Set<KubeExecution>();

  constructor(private readonly options: KubeRunnerOptions) {}

  /** Within two seconds. Rejects with `unavailable` (facts: retry_after_s when it may pass). */
  async assertAvailable(): Promise<void> {
    await this.openedOrUnavailable().availability.assert();
  }

  /** For `/ready`: a cluster that nobody uses is no reason not to be. */
  check(): { readonly name: "kubernetes"; readonly ok: boolean; readonly detail: string } {
    return { name: "kubernetes", ...(this.opened?.availability.check() ?? { ok: true, detail: "not used" }) };
  }

  async start(execution: StepExecution, output: StepOutput): Promise<StepHandle> {
    const { http } = this.options;
    if (execution.spec.http) return http ? http.start(execution, output) : ended(UNSUPPORTED);
    try {
      return this.follow(this.open().cluster, { execution, output, how: "create" });
    } catch (error) {
      return ended(failedWith(error));
    }
  }

  /** A cluster that does not answer is waited for: then nobody knows yet whether it is gone. */
  async adopt(execution: StepExecution, output: StepOutput): Promise<StepHandle | undefined> {
    if (execution.spec.http) return this.options.http?.adopt(execution, output);
    try {
      const { cluster } = this.open();
      const { name } = jobName(execution, cluster.options.home);
      const isGone = await cluster.client.json({ path: cluster.path("jobs", name) }).then(
        () => false,
        (error: unknown) => statusOf(error) === NOT_FOUND,
      );
      return isGone ? undefined : this.follow(cluster, { execution, output, how: "find" });
    } catch (error) {
      return ended(failedWith(error));
    }
  }

  async forget(run: string): Promise<void> {
    await this.options.http?.forget(run);
    try {
      await forgetRun(this.open().cluster, run);
    } catch (error) {
      this.options.trouble?.(`run ${run} could not be forgotten in the cluster: ${messageOf(error)}`);
    }
  }

  /** The daemon ends, Jobs go on: `adopt` finds them again. */
  close(): void {
    for (const execution of this.live) execution.detach();
    this.live.clear();
    this.opened?.cluster.close();
  }

  /** For whoever wants to use it, a broken configuration is as good as none. */
  private openedOrUnavailable(): Opened {
    try {
      return this.open();
    } catch (error) {
      throw new OrcoError("unavailable", messageOf(error), {}, { cause: error });
    }
  }

  private follow(cluster: Cluster, what: { execution: StepExecution; output: StepOutput; how: "create" | "find" }): StepHandle {
    const { execution, output, how } = what;
    const job = jobName(execution, cluster.options.home);
    const handle = new KubeExecution(cluster, { execution, output, job }, how);
    this.live.add(handle);
    void handle.over.then(() => this.live.delete(handle));
    return handle;
  }

  /** Throws `unavailable` when no cluster is configured, `config` when that cannot be read. */
  private open(): Opened {
    if (this.opened) return this.opened;
    const { env, clock, namespace, image, home, trouble } = this.options;
    const access = clusterAccess(env);
    if (!access) throw new OrcoError("unavailable", NOT_CONFIGURED);
    const client = new KubeClient(access, clock, env);
    const cluster = new Cluster({ client, clock, namespace, image, home: homeId(home), ...(trouble && { trouble }) });
    this.opened = { cluster, availability: new Availability(cluster, clock) };
    return this.opened;
  }
}

const UNSUPPORTED: StepEnd = {
  kind: "failed",
  error: { code: "unsupported", message: "http steps are not available in k8s mode here; use a command" },
  final: true,
};

function failedWith(error: unknown): StepEnd {
  return { kind: "failed", error: { code: error instanceof OrcoError ? error.code : "internal", message: messageOf(error) } };
}

function ended(end: StepEnd): StepHandle {
  return { ended: Promise.resolve(end), stop: () => {} };
}
