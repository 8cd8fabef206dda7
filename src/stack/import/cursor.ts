import type { Report } from "../load/report.ts";
import type { Node, Path } from "../load/source.ts";
import { AS_IT_IS, type Ledger } from "./ledger.ts";

export interface Book {
  readonly ledger: Ledger;
  /** What is wrong with the source itself. */
  readonly problems: Report;
}

/** A place in the source: reads what is there, and tells the ledger what becomes of it. */
export class Cursor {
  constructor(
    readonly path: Path,
    readonly node: Node,
    readonly book: Book,
  ) {}

  /** What follows `services.<name>.`, for messages. */
  get key(): string {
    return String(this.path.at(-1) ?? "");
  }

  get isNothing(): boolean {
    const { node } = this;
    if (node.kind === "scalar") return node.value === null || node.broken === true;
    return node.kind === "list" ? node.items.length === 0 : node.entries.size === 0;
  }

  /** Of a scalar, as it was written; empty for anything else. */
  get text(): string {
    return this.node.kind === "scalar" && this.node.value !== null ? this.node.text : "";
  }

  get value(): unknown {
    return plain(this.node);
  }

  in(key: string): Cursor | undefined {
    const entry = this.node.kind === "map" ? this.node.entries.get(key) : undefined;
    return entry && new Cursor([...this.path, key], entry.value, this.book);
  }

  /** The entries of a mapping; nothing for anything else. */
  fields(): [key: string, at: Cursor][] {
    if (this.node.kind !== "map") return [];
    return [...this.node.entries].map(([key, entry]) => [key, new Cursor([...this.path, key], entry.value, this.book)]);
  }

  /** The items of a list; nothing for anything else. */
  items(): Cursor[] {
    if (this.node.kind !== "list") return [];
    return this.node.items.map((item, index) => new Cursor([...this.path, index], item, this.book));
  }

  carried(to?: Path, reason = AS_IT_IS): void {
    this.tell("carried", to, reason);
  }

  changed(to: Path | undefined, reason: string): void {
    this.tell("changed", to, reason);
  }

  dropped(reason: string): void {
    this.tell("dropped", undefined, reason);
  }

  /** The source is wrong here. */
  fail(message: string, hint?: string): undefined {
    this.book.problems.add(this.path, this.node, { message, hint });
  }

  private tell(action: "carried" | "changed" | "dropped", to: Path | undefined, reason: string): void {
    this.book.ledger.add({ at: this.path, value: this.value, action, ...(to && { to }), reasons: [reason], notable: false });
  }
}

/** Texts, numbers, lists and mappings without their places. */
function plain(node: Node): unknown {
  if (node.kind === "scalar") return node.value;
  if (node.kind === "list") return node.items.map(plain);
  return Object.fromEntries([...node.entries].map(([key, { value }]) => [key, plain(value)]));
}
