import type { Place } from "./field.ts";
import { type Mapping, nodeAt, type Path } from "./source.ts";

/** A mapping of the file and its place: findings point at the field that is wrong, or at the nearest thing above it that is written. */
export class Declaration {
  constructor(
    readonly node: Mapping,
    readonly at: Place,
  ) {}

  fail(field: Path, message: string, hint?: string): void {
    this.at.report.add([...this.at.path, ...field], nodeAt(this.node, field), { message, hint });
  }

  warn(field: Path, message: string, hint?: string): void {
    this.at.report.add([...this.at.path, ...field], nodeAt(this.node, field), { severity: "warning", message, hint });
  }

  /** It is written as a mapping, so that its own fields can be pointed at. */
  isMapping(field: string): boolean {
    return this.node.entries.get(field)?.value.kind === "map";
  }
}
