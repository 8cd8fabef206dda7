/** Bytes of a client's connection and how they must read: the whole requests (`method target body`), then how the connection ends (see connection.suite.ts). */
export interface Case {
  readonly name: string;
  readonly bytes: string;
  readonly requests: readonly string[];
  readonly end: string;
}

export const HIDDEN = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";

export function refused(end: string, rows: Record<string, string>): Case[] {
  return Object.entries(rows).map(([name, bytes]) => ({ name, bytes, requests: [], end }));
}

/** A POST whose header lines after Host are `lines`, with what an attacker would like to be a second request. */
export function post(lines: string, body = `0\r\n\r\n${HIDDEN}`): string {
  return `POST / HTTP/1.1\r\nHost: a\r\n${lines}\r\n\r\n${body}`;
}
