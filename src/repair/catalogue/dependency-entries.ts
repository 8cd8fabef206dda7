import type { Entry } from "./entry.ts";
import { GO_MODULE_MISSING, GO_VERSION } from "./go-modules.ts";
import { LOCK_OUTDATED } from "./lock-outdated.ts";
import { NODE_CONFLICT } from "./node-conflict.ts";
import { NODE_ENGINE, NODE_OPENSSL } from "./node-engine.ts";
import { NODE_MODULE_MISSING } from "./node-missing.ts";
import { PYTHON_CONFLICT } from "./python-conflict.ts";
import { PYTHON_MODULE_MISSING } from "./python-missing.ts";
import { PYTHON_VERSION_MISSING } from "./python-version.ts";

/** Entries about what a program depends on: 1, 2, 3, 13, 14, 15, 17 and 18 of repair.md. */
export const DEPENDENCY_ENTRIES: readonly Entry[] = [
  PYTHON_MODULE_MISSING,
  PYTHON_VERSION_MISSING,
  PYTHON_CONFLICT,
  LOCK_OUTDATED,
  NODE_CONFLICT,
  NODE_MODULE_MISSING,
  NODE_OPENSSL,
  NODE_ENGINE,
  GO_MODULE_MISSING,
  GO_VERSION,
];
