import { OrcoError } from "../kernel/errors.ts";

const MAX_UPLOAD_BYTES = 64 * 1024 * 1024;

/**
 * Bounds what all uploads together may hold. A client that vanishes in mid-upload is noticed only some ten seconds later,
 * and until then its buffer stays.
 */
export class UploadBudget {
  private held = 0;

  /** Returns the release. Throws `unavailable` when too much is under way. */
  take(bytes: number): () => void {
    if (this.held + bytes > MAX_UPLOAD_BYTES) {
      throw new OrcoError("unavailable", "too many uploads at once, try again", { retry_after_s: 1 });
    }
    this.held += bytes;
    return () => void (this.held -= bytes);
  }
}
