import type { CancelTimer, Clock } from "../kernel/clock.ts";
import { OrcoError } from "../kernel/errors.ts";
import { parseRequest } from "../edge/http1/head.ts";
import type { RequestHead } from "../edge/http1/message.ts";
import type { Dial, Wire, WireHandlers } from "../edge/wire.ts";
import { answerJson, answerProblem } from "./answer.ts";
import type { Book } from "./book.ts";
import type { Gate } from "./gate.ts";
import type { Page } from "./pages.ts";
import { Relay } from "./relay.ts";

/** For a head, and for the client to close after an answer. */
const PATIENCE_MS = 10_000;
const STATUS: Readonly<Partial<Record<string, number>>> = { invalid: 400, unauthorized: 401, forbidden: 403 };
const RELAYED = /^\/v2\/pools\/([^/?]+)\/engine(\/.*)$/;

export interface NodeSite {
  readonly clock: Clock;
  readonly dial: Dial;
  readonly book: Book;
  readonly gate: Gate;
  /** Of paths other than the relay's; undefined: there is nothing. */
  readonly page: (path: string) => Promise<Page | undefined>;
}

/** One connection to the node: one request and its answer. */
export class Connection implements WireHandlers {
  private read: Buffer = Buffer.alloc(0);
  private relay: Relay | undefined;
  private answered = false;
  private readonly cancelTimer: CancelTimer;

  constructor(
    private readonly wire: Wire,
    private readonly site: NodeSite,
    private readonly gone: () => void,
  ) {
    this.cancelTimer = site.clock.after(PATIENCE_MS, () => wire.reset());
  }

  /** A request is relayed. */
  get busy(): boolean {
    return this.relay !== undefined;
  }

  cut(): void {
    if (this.relay) this.relay.cut();
    else this.wire.reset();
  }

  data(bytes: Buffer): void {
    if (this.answered) return;
    this.read = Buffer.concat([this.read, bytes]);
    const parsed = parseRequest(this.read);
    if (parsed.kind === "more") return;
    this.answered = true;
    if (parsed.kind === "refused")
      return answerProblem(this.wire, parsed.refusal.status, { code: "INVALID_PARAMS", message: parsed.refusal.detail });
    this.take(parsed.head, this.read.subarray(parsed.head.bytes));
  }

  drain(): void {
    // Answers of our own are small.
  }

  end(): void {
    if (!this.answered) this.wire.reset();
  }

  close(): void {
    this.cancelTimer();
    this.gone();
  }

  private take(head: RequestHead, rest: Buffer): void {
    const [path = ""] = head.target.split("?");
    const [, pool, inside] = RELAYED.exec(head.target) ?? [];
    try {
      this.site.gate.admit(head, inside !== undefined ? "relay" : path === "/health" ? "open" : "api");
    } catch (error) {
      const { code, message } = error instanceof OrcoError ? error : { code: "INTERNAL", message: "something went wrong" };
      return answerProblem(this.wire, STATUS[code] ?? 500, { code, message });
    }
    if (pool === undefined || inside === undefined) return void this.show(head, path);
    this.cancelTimer();
    const { book, dial, clock } = this.site;
    this.relay = new Relay(this.wire, { head, rest, pool: decoded(pool), path: inside, book, dial, clock, over: this.gone });
    void this.relay.start();
  }

  private async show(head: RequestHead, path: string): Promise<void> {
    const page = await this.site.page(path);
    if (!page) return answerProblem(this.wire, 404, { code: "NOT_FOUND", message: "there is nothing here; /v2/pools lists the pools" });
    if (head.method !== "GET") return answerProblem(this.wire, 405, { code: "INVALID_PARAMS", message: "GET is possible here" });
    answerJson(this.wire, page.status, page.body);
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
