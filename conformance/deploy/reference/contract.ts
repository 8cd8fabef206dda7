/** The six fields of the document. */
export interface Contract {
  readonly start_command: string;
  readonly port: number;
  readonly internal_port: number;
  readonly health_endpoint: string;
  readonly health_timeout_ms: number;
  readonly drain_timeout_ms: number;
}

export type SlotName = "blue" | "green";

export function other(slot: SlotName): SlotName {
  return slot === "blue" ? "green" : "blue";
}

/** What the caller asked for cannot be done: the HTTP status it gets and why. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
