import { z } from "zod";

/** Flags of `orco serve` that override the environment, as the command line parser hands them over. */
export interface ConfigFlags {
  readonly home?: string;
  readonly bind?: string;
  readonly allowAnonymous?: boolean;
}

export interface Setting {
  /** The first one that is set counts. */
  readonly env: readonly string[];
  readonly flag?: { readonly key: keyof ConfigFlags; readonly text: string };
  /** Completes "expected …". */
  readonly expects: string;
  readonly secret?: boolean;
}

export const settings = z.registry<Setting>();
