type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;

/** The proposal "JSON.parse source text access", which Bun has and the types do not. `parse` tells a reviver how each number is written; `rawJSON` is a value that is written as it was. */
export const { parse, rawJSON, isRawJSON } = JSON as unknown as {
  readonly parse: (text: string, reviver: Reviver) => unknown;
  readonly rawJSON: (text: string) => object;
  readonly isRawJSON: (value: unknown) => boolean;
};
