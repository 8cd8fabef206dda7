import { describe, expect, test } from "bun:test";
import { Draft } from "../http1/draft.ts";
import type { Wire } from "../wire.ts";
import { NO_HANDLERS } from "../wire-ends.ts";
import { Upload } from "./upload.ts";

const FOUR = { kind: "length", bytes: 4 } as const;
const OWNER = { uploaded: () => undefined, uploadRefused: () => undefined };

/** Keeps what it is given, as a peer would get it. */
class Paper implements Wire {
  handlers = NO_HANDLERS;
  readonly remoteAddress = "";
  readonly secure = false;
  readonly queued = 0;
  readonly closed = false;
  text = "";

  write(bytes: Uint8Array): number {
    this.text += Buffer.from(bytes).toString("latin1");
    return 0;
  }
  pause(): void {}
  resume(): void {}
  end(): void {}
  reset(): void {}
}

function sent(upload: Upload): string {
  const paper = new Paper();
  const draft = new Draft("");
  draft.add("head ");
  upload.sendTo(paper, draft);
  return paper.text;
}

describe("the memory of an event is used for something else after it", () => {
  for (const again of [true, false]) {
    test(`a body that found no target at once is whole when there is one, repeatable: ${again}`, () => {
      const event = Buffer.from("body");
      const upload = new Upload(FOUR, OWNER, again);
      expect(upload.take(event, true)).toBe(4);
      upload.own();
      event.fill("x");
      expect(sent(upload)).toBe("head body");
    });
  }

  test("what may be sent twice is kept", () => {
    const event = Buffer.from("body");
    const upload = new Upload(FOUR, OWNER, true);
    upload.take(event, true);
    expect(sent(upload)).toBe("head body");
    upload.own();
    event.fill("x");
    expect(upload.replayable).toBe(true);
    expect(sent(upload)).toBe("head body");
  });

  test("what may not, and is on its way, is not", () => {
    const upload = new Upload(FOUR, OWNER, false);
    upload.take(Buffer.from("body"), true);
    expect(sent(upload)).toBe("head body");
    upload.own();
    expect(upload.replayable).toBe(false);
  });
});
