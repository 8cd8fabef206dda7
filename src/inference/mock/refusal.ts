/** What the engine does not do, as OpenAI words it. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly facts: {
      readonly type?: string;
      readonly code?: string | number;
      readonly param?: string;
      readonly headers?: string;
      readonly [fact: string]: unknown;
    } = {},
  ) {
    super(message);
  }

  get body(): string {
    const {
      headers: _,
      type = this.status < 500 ? "invalid_request_error" : "server_error",
      code = null,
      param = null,
      ...facts
    } = this.facts;
    return JSON.stringify({ error: { message: this.message, type, code, param, ...facts } });
  }
}
