import { z } from "zod";
import { messageOf, OrcoError } from "../../kernel/errors.ts";
import type { FileEdit } from "../finding.ts";
import type { Planner } from "../host.ts";
import { applyDiff } from "../patch/diff.ts";
import { ActionPlan } from "../plan.ts";
import type { ServiceSnapshot } from "../snapshot.ts";
import { type Message, promptOf } from "./prompt.ts";

const TIMEOUT_MS = 120_000;
const MAX_ANSWER_BYTES = 1024 * 1024;
/** An answer that cannot be used is told so, once. */
const TRIES = 2;
/** As much of it as it is shown then. */
const MAX_ECHO_CHARS = 20_000;

export interface PlannerOptions {
  /** Base URL of an OpenAI-compatible API, with its `/v1`. */
  readonly url: string;
  readonly model: string;
  readonly key?: string;
  readonly timeoutMs?: number;
}

const Completion = z.object({ choices: z.array(z.object({ message: z.object({ content: z.string() }) })).min(1) });
const Proposal = z.object({
  finding: z.object({ cause: z.string().max(2000).default(""), confidence: z.number().min(0).max(1).default(0.3) }).optional(),
  steps: z.array(z.object({ name: z.string(), parameters: z.record(z.string(), z.unknown()).default({}) })).max(20),
});

/**
 * Asks a model for a patch where the catalogue knows none. What it says is a proposal and no more: it is held against the schema of ActionPlan here, and
 * against the same policy as every patch later. Undefined: it has none, or does not answer. `mask` takes secrets out of all it is told.
 */
export function planner(options: PlannerOptions, mask: (text: string) => string): Planner {
  return async (facts, { signal, onLine }) => {
    const messages = [...promptOf(facts, mask)];
    for (let left = TRIES; left > 0; left--) {
      const answer = await ask(options, messages, signal).catch((error: unknown) => {
        signal.throwIfAborted();
        onLine(`the planner ${options.model} did not answer: ${messageOf(error)}`);
        return undefined;
      });
      if (answer === undefined) return undefined;
      try {
        return editsOf(answer, facts.snapshot, onLine);
      } catch (error) {
        onLine(`what the planner ${options.model} proposed cannot be used: ${messageOf(error)}`);
        messages.push(
          { role: "assistant", content: answer.slice(0, MAX_ECHO_CHARS) },
          { role: "user", content: `That cannot be used: ${messageOf(error)}. Answer again.` },
        );
      }
    }
    return undefined;
  };
}

/** Throws where it is no plan, or its diff does not fit. */
function editsOf(answer: string, snapshot: ServiceSnapshot, onLine: (line: string) => void): readonly FileEdit[] | undefined {
  const { finding, steps } = checked(Proposal, JSON.parse(withoutFence(answer)));
  if (steps.length === 0) return undefined;
  const plan = checked(ActionPlan, {
    plan_id: "proposal",
    generated_at: "",
    generated_by: "llm",
    target: { service: snapshot.service, compose_file: null, project: "", workspace: "", base_commit: null },
    steps,
  });
  const diffs = plan.steps.flatMap((step) => (step.name === "patch" ? [step.parameters.diff] : []));
  const changes = diffs.flatMap((diff) => applyDiff(diff, (path) => snapshot.files.get(path) ?? null));
  if (changes.length === 0) return undefined;
  const edits = changes.map(({ path, after }) => {
    if (after === null) throw new OrcoError("patch_refused", `it deletes ${path}`);
    return { path, text: after };
  });
  if (finding) onLine(`the planner says: ${finding.cause}`);
  return edits;
}

/** Throws what is wrong with it first, in one line. */
function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const { data, error } = schema.safeParse(value);
  if (!error) return data;
  const [issue] = error.issues;
  throw new OrcoError("invalid", `/${issue?.path.map(String).join("/") ?? ""}: ${issue?.message ?? "it is no plan"}`);
}

function withoutFence(text: string): string {
  return text.replace(/^\s*```(?:json)?\s*\n/, "").replace(/\n```\s*$/, "");
}

async function ask(
  { url, model, key, timeoutMs = TIMEOUT_MS }: PlannerOptions,
  messages: readonly Message[],
  signal: AbortSignal,
): Promise<string> {
  const answer = await fetch(`${url}/chat/completions`, {
    method: "POST",
    redirect: "error",
    headers: { "content-type": "application/json", ...(key !== undefined && { authorization: `Bearer ${key}` }) },
    body: JSON.stringify({ model, messages, temperature: 0, response_format: { type: "json_object" } }),
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
  });
  if (!answer.ok) {
    await answer.body?.cancel();
    throw new OrcoError("unavailable", `it answers ${answer.status}`);
  }
  return contentOf(await bounded(answer));
}

function contentOf(text: string): string {
  try {
    return Completion.parse(JSON.parse(text)).choices[0]?.message.content ?? "";
  } catch {
    throw new OrcoError("unavailable", "its answer is no chat completion");
  }
}

async function bounded(answer: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body ?? []) {
    size += chunk.byteLength;
    if (size > MAX_ANSWER_BYTES) throw new OrcoError("too_large", `its answer has more than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
