import { Redactor } from "../../supervise/logs/redact.ts";

const MIN_CHARS = 4;
/** Nobody can keep these: every image has them in it. */
const NO_SECRETS: ReadonlySet<string> = new Set(
  "postgres postgresql root admin administrator mysql mariadb redis rabbitmq guest user test testing example password passwd secret changeme default none null true false local localhost development production".split(
    " ",
  ),
);

const TOKENS: readonly (readonly [what: string, pattern: RegExp])[] = [
  ["a private key", /-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----/],
  ["an AWS access key", /\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b/],
  ["a GitHub token", /\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255})\b/],
  ["a GitLab token", /\bgl(?:pat|ptt|dt|rt|soat|cbt)-[A-Za-z0-9_-]{20,}/],
  ["a Slack token", /\bxox[abeoprs]-[A-Za-z0-9-]{10,}/],
  ["a Slack webhook", /hooks\.slack\.com\/services\/T[A-Za-z0-9]+\/B[A-Za-z0-9]+\/[A-Za-z0-9]{16,}/],
  ["an API key", /\b(?:sk|rk|pk)[-_](?:live|test|proj|ant|or)[-_][A-Za-z0-9_-]{16,}/],
  ["an API key", /\bsk-[A-Za-z0-9]{32,}\b/],
  ["a Google API key", /\bAIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])/],
  ["a Google OAuth secret", /\bGOCSPX-[A-Za-z0-9_-]{28}/],
  ["an npm token", /\bnpm_[A-Za-z0-9]{36}\b/],
  ["a PyPI token", /\bpypi-AgE[A-Za-z0-9_-]{50,}/],
  ["a Hugging Face token", /\bhf_[A-Za-z0-9]{30,}\b/],
  ["a DigitalOcean token", /\bdo[opr]_v1_[a-f0-9]{64}\b/],
  ["a SendGrid key", /\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}/],
  ["a docker token", /\bdckr_pat_[A-Za-z0-9_-]{20,}/],
  ["a Vault token", /\bhvs\.[A-Za-z0-9_-]{24,}/],
  ["a JSON Web Token", /\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}/],
  ["a URL with a password", /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s/:@"'`${}<>]{0,100}:(?![${<])[^\s/:@"'`${}<>]{1,200}@[\w[]/i],
];

/** What secrets a text holds, each in a few words that do not tell it: declared ones in any written form, and what looks like a well-known kind of token. */
export function secretsIn(text: string, declared: Iterable<string>): string[] {
  const all = [...declared]
    .map((value) => value.trim())
    .filter((value) => value.length >= MIN_CHARS && !NO_SECRETS.has(value.toLowerCase()));
  const hasDeclared = all.some((value) => (isWord(value) ? holdsWord(text, value) : new Redactor([value]).clean(text) !== text));
  const tokens = TOKENS.filter(([, pattern]) => pattern.test(text)).map(([what]) => what);
  return [...(hasDeclared ? ["the value of a declared secret"] : []), ...new Set(tokens)];
}

/** A short value or a plain word is found in half of all text: only where it stands alone does it count. */
function isWord(value: string): boolean {
  return value.length < 8 || (value.length < 16 && /^(?:[A-Za-z]+|\d+)$/.test(value));
}

function holdsWord(text: string, value: string): boolean {
  for (let at = text.indexOf(value); at >= 0; at = text.indexOf(value, at + 1)) {
    const around = `${text[at - 1] ?? " "}${text[at + value.length] ?? " "}`;
    if (!/[\p{L}\p{N}_.-]/u.test(around)) return true;
  }
  return false;
}
