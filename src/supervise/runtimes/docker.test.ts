import { describe } from "bun:test";
import { dockerHere } from "../../../test/docker/engine.ts";
import { runtimeContract } from "./contract.suite.ts";
import { dockerRig } from "./docker/rig.suite.ts";

const docker = await dockerHere();

describe.skipIf(!docker)("with docker:", () => {
  if (docker) runtimeContract("docker", () => dockerRig(docker));
});
