import type { JsonObject } from "../../kernel/event.ts";
import { OrcoError } from "../../kernel/errors.ts";
import type { PlanStep } from "../plan.ts";
import type { StepExecution } from "../ports.ts";
import { type JobName } from "./names.ts";
import { CONTAINER } from "./objects.ts";

/** The user that distroless images call nonroot. */
const NOBODY = 65_532;
/** So that kubectl still finds what has just ended, and a daemon that was away too. */
const KEPT_SECONDS = 3600;
const FILES = "/var/run/orco";
/** Kubernetes' own limit on the sum of a Secret's values. */
const MAX_SECRET_BYTES = 1_048_576;
/** Where a read-only file system can be written. */
const SCRATCH = "/tmp";

export interface JobTemplate {
  readonly execution: StepExecution;
  readonly job: JobName;
  readonly namespace: string;
  /** Of steps that name none. */
  readonly image: string;
}

/** A suspended Job: its pod must not start before the Secret that it mounts is there. */
export function jobManifest(template: JobTemplate): JsonObject {
  const { execution, job } = template;
  const { spec } = execution;
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: metadata(template),
    spec: {
      suspend: true,
      backoffLimit: 0,
      podReplacementPolicy: "Failed",
      // The Job itself then says that its pod was evicted, also when the pod is gone by the time somebody looks.
      podFailurePolicy: { rules: [{ action: "FailJob", onPodConditions: [{ type: "DisruptionTarget", status: "True" }] }] },
      ttlSecondsAfterFinished: KEPT_SECONDS,
      ...(spec.timeout_ms !== undefined && { activeDeadlineSeconds: seconds(spec.timeout_ms) }),
      template: {
        metadata: { labels: job.labels, annotations: annotations(execution) },
        spec: {
          restartPolicy: "Never",
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          // The step is no PID 1, which signals without a handler pass by: SIGTERM ends it as it does elsewhere.
          shareProcessNamespace: true,
          terminationGracePeriodSeconds: Math.ceil(spec.grace_ms / 1000),
          securityContext: { runAsNonRoot: true, runAsUser: NOBODY, runAsGroup: NOBODY, seccompProfile: { type: "RuntimeDefault" } },
          containers: [container(template)],
          volumes: [
            { name: "scratch", emptyDir: {} },
            { name: "orco", secret: { secretName: job.name, defaultMode: 0o444, items: files(execution) } },
          ],
        },
      },
    },
  };
}

/** Goes when its Job goes. Throws `too_large` (facts: bytes, limit). */
export function secretManifest(template: JobTemplate, jobUid: string): JsonObject {
  const { execution, job } = template;
  const data: Record<string, string> = { input: JSON.stringify(execution.input) };
  if (execution.resume !== undefined) data["resume"] = JSON.stringify(execution.resume);
  if (execution.api) data["token"] = execution.api.token;
  const bytes = Object.values(data).reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if (bytes > MAX_SECRET_BYTES) {
    const message = `input and last checkpoint are ${bytes} bytes together, a Secret holds ${MAX_SECRET_BYTES}; put large data into an artifact or a volume`;
    throw new OrcoError("too_large", message, { bytes, limit: MAX_SECRET_BYTES });
  }
  const owner = { apiVersion: "batch/v1", kind: "Job", name: job.name, uid: jobUid };
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { ...metadata(template), ownerReferences: [owner] },
    type: "Opaque",
    stringData: data,
  };
}

function metadata({ execution, job, namespace }: JobTemplate): JsonObject {
  return { name: job.name, namespace, labels: job.labels, annotations: annotations(execution) };
}

function annotations({ run, step, execution, attempt }: StepExecution): JsonObject {
  return { "orco.dev/run-id": run, "orco.dev/step-id": step, "orco.dev/execution": execution, "orco.dev/attempt": String(attempt) };
}

function container({ execution, job, image }: JobTemplate): JsonObject {
  const { spec } = execution;
  return {
    name: CONTAINER,
    image: spec.image ?? image,
    ...(spec.command && { command: spec.command.map(literal) }),
    ...(spec.workdir !== undefined && { workingDir: spec.workdir }),
    env: environment(execution, job.name),
    ...(spec.resources && { resources: resources(spec.resources) }),
    securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } },
    volumeMounts: [
      { name: "scratch", mountPath: SCRATCH },
      { name: "orco", mountPath: FILES, readOnly: true },
    ],
  };
}

/** What orco says wins over what the plan says. */
function environment(execution: StepExecution, secret: string): JsonObject[] {
  const { api, resume, traceparent } = execution;
  const values: Record<string, string> = {
    HOME: SCRATCH,
    ...execution.spec.env,
    ORCO_RUN_ID: execution.run,
    ORCO_STEP_ID: execution.step,
    ORCO_ATTEMPT: String(execution.attempt),
    ORCO_INPUT: `${FILES}/input.json`,
    ...(resume !== undefined && { ORCO_RESUME: `${FILES}/resume.json` }),
    ...(api && { ORCO_API_URL: api.url }),
    ...(traceparent !== undefined && { TRACEPARENT: traceparent }),
  };
  const env: JsonObject[] = Object.entries(values).map(([name, value]) => ({ name, value: literal(value) }));
  if (api) env.push({ name: "ORCO_RUN_TOKEN", valueFrom: { secretKeyRef: { name: secret, key: "token" } } });
  return env;
}

/** Kubernetes would put a variable in the place of $(NAME), and one dollar in the place of two. */
function literal(text: string): string {
  return text.replaceAll("$", () => "$$");
}

function files({ resume }: StepExecution): JsonObject[] {
  const input = { key: "input", path: "input.json" };
  return resume === undefined ? [input] : [input, { key: "resume", path: "resume.json" }];
}

function resources({ cpu, memory_bytes }: NonNullable<PlanStep["resources"]>): JsonObject {
  const amounts = {
    ...(cpu !== undefined && { cpu: `${Math.max(1, Math.round(cpu * 1000))}m` }),
    ...(memory_bytes !== undefined && { memory: String(memory_bytes) }),
  };
  return { requests: amounts, limits: amounts };
}

function seconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000));
}
