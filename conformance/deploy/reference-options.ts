import { join } from "node:path";
import type { SuiteOptions } from "./options.ts";
import type { Mutant } from "./reference/mutants.ts";

/** The suite on the reference, with less patience than it has for strangers. */
export function referenceOptions({ mutant, only }: { mutant?: Mutant; only?: readonly number[] }): SuiteOptions {
  const program = join(import.meta.dirname, "reference.ts");
  const flags = "--repo {repo} --contract {contract} --home {home} --api-port {api_port}";
  return {
    start: `BUN_BE_BUN=1 exec '${process.execPath}' '${program}' ${flags}${mutant === undefined ? "" : ` --mutant ${mutant}`}`,
    headers: {},
    contract: {},
    ...(only && { only }),
    skip: new Map(),
    timing: { healthTimeoutMs: 2000, drainTimeoutMs: 1500, killGraceMs: 2000 },
  };
}
