import { OrcoError } from "../../kernel/errors.ts";
import { registryOf } from "./registry-auth.ts";

const NO_SPACE = /no space left on device/i;
const WRONG_PLATFORM =
  /no matching manifest for (\S+)|no image found in manifest list|does not match the (?:specified|detected) platform|unsupported platform/i;
const WANTS_LOGIN =
  /unauthorized|no basic auth credentials|authentication required|incorrect username or password|status: ?40[13]|403 forbidden|denied/i;
/** Docker's hub says the same of what is not there and of what is private. */
const HIDDEN = /repository does not exist or may require/i;
const MISSING = /not found|manifest unknown|name unknown|no such image|does not exist|invalid reference/i;

/** What docker says of an image it cannot pull, as `not_found`, `forbidden`, `disk_full` or `unavailable` (facts: image, registry). */
export function pullError(error: unknown, image: string): unknown {
  if (!(error instanceof OrcoError) || error.facts["status"] === undefined) return error;
  const registry = registryOf(image);
  const said = error.message.replace(/\?[^\s"']+/g, "?…");
  const failure = (code: OrcoError["code"], message: string): OrcoError =>
    new OrcoError(code, message, { image, registry, ...(platformIn(said) && { platform: platformIn(said) }) }, { cause: error });
  if (NO_SPACE.test(said))
    return failure("disk_full", `no space left for the image ${image}: free some (docker system prune), and it is pulled again`);
  if (WRONG_PLATFORM.test(said)) return failure("not_found", `the image ${image} is not made for this machine: ${said}`);
  if (HIDDEN.test(said))
    return failure(
      "not_found",
      `the image ${image} does not exist at ${registry}, or is private: check its name, or run docker login ${registry}`,
    );
  if (WANTS_LOGIN.test(said))
    return failure("forbidden", `${registry} does not give out ${image} without credentials: run docker login ${registry}`);
  if (error.code === "not_found" || error.code === "invalid" || MISSING.test(said))
    return failure("not_found", `the image ${image} is not at ${registry} (${said}): check its name and tag`);
  return failure("unavailable", `the image ${image} cannot be pulled: ${said}; is ${registry} reachable from docker?`);
}

/** The platform that was wanted, e.g. `linux/arm64/v8`. */
function platformIn(said: string): string | undefined {
  const [, architecture, os] = /no image found in manifest list for architecture (\w+), variant "\w*", OS (\w+)/.exec(said) ?? [];
  return architecture === undefined ? /no matching manifest for ([\w/.-]+)/i.exec(said)?.[1] : `${os}/${architecture}`;
}
