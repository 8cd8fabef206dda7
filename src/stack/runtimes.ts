import type { ContainerLaunch, Runtime, StartOptions } from "../supervise/runtime.ts";

/** What a stack has of docker beside its containers: a network and volumes, with its labels. */
export interface ContainerHost extends Runtime {
  /** Makes what the stack shares. Throws `conflict` where a foreign object has our name; while docker is away nothing is made, and nothing refused. */
  claim(stack: StackResources): Promise<void>;
  /** Pulls or builds the image of a service, so that a start finds it. Rejects as `start` does. */
  provide(image: ServiceImage, options: ProvideOptions): Promise<void>;
  /** Removes the stack's network and, where asked, its volumes; of a docker that is away the network goes later, and volumes throw `engine_away`. */
  dispose(stack: string, options: { readonly volumes: boolean; readonly signal: AbortSignal }): Promise<void>;
}

export type StackResources = {
  readonly stack: string;
  readonly network: string;
  /** Named volumes that are not external, by the name docker has for them. */
  readonly volumes: readonly string[];
};

export type ServiceImage = Pick<ContainerLaunch, "image" | "pull" | "build">;
export type ProvideOptions = Pick<StartOptions, "signal" | "note" | "progress">;

export interface Runtimes {
  readonly process: Runtime;
  readonly docker: ContainerHost;
}
