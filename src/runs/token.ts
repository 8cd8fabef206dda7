import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { drawnOnce } from "../kernel/drawn-once.ts";
import { OrcoError } from "../kernel/errors.ts";
import type { Queryable } from "../kernel/rows.ts";
import type { RunRecord } from "./record.ts";

/** Attempt, 256 bits that nobody can guess, and a seal that tells a token of a former attempt from one that somebody made up. */
const SHAPE = /^ort_(\d{1,10})_([A-Za-z0-9_-]{43})([A-Za-z0-9_-]{22})$/;
const SEAL_BYTES = 16;
const SECRET_KEY = "run_token_secret";

type Fenced = Pick<RunRecord, "id" | "attempt" | "tokenHash">;
type Attempt = Pick<RunRecord, "id" | "attempt">;

/** Tokens of runs: each opens one run, for one attempt. The secret is no way in: of the current attempt the hash in its row decides. */
export class RunTokens {
  constructor(private readonly secret: string) {}

  /** For a worker that claims this attempt. Keep only `tokenHash` of it. */
  issue(attempt: Attempt): string {
    return this.sealed(attempt, randomBytes(32).toString("base64url"));
  }

  /** For the steps of a run that the daemon drives itself: the next daemon has to know the same one. */
  driven(attempt: Attempt): string {
    return this.sealed(attempt, this.mac(`driven ${attempt.id} ${attempt.attempt}`).toString("base64url"));
  }

  /** Throws `unauthorized` (no token of this run), `stale_attempt` (of an attempt that is over; facts: run, attempt). */
  assert({ id, attempt, tokenHash: hash }: Fenced, token: string | undefined): void {
    const issued = this.attemptOf(id, token);
    if (issued === undefined || issued > attempt) throw unauthorized(id);
    if (issued < attempt || hash === undefined)
      throw new OrcoError("stale_attempt", `attempt ${issued} of run ${id} is over: its lease ran out`, { run: id, attempt });
    if (tokenHash(token ?? "") !== hash) throw unauthorized(id);
  }

  /** Whether it is or was a token of this run; that its attempt is over is for the run to say, not for the door. */
  opens(run: Fenced, token: string): boolean {
    try {
      this.assert(run, token);
      return true;
    } catch (error) {
      return error instanceof OrcoError && error.code === "stale_attempt";
    }
  }

  private sealed({ id, attempt }: Attempt, secretPart: string): string {
    return `ort_${attempt}_${secretPart}${this.seal(id, String(attempt), secretPart).toString("base64url")}`;
  }

  private attemptOf(id: string, token: string | undefined): number | undefined {
    const [, attempt, secretPart, seal] = SHAPE.exec(token ?? "") ?? [];
    if (attempt === undefined || secretPart === undefined || seal === undefined) return undefined;
    return timingSafeEqual(Buffer.from(seal, "base64url"), this.seal(id, attempt, secretPart)) ? Number(attempt) : undefined;
  }

  private seal(id: string, attempt: string, secretPart: string): Buffer {
    return this.mac(`seal ${id} ${attempt} ${secretPart}`).subarray(0, SEAL_BYTES);
  }

  private mac(text: string): Buffer {
    return createHmac("sha256", this.secret).update(text).digest();
  }
}

/** SHA-256, hex. */
export function tokenHash(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

/** One per home, made when first asked for. */
export function runTokenSecret(journal: Pick<Queryable, "append" | "query">): Promise<string> {
  return drawnOnce(journal, SECRET_KEY, () => randomBytes(32).toString("base64url"));
}

function unauthorized(run: string): OrcoError {
  return new OrcoError("unauthorized", `that is no token of run ${run}`, { run });
}
