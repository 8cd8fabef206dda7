import { z } from "zod";

const ID = /^[A-Za-z0-9][A-Za-z0-9._@:+-]*(?:\/[A-Za-z0-9][A-Za-z0-9._@:+-]*)*$/;
/** Of the id as it is written in a URL and as a folder's name. */
const MAX_ID = 200;
const MAX_SOURCE = 2048;
const MAX_TAGS = 100;
const MAX_TAG = 200;
const MAX_METADATA_BYTES = 64 * 1024;

const digest = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/i, "must be sha256: and 64 hex digits")
  .transform((text) => text.toLowerCase());

const modelState = z.enum(["Active", "Retired"]);

/** The body of `POST /v2/catalog/models`. What else it carries is kept as metadata; what orco itself tells of a model (`READ_ONLY`) is passed over. */
export const ModelBody = z
  .looseObject({
    id: z
      .string()
      .regex(ID, {
        error: "must be letters, digits and . _ - @ : + in parts that begin with a letter or digit, with / between",
        abort: true,
      })
      .refine((id) => encodeURIComponent(id).length <= MAX_ID, `must be at most ${MAX_ID} characters when it is written in a URL`)
      .describe("e.g. chain, or org/name"),
    digest: digest.optional().describe("sha256:<64 hex> of the file"),
    source_url: z
      .string()
      .min(1)
      .max(MAX_SOURCE)
      .describe("file:, https: or hf:org/repo/path[@revision], or a path below the first folder of ORCHD_MODEL_ROOTS"),
    tags: z.array(z.string().min(1).max(MAX_TAG)).max(MAX_TAGS).default([]),
    state: modelState.default("Active"),
    size_bytes: z.number().int().min(0).optional().describe("what it takes at least, where there is no file here to look at"),
  })
  .refine((body) => Buffer.byteLength(JSON.stringify(body)) <= MAX_METADATA_BYTES, `must be at most ${MAX_METADATA_BYTES} bytes of JSON`)
  .meta({ id: "NewModel" });

export type NewModel = z.output<typeof ModelBody>;

/** `POST /v2/catalog/models/{id}/state`. */
export const ModelStateBody = z.strictObject({ state: modelState }).meta({ id: "ModelState" });
