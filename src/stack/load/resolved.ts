import type { ServiceSpec } from "../spec.ts";
import type { DeclaredPort } from "./ports.ts";
import type { DeclaredService } from "./shape.ts";
import type { Mapping, Path } from "./source.ts";

/** A service as far as it could be read, with what later checks need to point at the file. */
export interface Resolved {
  readonly spec: ServiceSpec;
  readonly declared: DeclaredService;
  readonly ports: readonly DeclaredPort[];
  readonly node: Mapping;
  readonly path: Path;
  /** Why it does not take part, if it does not. */
  readonly leftOut?: string;
}
