import { describe, expect, test } from "bun:test";
import { createContainer, inspectContainer, removeContainer, startContainer } from "../../src/supervise/docker/containers.ts";
import { registryHere } from "../docker/engine.ts";
import { freePort } from "../free-port.ts";
import { dockerRig, type Docker } from "./docker-rig.ts";
import type { Rig } from "./rig.ts";
import type { StackUnderTest } from "./stack-under-test.ts";

const found = await dockerRig();
const { rig, docker } = found ?? ({} as { rig: Rig; docker: Docker });

/** Exit code and standard error of an `up` that cannot come up; what it said is told with a failure. */
async function refused(stack: StackUnderTest, code: number, ...parts: readonly (string | RegExp)[]): Promise<string> {
  const said = await stack.orco("up", "-d", "--wait");
  expect(`${said.code}\n${said.err}`).toStartWith(`${code}\n`);
  for (const part of parts) {
    if (typeof part === "string") expect(said.err).toContain(part);
    else expect(said.err).toMatch(part);
  }
  if (process.env["ORCO_FIGURES"]) console.log(said.err);
  await stack.orco("down", "--volumes");
  return said.err;
}

const one = (fields: string): string => `services: { one: { ${fields} } }`;
const SLEEPS = `image: "busybox:local", command: [sleep, "1000"], stop: { signal: SIGKILL }`;

