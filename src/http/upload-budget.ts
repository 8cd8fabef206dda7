import { OrcoError } from "../kernel/errors.ts";

const MAX_UPLOAD_BYTES = 64 * 1024 * 1024;
/** Of each body this much is free: large ones, and those that stall, keep no small one out. */
const FREE_BYTES = 64 * 1024;

/** What one body takes of the budget. */
export interface UploadShare {
  /** Before the bytes are kept. Throws `unavailable` when too much is under way. */
  grow(bytes: number): void;
  /** Idempotent. */
  release(): void;
}

/**
 * Bounds what all uploads together may hold. A client that vanishes in mid-upload is noticed only some ten seconds later,
 * and until then its buffer stays.
 */
export class UploadBudget {
  private held = 0;

  share(): UploadShare {
    let bytes = 0;
    let charged = 0;
    return {
      grow: (more) => {
        const due = Math.max(0, bytes + more - FREE_BYTES) - charged;
        if (due > 0 && this.held + due > MAX_UPLOAD_BYTES)
          throw new OrcoError("unavailable", "too many uploads at once, try again", { retry_after_s: 1 });
        bytes += more;
        charged += due;
        this.held += due;
      },
      release: () => {
        this.held -= charged;
        charged = 0;
        bytes = 0;
      },
    };
  }
}
