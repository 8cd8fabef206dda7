import { posix } from "node:path";

/** Dockerfiles, dependency files and what configures the tools that read them. */
const NAMES: readonly RegExp[] = [
  /^(?:.*\.)?dockerfile(?:\..*)?$/i,
  /^\.dockerignore$/,
  /^(?:requirements|constraints)[\w.-]*\.(?:txt|in)$/i,
  /^(?:pyproject|uv|poetry)\.(?:toml|lock)$/,
  /^(?:setup\.(?:py|cfg)|Pipfile(?:\.lock)?|\.python-version|tox\.ini)$/,
  /^(?:package|package-lock|npm-shrinkwrap|lerna|tsconfig)\.json$/,
  /^(?:pnpm-lock|pnpm-workspace|\.yarnrc)\.ya?ml$/,
  /^(?:yarn\.lock|bun\.lock|\.nvmrc|\.node-version|\.yarnrc)$/,
  /^go\.(?:mod|sum|work)$/,
  /^Cargo\.(?:toml|lock)$/,
  /^(?:rust-toolchain(?:\.toml)?|build\.rs)$/,
  /^(?:Gemfile(?:\.lock)?|\.ruby-version|.*\.gemspec)$/,
  /^Makefile$/,
  /\.(?:sh|bash)$/,
  /^(?:docker-)?entrypoint(?:\.\w+)?$/,
];
/** `requirements/base.txt`. */
const IN_FOLDER = /(?:^|\/)requirements\/[\w.-]+\.(?:txt|in)$/;

/** Does the catalogue read a file of that name? */
export function isReadByName(path: string): boolean {
  const name = posix.basename(path);
  return NAMES.some((pattern) => pattern.test(name)) || IN_FOLDER.test(path);
}
