import { posix, resolve } from "node:path";
import type { BuildSpec, DockerSpec } from "../spec.ts";
import type { Place } from "./field.ts";
import type { Places } from "./places.ts";
import { resolveCommand } from "./runtime.ts";
import type { DeclaredService } from "./shape.ts";
import { type Mapping, nodeAt, type Path } from "./source.ts";

interface DockerContext {
  readonly node: Mapping;
  readonly at: Place;
  readonly places: Places;
}

/** `workdir` of a service is a folder inside its container; that of the stack is the base of the build's context. */
export function resolveDocker(declared: DeclaredService, context: DockerContext): DockerSpec {
  const { entrypoint, init = false, pull = "missing", ulimits = {}, workdir } = declared;
  const build = resolveBuild(declared, context);
  if (workdir !== undefined && !posix.isAbsolute(workdir)) {
    const hint = `the path it has in the container, for example "${posix.join("/app", workdir)}"`;
    fail(context, ["workdir"], `workdir of a container is an absolute path inside it, not "${workdir}"`, hint);
  }
  if (build && declared.pull !== undefined) warn(context, ["pull"], "pull has no effect: the image is built here");
  return {
    pull,
    init,
    ulimits: Object.fromEntries(Object.entries(ulimits).map(([name, { soft = -1, hard = soft }]) => [name, { soft, hard }])),
    ...(entrypoint !== undefined && { entrypoint: resolveCommand(entrypoint, "docker") }),
    ...(workdir !== undefined && { workdir }),
    ...(build && { build }),
  };
}

function resolveBuild({ build }: DeclaredService, context: DockerContext): BuildSpec | undefined {
  if (build?.context === undefined) return undefined;
  const { workdir, look } = context.places;
  const written = context.node.entries.get("build")?.value.kind === "map" ? ["build", "context"] : ["build"];
  if (/^[a-z][a-z0-9+.-]*:\/\/|^git@/i.test(build.context)) {
    fail(context, written, "only a folder of this machine can be built", "fetch it first");
    return undefined;
  }
  const folder = resolve(workdir, build.context);
  const found = look?.(folder);
  const file = resolve(folder, build.dockerfile ?? "Dockerfile");
  if (look && found !== "folder")
    fail(
      context,
      written,
      `the build context ${folder} ${found === undefined ? "does not exist" : "is no folder"}`,
      "it is relative to stack.workdir",
    );
  else if (look && look(file) !== "file")
    fail(
      context,
      build.dockerfile === undefined ? written : ["build", "dockerfile"],
      `${file} does not exist`,
      "build.dockerfile is relative to its context",
    );
  return { ...build, context: folder };
}

function fail({ node, at }: DockerContext, field: Path, message: string, hint?: string): void {
  at.report.add([...at.path, ...field], nodeAt(node, field), { message, hint });
}

function warn({ node, at }: DockerContext, field: Path, message: string): void {
  at.report.add([...at.path, ...field], nodeAt(node, field), { severity: "warning", message });
}
