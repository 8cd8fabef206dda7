import { posix, resolve } from "node:path";
import type { BuildSpec, DockerSpec } from "../spec.ts";
import type { Declaration } from "./declaration.ts";
import type { Places } from "./places.ts";
import { resolveCommand } from "./runtime.ts";
import type { DeclaredService } from "./shape.ts";
import { openQuote, splitWords } from "./words.ts";

interface DockerContext {
  readonly here: Declaration;
  readonly places: Places;
}

/** `workdir` of a service is a folder inside its container; that of the stack is the base of the build's context. */
export function resolveDocker(declared: DeclaredService, { here, places }: DockerContext): DockerSpec {
  const { entrypoint, init = false, pull = "missing", ulimits = {}, workdir } = declared;
  const build = resolveBuild(declared, { here, places });
  if (workdir !== undefined && !posix.isAbsolute(workdir)) {
    const hint = `the path it has in the container, for example "${posix.join("/app", workdir)}"`;
    here.fail(["workdir"], `workdir of a container is an absolute path inside it, not "${workdir}"`, hint);
  }
  for (const field of ["command", "entrypoint"] as const) checkWords(field, declared[field], here);
  if (build && declared.pull !== undefined) here.warn(["pull"], "pull has no effect: the image is built here", "take pull or build away");
  return {
    pull,
    init,
    ulimits: Object.fromEntries(Object.entries(ulimits).map(([name, { soft = -1, hard = soft }]) => [name, { soft, hard }])),
    ...(entrypoint !== undefined && { entrypoint: resolveCommand(entrypoint, "docker") }),
    ...(workdir !== undefined && { workdir }),
    ...(build && { build }),
  };
}

const OPERATORS = new Set(["&&", "||", "|", ";", ">", ">>", "<", "&", "2>&1"]);

/** A text is split as a shell would, but no shell runs it. */
function checkWords(field: "command" | "entrypoint", written: DeclaredService["command"], here: Declaration): void {
  if (typeof written !== "string") return;
  const quote = openQuote(written);
  if (quote !== undefined) return here.fail([field], `the quote ${quote} is never closed`);
  const operator = splitWords(written).find((word) => OPERATORS.has(word));
  if (operator === undefined) return;
  here.warn(
    [field],
    `no shell runs this text in the container: ${operator} is given to the program as it is`,
    '["/bin/sh", "-c", "…"] runs one',
  );
}

function resolveBuild({ build }: DeclaredService, { here, places: { workdir, look } }: DockerContext): BuildSpec | undefined {
  if (build?.context === undefined) return undefined;
  const written = here.isMapping("build") ? ["build", "context"] : ["build"];
  if (/^[a-z][a-z0-9+.-]*:\/\/|^git@/i.test(build.context)) {
    here.fail(written, "only a folder of this machine can be built", "fetch it first");
    return undefined;
  }
  const folder = resolve(workdir, build.context);
  const file = resolve(folder, build.dockerfile ?? "Dockerfile");
  const found = look?.(folder);
  if (look && found !== "folder") {
    const problem = found === undefined ? "does not exist" : "is no folder";
    here.fail(written, `the build context ${folder} ${problem}`, `relative paths begin at stack.workdir, ${workdir}`);
  } else if (look && look(file) !== "file") {
    here.fail(
      build.dockerfile === undefined ? written : ["build", "dockerfile"],
      `${file} does not exist`,
      "dockerfile is a path in the build context",
    );
  }
  return { ...build, context: folder };
}