describe.skipIf(!found)("what is wrong with containers is told, with what to do next", () => {
  test("images: none of that name, one behind a login, one for other machines, a registry that is not there", async () => {
    const [open, closed] = await Promise.all([registryHere(), registryHere("ada:lovelace")]);
    try {
      await refused(
        rig.stack(one(`image: "${open.host}/missing:1"`)),
        1,
        `${open.host}/missing:1 is not at ${open.host}`,
        "check its name and tag",
      );
      await refused(rig.stack(one(`image: "${closed.image}"`)), 1, closed.image, `docker login ${closed.host}`);
      await refused(rig.stack(one(`image: "${open.host}/tiny:foreign"`)), 1, "tiny:foreign", /platform|linux\/amd64/);
      await refused(
        rig.stack(`services: { one: { image: "127.0.0.1:1/x:1", restartPolicy: { maxRetries: 1, backoff: { min: 10ms } } } }`),
        1,
        "127.0.0.1:1",
        /refused|reach/,
      );
    } finally {
      await Promise.all([open.close(), closed.close()]);
    }
  });

  test("a build that fails shows its last 30 lines; a context or a Dockerfile that is not there its place", async () => {
    const stack = rig.stack(one("build: ./app"));
    stack.write("app/Dockerfile", `FROM ${docker.image}\nRUN seq 1 100 && exit 3\n`);
    const err = await refused(stack, 1, "failed");
    const lines = err.split("\n").flatMap((line) => /^\s+(\d+)$/.exec(line)?.[1] ?? []);
    expect(lines).toEqual(Array.from({ length: 28 }, (_, n) => String(n + 73)));
    const missing = rig.stack(one("build: ./nowhere"));
    await refused(missing, 1, "stack.yaml:3", `${missing.dir}/nowhere does not exist`);
    const empty = rig.stack(one("build: ./empty"));
    empty.write("empty/x", "");
    await refused(empty, 1, `${empty.dir}/empty/Dockerfile does not exist`);
  });

  test("a port twice in the file, held by a process, and by somebody else's container", async () => {
    const port = freePort();
    await refused(
      rig.stack(`services: { a: { ${SLEEPS}, ports: ["${port}:80"] }, b: { ${SLEEPS}, ports: ["${port}:81"] } }`),
      1,
      "stack.yaml:3",
      `${port}`,
      /\ba\b/,
    );
    const taken = Bun.listen({ hostname: "127.0.0.1", port, socket: { data: () => undefined } });
    await refused(rig.stack(one(`${SLEEPS}, ports: ["${port}:80"]`)), 1, `port ${port} is held by pid ${process.pid}`);
    await refused(rig.stack(one(`${SLEEPS}, ports: ["${port}:80"], replicas: 2`)), 1, `${port} is held by pid ${process.pid}`);
    taken.stop(true);
    const name = `${docker.home}-foreign`;
    const HostConfig = { PortBindings: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: String(port) }] } };
    const id = await createContainer(docker.engine, name, {
      spec: { Image: docker.image, Cmd: ["sleep", "1000"], ExposedPorts: { "80/tcp": {} }, HostConfig },
    });
    try {
      await startContainer(docker.engine, id);
      await refused(
        rig.stack(one(`${SLEEPS}, ports: ["${port}:80"]`)),
        1,
        `port ${port} is held by a container (docker ps --filter publish=${port} shows which)`,
      );
      expect((await inspectContainer(docker.engine, id)).State.Running).toBe(true);
    } finally {
      await removeContainer(docker.engine, id);
    }
  });

  test("folders, external volumes, env and secrets that are not there", async () => {
    const folder = rig.stack(one(`${SLEEPS}, volumes: ["./data:/data"]`));
    await refused(folder, 1, "stack.yaml:3", `${folder.dir}/data does not exist`);
    await refused(
      rig.stack(one(`${SLEEPS}, volumes: [{ source: no-such-volume, target: /data, external: true }]`)),
      1,
      "the external volume no-such-volume does not exist",
      "docker volume create no-such-volume",
    );
    const secret = rig.stack(one(`${SLEEPS}, secrets: { KEY: { file: ./key } }`));
    await refused(secret, 1, "KEY", `${secret.dir}/key`, /not exist|no such file/);
    await refused(rig.stack(one(`${SLEEPS}, secrets: { KEY: { env: NO_SUCH_VARIABLE } }`)), 1, "KEY", "NO_SUCH_VARIABLE");
    await refused(rig.stack(one(`${SLEEPS}, env: { A: "\${NO_SUCH_VARIABLE}" }`)), 1, "stack.yaml:3", "NO_SUCH_VARIABLE");
  });

  test("a user, an entrypoint, a workdir and a command that the image does not have", async () => {
    await refused(
      rig.stack(one(`${SLEEPS}, user: nobody-there`)),
      1,
      "the user nobody-there does not exist in the container: give a number",
    );
    await refused(
      rig.stack(one(`${SLEEPS}, user: nobody-there, secrets: { K: { env: PATH, as: file } }`)),
      1,
      "the user nobody-there does not exist",
    );
    await refused(
      rig.stack(one(`image: "busybox:local", entrypoint: [/no/such/entry]`)),
      1,
      "/no/such/entry",
      /not (exist|found|in the image)|no such file/,
    );
    await refused(rig.stack(one(`image: "busybox:local", command: [no-such-program]`)), 1, "no-such-program");
    await refused(rig.stack(one(`image: "busybox:local", command: [/etc/passwd]`)), 1, "/etc/passwd", /permission|execut/);
  });

  test("containers, networks and volumes that have our names and are not ours: exit 5, and they stay as they are", async () => {
    const network = rig.stack(one(SLEEPS));
    const networkName = `${network.name}_default`;
    await docker.engine.call("POST", "/networks/create", {
      body: { Name: networkName, Labels: { "orco.home": "other", "orco.stack": network.name } },
    });
    const volume = rig.stack(one(`${SLEEPS}, volumes: ["data:/data"]`));
    const volumeName = `${volume.name}_data`;
    await docker.engine.call("POST", "/volumes/create", { body: { Name: volumeName } });
    try {
      await refused(network, 5, networkName, "other", "docker network rm");
      await refused(volume, 5, volumeName, "docker volume rm");
      expect(await docker.engine.call("GET", `/volumes/${volumeName}`)).toMatchObject({ Name: volumeName, Labels: null });
      expect(await docker.engine.call("GET", `/networks/${networkName}`)).toMatchObject({ Labels: { "orco.home": "other" } });
    } finally {
      await docker.engine.call("DELETE", `/networks/${networkName}`);
      await docker.engine.call("DELETE", `/volumes/${volumeName}`);
    }
  });
});
