import { byForm, flag, mapped, number, object, oneOf, type Read, record, text, told } from "./field.ts";
import { command } from "./units.ts";
import { volumes } from "./volumes.ts";

/** What only containers have. */

const buildFields = {
  context: told("Folder that is sent to docker; relative to stack.workdir.", text({ wanted: "a path" }), { example: "./web" }),
  dockerfile: told("Path of the Dockerfile inside the context.", text(), { default: "Dockerfile", example: "Dockerfile.dev" }),
  args: told("Values of its ARGs.", record(text({ empty: true }), { wanted: "a mapping" }), { example: { VERSION: "1.2" } }),
  target: told("Stage to stop at.", text(), { example: "runtime" }),
};
const build = byForm<Read<typeof buildFields>>({
  scalar: mapped(text({ wanted: "a path" }), (context) => ({ context })),
  map: object(buildFields, { required: ["context"] }),
});

const limit = number({ wanted: "a whole number, -1 for no limit", min: -1 });
const ulimit = byForm<{ soft?: number; hard?: number }>({
  scalar: mapped(limit, (both) => ({ soft: both, hard: both })),
  map: object(
    { soft: told("What it begins with.", limit, { example: 1024 }), hard: told("What it may raise that to.", limit, { example: 65_536 }) },
    { required: ["soft", "hard"] },
  ),
});

export const dockerFields = {
  image: told("Image of the container; with build, the name the result gets.", text({ wanted: "an image" }), { example: "postgres:16" }),
  build: told("Builds the image here. The files of its context are part of the configuration: other files, another version.", build, {
    example: { context: "./web" },
  }),
  pull: told("When the image is pulled.", oneOf(["missing", "always", "never"]), { default: "missing", example: "always" }),
  entrypoint: told("In the place of the image's own; command follows it.", command, { example: ["/usr/bin/tini", "--"] }),
  volumes: told(
    "Folders of this machine (they must exist), volumes of docker by name, volumes of a replica's own (only a path), and memory (tmpfs).",
    volumes,
    { example: ["data:/var/lib/postgresql/data", "./conf:/etc/app:ro"] },
  ),
  init: told("A small init reaps what the service leaves behind.", flag, { default: false, example: true }),
  repair: told(
    "Whether a crash loop starts a repair of what its image is built from: propose waits for an approval each time, auto only where a repair needs one anyway. Needs build. Default: what orco.repair.yaml says, else off.",
    oneOf(["off", "propose", "auto"]),
    { example: "propose" },
  ),
  ulimits: told("Limits of its processes, as in compose.", record(ulimit, { wanted: "a mapping of limits" }), {
    example: { nofile: 65_536 },
  }),
};
