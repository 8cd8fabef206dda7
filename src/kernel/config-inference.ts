import { z } from "zod";
import { isBlock, protocolOf, wholeNumber } from "./config-values.ts";
import { settings } from "./config-setting.ts";

const DAY_MS = 86_400_000;

function milliseconds(env: string, defaultMs: number, what: string) {
  return wholeNumber({ min: 1, max: DAY_MS })
    .default(defaultMs)
    .register(settings, { env: [env], expects: `a whole number of milliseconds from 1 to ${DAY_MS}: ${what}` });
}

function list(text: string): string[] {
  return text.split(",").map((one) => one.trim());
}

/** It would be shown wherever the setting is, and is sent to nobody. */
function hasLogin(url: string): boolean {
  const { username, password } = new URL(url);
  return username !== "" || password !== "";
}

/** Settings of the inference control plane (inference.md, "Knobs"). */
export const inferenceSettings = {
  poolManagers: z
    .string()
    .transform((text) => list(text).map((url) => url.replace(/\/+$/, "")))
    .refine((urls) => urls.every((url) => /^https?:$/.test(protocolOf(url)) && !hasLogin(url)))
    .default([])
    .register(settings, {
      env: ["ORCHD_POOL_MANAGERS"],
      expects: "URLs of pool managers without logins, with commas between, e.g. http://gpu-1:9200,http://gpu-2:9200",
    }),
  admissionCapacity: wholeNumber({ min: 1, max: 1_000_000 })
    .default(100)
    .register(settings, { env: ["ORCHD_ADMISSION_CAPACITY"], expects: "how many tasks may wait in one pool, from 1 to 1000000" }),
  admissionPolicy: z
    .enum(["reject", "drop-lru"])
    .default("reject")
    .register(settings, { env: ["ORCHD_ADMISSION_POLICY"], expects: "reject or drop-lru" }),
  firstTokenTimeoutMs: milliseconds("ORCHD_FIRST_TOKEN_TIMEOUT_MS", 120_000, "how long an engine may take to its first token"),
  idleTokenTimeoutMs: milliseconds("ORCHD_IDLE_TOKEN_TIMEOUT_MS", 30_000, "how long an engine may pause between two tokens"),
  ageingMs: milliseconds("ORCHD_AGEING_MS", 30_000, "after which a waiting batch task is no longer overtaken"),
  nodeStaleMs: milliseconds("ORCHD_NODE_STALE_MS", 30_000, "after which a node that says nothing is Offline"),
  sessionTtlMs: wholeNumber({ min: 1, max: 600_000 })
    .default(600_000)
    .register(settings, {
      env: ["ORCHD_SESSION_TTL_MS"],
      expects: "a whole number of milliseconds from 1 to 600000: after which an unused session is forgotten",
    }),
  breakerFailures: wholeNumber({ min: 1, max: 1000 })
    .default(5)
    .register(settings, { env: ["ORCHD_BREAKER_FAILURES"], expects: "failures in a row, 1 to 1000, that take a replica out" }),
  breakerOpenMs: milliseconds("ORCHD_BREAKER_OPEN_MS", 10_000, "after which a replica that was taken out is tried again"),
  placementPolicy: z
    .enum(["least-loaded", "round-robin", "prefix"])
    .default("least-loaded")
    .register(settings, { env: ["ORCHD_PLACEMENT_POLICY"], expects: "least-loaded, round-robin or prefix" }),
  modelRoots: z
    .string()
    .transform(list)
    .refine((roots) => roots.every((root) => root.startsWith("/")))
    .optional()
    .register(settings, {
      env: ["ORCHD_MODEL_ROOTS"],
      expects: "absolute folders below which file: models may lie, with commas between (default: models below ORCO_HOME)",
    }),
  modelAllow: z
    .string()
    .transform(list)
    .refine((blocks) => blocks.every(isBlock))
    .default([])
    .register(settings, {
      env: ["ORCO_MODEL_ALLOW"],
      expects: "private addresses or CIDR blocks that models may be fetched from, with commas between, e.g. 127.0.0.1,10.0.0.0/8",
    }),
  hfEndpoint: z
    .string()
    .refine((url) => /^https?:$/.test(protocolOf(url)) && !hasLogin(url))
    .transform((url) => url.replace(/\/+$/, ""))
    .default("https://huggingface.co")
    .register(settings, {
      env: ["HF_ENDPOINT"],
      expects: "the URL of Hugging Face or of a mirror of it, without a login, e.g. https://huggingface.co",
    }),
  hfToken: z
    .string()
    .regex(/^[\x21-\x7e]+$/)
    .optional()
    .register(settings, { env: ["HF_TOKEN"], expects: "a token of Hugging Face: visible ASCII characters without spaces", secret: true }),
} as const;
