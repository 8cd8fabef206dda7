import { OrcoError } from "../kernel/errors.ts";
import type { InferenceService } from "../inference/service.ts";

/** For tests of everything else: whatever is asked of inference is `unavailable`. */
export function absentInference(): InferenceService {
  const part: object = new Proxy({}, { get: () => refuse });
  return new Proxy({}, { get: (_, name) => (name === "capabilities" || name === "managers" ? refuse : part) }) as InferenceService;
}

function refuse(): never {
  throw new OrcoError("unavailable", "there is no inference in this test");
}
