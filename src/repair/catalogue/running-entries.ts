import type { Entry } from "./entry.ts";
import { COMMAND_MISSING } from "./run-command.ts";
import { COPY_SOURCE_MISSING } from "./run-copy.ts";
import { PERMISSION_DENIED } from "./run-denied.ts";
import { ENTRYPOINT_CRLF, ENTRYPOINT_MOUNTED, INTERPRETER_MISSING } from "./run-entrypoint.ts";
import { CHMOD_NEEDS_BUILDKIT, NOT_EXECUTABLE_FILE } from "./run-executable.ts";
import { PLATFORM_MISMATCH, SHEBANG_MISSING } from "./run-format.ts";
import { HEALTHCHECK_TOOL_MISSING } from "./run-health.ts";
import { DISK_FULL_ENTRY, MEMORY_LIMIT, PORT_TAKEN_ENTRY } from "./run-limits.ts";
import { DATABASE_REFUSED, ENV_MISSING_ENTRY, NAME_RESOLUTION, REGISTRY_AWAY } from "./run-surroundings.ts";

/** What fails when a container starts or runs, and what COPY brings or does not. */
export const RUNNING_ENTRIES: readonly Entry[] = [
  COMMAND_MISSING,
  ENTRYPOINT_CRLF,
  INTERPRETER_MISSING,
  ENTRYPOINT_MOUNTED,
  NOT_EXECUTABLE_FILE,
  CHMOD_NEEDS_BUILDKIT,
  SHEBANG_MISSING,
  PLATFORM_MISMATCH,
  COPY_SOURCE_MISSING,
  PERMISSION_DENIED,
  MEMORY_LIMIT,
  DISK_FULL_ENTRY,
  PORT_TAKEN_ENTRY,
  HEALTHCHECK_TOOL_MISSING,
  DATABASE_REFUSED,
  ENV_MISSING_ENTRY,
  NAME_RESOLUTION,
  REGISTRY_AWAY,
];
