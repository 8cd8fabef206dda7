import { OrcoError } from "../kernel/errors.ts";
import type { Ctx, Deps } from "./context.ts";
import { keyCheck } from "./key.ts";
import { ticketIn } from "./ticket.ts";

/** What the token of a run opens: that run, for who executes it. */
const WORKER_PATH = /^\/runs\/([^/]+)\/(?:checkpoints|heartbeat|report|finish|logs|steps\/[^/]+\/checkpoint|artifacts(?:\/[^/]+)?)$/;

/** Who may come in: the API key anywhere, the token of a run to its worker routes, a ticket to its stream. */
export class Door {
  private readonly keys;

  constructor(private readonly deps: Deps) {
    const { apiKey } = deps.config;
    this.keys = apiKey === undefined ? undefined : keyCheck(apiKey);
  }

  /** The fingerprint of the key; undefined where none is needed, or something narrower opened. Throws `unauthorized`. */
  open(c: Ctx): string | undefined {
    const token = this.noteToken(c);
    if (!this.keys) return undefined;
    if (token !== undefined && c.req.header("x-api-key") === undefined && this.isOfRun(c, token)) return this.keyBeside(c);
    const ticket = ticketIn(c);
    if (ticket !== undefined && this.deps.tickets.opens(c.req.path, ticket)) return undefined;
    const fingerprint = this.keys.check({ authorization: c.req.header("authorization"), apiKey: c.req.header("x-api-key") });
    if (fingerprint !== undefined) return this.fingerprinted(c, fingerprint);
    const why =
      ticket === undefined ? "send the API key as Authorization: Bearer … or X-API-Key" : "the ticket is not for this stream, or over";
    throw new OrcoError("unauthorized", why);
  }

  /** Remembers the run token that came along, if one did; whether it is right is for the run to say. */
  noteToken(c: Ctx): string | undefined {
    if (!WORKER_PATH.test(c.req.path)) return undefined;
    const token = c.req.header("x-run-token") ?? /^bearer\s+(\S+)\s*$/i.exec(c.req.header("authorization") ?? "")?.[1];
    if (token === undefined || this.isKey(token)) return undefined;
    c.set("runToken", token);
    return token;
  }

  /** It comes from who executes the run: from a worker, or from a step of it. */
  isOfWorker(c: Ctx): boolean {
    const token = c.get("runToken");
    return token !== undefined && this.isOfRun(c, token);
  }

  /** A key may come with a token beside it; a wrong one must not pass because of the token. */
  private keyBeside(c: Ctx): string | undefined {
    if (c.req.header("x-run-token") === undefined) return undefined;
    const fingerprint = this.keys?.check({ authorization: c.req.header("authorization"), apiKey: undefined });
    return fingerprint === undefined ? undefined : this.fingerprinted(c, fingerprint);
  }

  private fingerprinted(c: Ctx, fingerprint: string): string {
    c.set("keyFingerprint", fingerprint);
    return fingerprint;
  }

  private isOfRun(c: Ctx, token: string): boolean {
    const [, run = ""] = WORKER_PATH.exec(c.req.path) ?? [];
    return this.deps.services.runs.workers.opens(run, token);
  }

  private isKey(token: string): boolean {
    try {
      return this.keys?.check({ apiKey: token }) !== undefined;
    } catch {
      return false;
    }
  }
}
