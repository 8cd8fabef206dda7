/** HTTP/1.x messages as the edge sees them (RFC 9110, RFC 9112): heads parsed once, bodies never. */

/** Names and values as received, in order, repeats kept; values without surrounding whitespace. latin1. */
export type HeaderList = readonly (readonly [name: string, value: string])[];

/** How the end of a body is found (RFC 9112 §6.3). */
export type Framing =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly bytes: number }
  | { readonly kind: "chunked" }
  /** Responses only: the end of the connection is the end of the body. */
  | { readonly kind: "until-close" };

export interface RequestHead {
  readonly method: string;
  /** Origin-form in the one canonical form that is forwarded (`/a//b` kept or folded one way only; see head.ts), or `*` for OPTIONS. */
  readonly target: string;
  readonly version: 0 | 1;
  /** Authority of an absolute-form target, else Host, lower case with its port as given; "" for HTTP/1.0 without Host. */
  readonly host: string;
  readonly headers: HeaderList;
  readonly framing: Framing;
  /** The client will send more requests on this connection. */
  readonly keepAlive: boolean;
  readonly expectContinue: boolean;
  /** Protocol named by Upgrade, when Connection lists it. Lower case. */
  readonly upgrade?: string;
  /** Bytes of the head, blank line included: the body begins there. */
  readonly bytes: number;
}

export interface ResponseHead {
  readonly status: number;
  readonly reason: string;
  readonly version: 0 | 1;
  readonly headers: HeaderList;
  /** For the method it answers: none for HEAD, 1xx, 204, 304. */
  readonly framing: Framing;
  readonly keepAlive: boolean;
  readonly bytes: number;
}

/** Why a message is refused. The connection is closed after the answer. */
export interface Refusal {
  readonly status: 400 | 413 | 414 | 417 | 431 | 501 | 505;
  readonly code: string;
  readonly detail: string;
}

/** Of a parser given all bytes so far. */
export type Parsed<T> =
  | { readonly kind: "head"; readonly head: T }
  /** Not complete yet and not wrong so far. */
  | { readonly kind: "more" }
  | { readonly kind: "refused"; readonly refusal: Refusal };

/** edge.md, Timeouts: more than this is 431. */
export const MAX_HEAD_BYTES = 16 * 1024;
