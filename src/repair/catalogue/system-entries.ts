import type { Entry } from "./entry.ts";
import { LISTS_STALE, PACKAGE_GONE, PACKAGE_UNKNOWN } from "./system-apt.ts";
import { CERTIFICATES_MISSING } from "./system-certificates.ts";
import { MYSQL_CONFIG_MISSING, PG_CONFIG_MISSING } from "./system-clients.ts";
import { COMPILER_MISSING, PYTHON_HEADERS_MISSING, TOOL_MISSING } from "./system-compiler.ts";
import { GYP_TOOLS_MISSING } from "./system-gyp.ts";
import { HEADER_MISSING } from "./system-header-missing.ts";
import { MANAGER_OTHER } from "./system-packager.ts";
import { CRATE_NEEDS, LINKER_MISSING, RUBY_HEADERS_MISSING } from "./system-native.ts";
import { RELEASE_OVER } from "./system-release.ts";
import { LIBC_TOO_OLD, SHARED_LIBRARY_MISSING } from "./system-shared-library.ts";
import { EXTERNALLY_MANAGED } from "./system-venv.ts";
import { LOCALE_MISSING, ZONES_MISSING } from "./system-zones.ts";

/** What is missing from an image: packages, headers, libraries. */
export const SYSTEM_ENTRIES: readonly Entry[] = [
  EXTERNALLY_MANAGED,
  COMPILER_MISSING,
  PYTHON_HEADERS_MISSING,
  TOOL_MISSING,
  PG_CONFIG_MISSING,
  MYSQL_CONFIG_MISSING,
  HEADER_MISSING,
  PACKAGE_UNKNOWN,
  LISTS_STALE,
  MANAGER_OTHER,
  PACKAGE_GONE,
  RELEASE_OVER,
  SHARED_LIBRARY_MISSING,
  LIBC_TOO_OLD,
  GYP_TOOLS_MISSING,
  LINKER_MISSING,
  CRATE_NEEDS,
  RUBY_HEADERS_MISSING,
  CERTIFICATES_MISSING,
  ZONES_MISSING,
  LOCALE_MISSING,
];
