/** What repairs may touch, and what they may not, by name (repair.md, "patch"). */

const DEFAULT_NAMES: readonly RegExp[] = [
  /^Dockerfile(?:\.[^/]+)?$/,
  /^requirements[^/]*\.txt$/,
  /^(?:pyproject\.toml|poetry\.lock)$/,
  /^(?:package\.json|package-lock\.json|pnpm-lock\.yaml|yarn\.lock)$/,
  /^go\.(?:mod|sum)$/,
  /^Cargo\.(?:toml|lock)$/,
  /^Gemfile(?:\.lock)?$/,
];
/** Code of other people, as tools put it there. */
const FOREIGN_FOLDER = /^(?:\..*|node_modules|vendor|site-packages|dist-packages|venv|__pycache__)$/i;
const LOCK_FILE = /(?:^|\/)(?:package-lock\.json|pnpm-lock\.yaml|yarn\.lock|poetry\.lock|go\.sum|Cargo\.lock|Gemfile\.lock)$/;

const POLICY_FILE = /^orco\.repair\.ya?ml$/;
const BLOCKED_NAMES: readonly (readonly [kind: BlockedKind, name: RegExp])[] = [
  ["compose", /^(?:.*[-_.])?compose(?:[-_.].*)?\.ya?ml$/],
  ["environment", /^(?:\.env(?:[._-].*|rc)?|.*\.env)$/],
  ["secret", /\.(?:pem|key|p12|pfx|jks|keystore|kdbx|ppk|gpg|asc|tfvars|age|crt|cer)$/],
  ["secret", /^id_(?:rsa|dsa|ecdsa|ed25519)/],
  ["secret", /^(?:secrets?|credentials?|service[-_]account.*|kubeconfig|htpasswd)(?:\..*)?$/],
  ["secret", /^\.(?:npmrc|pypirc|netrc|htpasswd|pgpass|my\.cnf|git-credentials|yarnrc.*|dockercfg|vault.*)$/],
  ["infrastructure", /\.(?:tf|tfstate|tf\.json|hcl|nomad|bicep)(?:\.backup)?$/],
  ["infrastructure", /^\.(?:gitlab-ci\.ya?ml|travis\.ya?ml|drone\.ya?ml|gitmodules|gitattributes)$/],
  ["infrastructure", /^(?:jenkinsfile|vagrantfile|procfile|azure-pipelines|bitbucket-pipelines|cloudbuild|buildspec|appspec)(?:\..*)?$/],
  ["infrastructure", /^(?:kustomization|chart|helmfile|skaffold|pulumi(?:\..+)?|serverless|(?:.*\.)?stack|orco)\.ya?ml$/],
];
const BLOCKED_FOLDERS: readonly (readonly [kind: BlockedKind, name: RegExp])[] = [
  ["secret", /^(?:\.(?:ssh|aws|gnupg|docker|kube|azure|gcloud|secrets?)|secrets?)$/],
  [
    "infrastructure",
    /^(?:\.(?:github|gitlab|circleci|buildkite|gitea|forgejo|terraform)|terraform|k8s|kubernetes|helm|charts|ansible|pulumi)$/,
  ],
];

export type BlockedKind = "compose" | "environment" | "secret" | "infrastructure";

/** The path is relative to the service's directory. Case counts. */
export function isDefault(path: string): boolean {
  const folders = path.split("/");
  const name = folders.pop() ?? "";
  return DEFAULT_NAMES.some((one) => one.test(name)) && !folders.some((folder) => FOREIGN_FOLDER.test(folder));
}

export function isLockFile(path: string): boolean {
  return LOCK_FILE.test(path);
}

/** Where it lies does not count, nor does case. */
export function isPolicyFile(path: string): boolean {
  return POLICY_FILE.test(folded(path).split("/").at(-1) ?? "");
}

/** Why a path is blocked; `folders` are those below the service's directory, whose own name says nothing. */
export function blockedAs({ name, folders }: { name: string; folders: readonly string[] }): BlockedKind | undefined {
  const byName = BLOCKED_NAMES.find(([, pattern]) => pattern.test(folded(name)));
  return (byName ?? BLOCKED_FOLDERS.find(([, pattern]) => folders.some((folder) => pattern.test(folded(folder)))))?.[0];
}

/** As a file system would compare it that takes different spellings for one. */
export function folded(text: string): string {
  return text.normalize("NFKC").toLowerCase().normalize("NFC");
}
