import { dlopen, type FFIFunction } from "bun:ffi";

/** The C libraries of Linux by name: glibc, then musl. */
export const C_LIBRARIES: readonly string[] = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];

/** Functions of the C library; undefined with another one, or where ffi is switched off. */
export function openC<const Functions extends Record<string, FFIFunction>>(functions: Functions) {
  for (const library of C_LIBRARIES) {
    try {
      return dlopen(library, functions);
    } catch {
      continue;
    }
  }
  return undefined;
}
