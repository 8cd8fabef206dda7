import { z } from "zod";
import { protocolOf, wholeNumber } from "./config-values.ts";
import { settings } from "./config-setting.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const url = z
  .string()
  .refine((text) => /^https?:$/.test(protocolOf(text)))
  .transform((text) => text.replace(/\/+$/, ""));

/** Settings of repairs (repair.md) and of what they tell StatsD. */
export const repairSettings = {
  repairWorkspaces: z
    .string()
    .transform((text) => text.split(":").filter((folder) => folder !== ""))
    .refine((folders) => folders.every((folder) => folder.startsWith("/")))
    .default([])
    .register(settings, {
      env: ["ORCO_REPAIR_WORKSPACE"],
      expects: "absolute folders of compose projects with colons between, e.g. /srv/shop:/srv/wiki",
    }),
  repairCooldownMs: wholeNumber({ min: 0, max: HOUR_MS })
    .default(60_000)
    .register(settings, {
      env: ["ORCO_REPAIR_COOLDOWN_MS"],
      expects: "the milliseconds between two repairs of one service, 0 for none",
    }),
  repairBreakerMs: wholeNumber({ min: 0, max: 7 * DAY_MS })
    .default(HOUR_MS)
    .register(settings, {
      env: ["ORCO_REPAIR_BREAKER_MS"],
      expects: "the milliseconds within which the same fault of a service needs an approval when it comes again, 0 for never",
    }),
  artifactsDir: z
    .string()
    .startsWith("/")
    .optional()
    .register(settings, { env: ["ORCO_ARTIFACTS_DIR"], expects: "the absolute folder under which repairs keep their artifacts" }),
  artifactsKeepDays: wholeNumber({ min: 1, max: 36_500 })
    .default(30)
    .register(settings, { env: ["ORCO_ARTIFACTS_KEEP_DAYS"], expects: "a whole number of days after which artifacts of repairs go" }),
  artifactsKeep: wholeNumber({ min: 1, max: 1_000_000 })
    .default(1000)
    .register(settings, { env: ["ORCO_ARTIFACTS_KEEP"], expects: "of how many ended repairs the artifacts are kept" }),
  composeCommand: z
    .string()
    .optional()
    .register(settings, {
      env: ["ORCO_COMPOSE"],
      expects: "how compose is called, e.g. `docker compose` or `/usr/bin/docker-compose`; looked for when unset",
    }),
  githubToken: z
    .string()
    .trim()
    .optional()
    .register(settings, { env: ["GITHUB_TOKEN"], expects: "a token that may push and open pull requests", secret: true }),
  githubApi: url.default("https://api.github.com").register(settings, {
    env: ["ORCO_GITHUB_API"],
    expects: "the URL of the hosting API, e.g. https://github.example/api/v3",
  }),
  plannerUrl: url.optional().register(settings, {
    env: ["ORCO_REPAIR_PLANNER_URL"],
    expects: "the base URL of an OpenAI-compatible API, e.g. http://127.0.0.1:7070/v1",
  }),
  plannerModel: z
    .string()
    .optional()
    .register(settings, { env: ["ORCO_REPAIR_PLANNER_MODEL"], expects: "the model that plans repairs the catalogue does not know" }),
  plannerKey: z
    .string()
    .trim()
    .optional()
    .register(settings, { env: ["ORCO_REPAIR_PLANNER_KEY"], expects: "the API key of the planner", secret: true }),
  statsdHost: z
    .string()
    .optional()
    .register(settings, { env: ["STATSD_HOST", "ORCHESTRATOR_STATSD_HOST"], expects: "the host of a StatsD server" }),
  statsdPort: wholeNumber({ min: 1, max: 65_535 })
    .default(8125)
    .register(settings, { env: ["STATSD_PORT", "ORCHESTRATOR_STATSD_PORT"], expects: "its UDP port" }),
  statsdPrefix: z
    .string()
    .regex(/^[A-Za-z0-9_.-]{1,100}$/)
    .default("moonmind.orchestrator")
    .register(settings, { env: ["ORCHESTRATOR_STATSD_PREFIX"], expects: "what the names of metrics begin with: letters, digits, . _ -" }),
};
