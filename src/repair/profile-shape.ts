import { z } from "zod";
import { parseDuration } from "../kernel/duration.ts";
import { holdsUnseen } from "../kernel/unseen.ts";
import { linearPattern } from "../kernel/pattern.ts";

const MAX_SERVICES = 1000;
const MAX_LIST = 100;
const DAY_MS = 24 * 3_600_000;

const UNSEEN = "expected a name without characters that cannot be seen";
/** Of a person, or a role. */
const name = z
  .string()
  .min(1)
  .max(200)
  .refine((text) => !holdsUnseen(text), { error: UNSEEN });

const words = z.array(z.string().min(1).max(500)).max(MAX_LIST).default([]);

/** A text like `10m`; read as ms. */
function duration(standard: string, max = 30 * DAY_MS) {
  return z
    .string({ error: "expected a duration as a text, e.g. 90s or 10m" })
    .default(standard)
    .transform((text, context) => {
      const ms = parseDuration(text);
      if (ms !== undefined && ms <= max) return ms;
      context.addIssue({ code: "custom", message: `${JSON.stringify(text)} is no duration: write e.g. 500ms, 90s, 10m or 1h` });
      return z.NEVER;
    });
}

const url = z.string().refine((text) => URL.canParse(text) && /^https?:/.test(text), {
  error: "expected an http:// or https:// address",
});
const status = z.int().min(100).max(599);

const pattern = z
  .string()
  .max(2000)
  .superRefine((text, context) => {
    try {
      linearPattern(text);
    } catch (error) {
      context.addIssue({ code: "custom", message: error instanceof Error ? error.message : String(error) });
    }
  });

const health = z.union([
  url.transform((address) => ({ url: address, timeout: 60_000, status: undefined })),
  z.strictObject({ url, status: status.optional(), timeout: duration("60s") }),
]);

const appCheck = z
  .strictObject({
    method: z
      .string()
      .regex(/^[A-Za-z]{1,20}$/, "expected a method, e.g. GET")
      .transform((text) => text.toUpperCase())
      .default("GET"),
    path: z.string().startsWith("/").optional(),
    url: url.optional(),
    body: z
      .string()
      .max(64 * 1024)
      .optional(),
    status: status.default(200),
    pattern: pattern.optional(),
  })
  .refine(({ path, url: address }) => (path === undefined) !== (address === undefined), { error: "expected either path or url" });

const pr = z.union([
  z.boolean(),
  z.strictObject({ remote: z.string().min(1).default("origin"), base: z.string().min(1).optional(), repo: z.string().min(1).optional() }),
]);

const service = z
  .strictObject({
    /** Absent: cross-cutting kinds are. */
    protected: z.boolean().optional(),
    roles: z.array(name).max(MAX_LIST).default([]),
    self_approval: z.boolean().default(false),
    expires: duration("1h"),
    health: health.optional(),
    app_check: appCheck.optional(),
    allow: words,
    allow_compose: words,
    block: words,
    compose_file: z.string().min(1).optional(),
    build_timeout: duration("10m", DAY_MS),
    restart_timeout: duration("60s", DAY_MS),
    settle: duration("3s", 3_600_000),
    pr: pr.optional(),
    repair: z.enum(["off", "propose", "auto"]).default("off"),
  })
  .refine(({ app_check: check, health: at }) => check?.path === undefined || at !== undefined, {
    path: ["app_check", "path"],
    error: "a path needs health, whose address it belongs to; or write url",
  });

/** `orco.repair.yaml` (repair.md, "Which projects"). */
export const ProfileFile = z.strictObject({
  version: z.literal(1, { error: "expected version: 1" }),
  project: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, "expected lower-case letters, digits, - and _")
    .optional(),
  approvers: z
    .array(
      z.strictObject({
        id: name,
        role: name,
        token_sha256: z
          .string()
          .regex(/^[0-9a-fA-F]{64}$/, "expected the SHA-256 of a token, 64 hexadecimal digits")
          .transform((text) => text.toLowerCase())
          .optional(),
      }),
    )
    .max(1000)
    .default([]),
  services: z
    .record(
      z.string(),
      z.preprocess((value) => value ?? {}, service),
    )
    .refine((services) => Object.keys(services).length <= MAX_SERVICES, { error: `more than ${MAX_SERVICES} services` })
    .default({}),
});
export type ProfileFile = z.output<typeof ProfileFile>;
export type ServiceEntry = ProfileFile["services"][string];
