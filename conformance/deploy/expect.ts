import type { Answer } from "./api.ts";

/** What a scenario found wrong: what the contract says, and what was seen instead. */
export class Mismatch extends Error {
  constructor(
    readonly expected: string,
    readonly seen: string,
  ) {
    super(`expected ${expected}; saw ${seen}`);
  }
}

export function expect(ok: boolean, expected: string, seen: unknown): asserts ok {
  if (!ok) throw new Mismatch(expected, typeof seen === "string" ? seen : show(seen));
}

export function expectEqual(what: string, seen: unknown, wanted: unknown): void {
  expect(Object.is(seen, wanted), `${what} to be ${show(wanted)}`, seen);
}

const SHOWN = 800;

/** An answer in one line, for messages. */
export function said({ request, status, text }: Answer): string {
  return `${request} → ${status} ${text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text}`;
}

function show(value: unknown): string {
  return value === undefined ? "nothing" : JSON.stringify(value);
}
