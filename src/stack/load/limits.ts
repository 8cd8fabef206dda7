/** What one stack may be; more is refused by name, never tried. */
export const MAX_SOURCE_BYTES = 4 * 1024 * 1024;
export const MAX_DEPTH = 64;
/** Values after aliases are expanded: an alias bomb is stopped here. */
export const MAX_VALUES = 200_000;
export const MAX_SERVICES = 1000;
export const MAX_REPLICAS = 100;
export const MAX_INSTANCES = 2000;
export const MAX_INCLUDES = 100;
export const MAX_PORTS_PER_SERVICE = 256;
export const MAX_ENV_FILE_BYTES = 1024 * 1024;
/** One text after interpolation, and all of them together, in characters. */
export const MAX_TEXT = 1024 * 1024;
export const MAX_EXPANDED = 16 * 1024 * 1024;
export const MAX_DEFAULT_NESTING = 32;
export const MAX_DIAGNOSTICS = 1000;
/** Of a finding, in characters. */
export const MAX_SOURCE_LINE = 2000;
