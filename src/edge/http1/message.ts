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
  /** Origin-form in the one canonical form that is forwarded (see target.ts), or `*` for OPTIONS. */
  readonly target: string;
  readonly version: 0 | 1;
  /** Authority of an absolute-form target, else Host, lower case with its port as given; "" for HTTP/1.0 without Host. */
  readonly host: string;
  /** Made when first asked for. */
  readonly headers: HeaderList;
  /** Host as the target shall read it: of an absolute-form target, in place of the Host header. */
  readonly authority?: string;
  readonly framing: Framing;
  /** The client will send more requests on this connection. */
  readonly keepAlive: boolean;
  readonly expectContinue: boolean;
  /** Protocols named by Upgrade, when Connection lists it. Lower case. Never HTTP/2 (h2c): behind it the edge could not see requests. */
  readonly upgrade?: string;
  /** Bytes of the head from where parsing began, blank line included: the body begins there. */
  readonly bytes: number;
  readonly fields: Fields;
}

export interface ResponseHead {
  readonly status: number;
  readonly reason: string;
  readonly version: 0 | 1;
  /** Made when first asked for. */
  readonly headers: HeaderList;
  /** For the method it answers: none for HEAD, 1xx, 204, 304. */
  readonly framing: Framing;
  readonly keepAlive: boolean;
  /** As in RequestHead. Only an answer 101 to a request that had one switches protocols. */
  readonly upgrade?: string;
  readonly bytes: number;
  readonly fields: Fields;
}

/** The header lines as received: what `headers` is made of on demand and what a rewritten head is cut from. */
export interface Fields {
  /** The whole head, latin1. */
  readonly text: string;
  /** Where the header lines begin and end in `text`; each ends with CRLF, the blank line is not among them. */
  readonly from: number;
  readonly to: number;
  /** Lines that framing or rewriting must look at: [what, start, colon, end after CRLF] each, in order. See fields.ts. */
  readonly marks: readonly number[];
  /** Header names that Connection lists, lower case, joined by commas; `close`, `keep-alive`, `upgrade` and `te` among them. */
  readonly connection: string;
}

/** Why a message is refused. The connection is closed after the answer. A response of a target that is refused has status 502. */
export interface Refusal {
  readonly status: 400 | 413 | 414 | 417 | 431 | 501 | 502 | 505;
  readonly code: string;
  readonly detail: string;
}

/** Of a parser given all bytes so far. */
export type Parsed<T> =
  | { readonly kind: "head"; readonly head: T }
  /** Not complete yet and not wrong so far. */
  | { readonly kind: "more" }
  | Refused;

export interface Refused {
  readonly kind: "refused";
  readonly refusal: Refusal;
}

/** edge.md, Timeouts: more than this is 431. */
export const MAX_HEAD_BYTES = 16 * 1024;

/** More than this is 414. */
export const MAX_TARGET_BYTES = 8 * 1024;
