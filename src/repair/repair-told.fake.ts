import type { RepairStatus } from "./record.ts";
import type { Service } from "./repair-engine.fake.ts";
import type { How } from "./repair-model.fake.ts";

/** What is known of a run from outside. */
export interface Told {
  readonly id: string;
  readonly service: Service;
  readonly how: How | "retry";
  readonly requester: string;
  /** Nothing of it may be done before somebody approved. */
  readonly asks: boolean;
  readonly high: boolean;
  /** What its plan was made for; undefined where it is found out. */
  readonly text: string | undefined;
  /** As it was last seen; once it is over it stays. */
  status: RepairStatus;
  /** The operator has meddled. */
  edited: boolean;
  cancelled: boolean;
  /** Decisions that were taken. */
  readonly decided: ("approve" | "reject")[];
  before: Scene;
  /** Of one that began: what stood there when it ended. */
  after: Scene | undefined;
}

export interface Scene {
  readonly tree: string;
  readonly look: string;
  readonly text: string;
  readonly imageId: string | undefined;
  readonly wasLost: boolean;
}
