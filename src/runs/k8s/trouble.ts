import type { PodFacts } from "./objects.ts";

/** Why a pod does not start. */
export interface Trouble {
  /** Kubernetes alternates between names of one trouble (ErrImagePull, ImagePullBackOff): people hear of it once. */
  readonly key: "image" | "config" | "unschedulable";
  readonly message: string;
  /** How long it may last before the step has failed. */
  readonly patienceMs: number;
  /** Nothing that happens in the cluster cures it. */
  readonly hopeless: boolean;
}

const IMAGE_PATIENCE_MS = 120_000;
const CONFIG_PATIENCE_MS = 30_000;
const MAX_MESSAGE_CHARS = 500;

/** Source: pkg/kubelet/images and pkg/kubelet/kuberuntime of Kubernetes 1.34. */
const IMAGE = new Set(["ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed"]);
const HOPELESS = new Set(["InvalidImageName", "ErrImageNeverPull"]);
const CONFIG = new Set([
  "CreateContainerConfigError",
  "CreateContainerError",
  "RunContainerError",
  "PreCreateHookError",
  "PreStartHookError",
]);

export function troubleOf({ container, unschedulable }: PodFacts): Trouble | undefined {
  if (unschedulable !== undefined) return trouble("unschedulable", `no node takes its pod: ${unschedulable}`, Number.POSITIVE_INFINITY);
  if (container.state !== "waiting") return undefined;
  const { reason, message } = container;
  const text = message === "" ? reason : `${reason}: ${message}`;
  if (HOPELESS.has(reason)) return { ...trouble("image", `its image cannot be used: ${text}`, 0), hopeless: true };
  if (IMAGE.has(reason)) return trouble("image", `its image cannot be pulled: ${text}`, IMAGE_PATIENCE_MS);
  if (CONFIG.has(reason)) return trouble("config", `its container cannot be created: ${text}`, CONFIG_PATIENCE_MS);
  return undefined;
}

function trouble(key: Trouble["key"], message: string, patienceMs: number): Trouble {
  return { key, message: message.replace(/\s+/g, " ").slice(0, MAX_MESSAGE_CHARS), patienceMs, hopeless: false };
}
