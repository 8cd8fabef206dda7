import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import type { Distribution } from "../snapshot.ts";
import { baseOf, chainOf, distributionOf, failingInstruction, finalStage } from "./locate.ts";
import { argumentsOf, parseDockerfile } from "./parse.ts";

const FILE = `# syntax=docker/dockerfile:1
ARG VERSION=3.11
ARG FLAVOUR
FROM --platform=linux/amd64 python:\${VERSION}-slim\${FLAVOUR:+-\${FLAVOUR}} AS Build
RUN --mount=type=cache,target=/root/.cache pip install \\
      # the web
      flask \\

      "uvicorn[standard]"
RUN <<EOF
make
FROM nowhere
EOF
ONBUILD RUN ls
WORKDIR /app
RUN make install
FROM build
ENV NAME=value
COPY --from=build /a /b
RUN make install
CMD ["x"]
`;

describe("a Dockerfile", () => {
  const dockerfile = parseDockerfile(FILE, { VERSION: "3.12" });

  test("has its stages, with what FROM names filled in", () => {
    expect(dockerfile.stages.map(({ index, name, image }) => ({ index, name, image }))).toEqual([
      { index: 0, name: "Build", image: "python:3.12-slim" },
      { index: 1, name: undefined, image: "build" },
    ]);
    expect(parseDockerfile("ARG A=x\nARG B=\nFROM $A:${B:-latest} as s\n").stages[0]?.image).toBe("x:latest");
  });

  test("has its instructions on one line each, with their flags and lines", () => {
    const [install, heredoc, onbuild] = dockerfile.stages[0]?.instructions ?? [];
    expect(install).toEqual({
      keyword: "RUN",
      flags: ["--mount=type=cache,target=/root/.cache"],
      text: 'RUN --mount=type=cache,target=/root/.cache pip install flask "uvicorn[standard]"',
      fromLine: 5,
      toLine: 9,
    });
    expect(install && argumentsOf(install)).toBe('pip install flask "uvicorn[standard]"');
    expect(heredoc?.text).toBe("RUN <<EOF\nmake\nFROM nowhere\nEOF");
    expect(onbuild?.keyword).toBe("ONBUILD");
  });

  test("reads the same with the line ends of Windows", () => {
    expect(parseDockerfile(FILE.replaceAll("\n", "\r\n"), { VERSION: "3.12" })).toEqual(dockerfile);
  });

  test("is whatever it is: nothing throws", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc
            .array(fc.constantFrom("FROM", "RUN", "\\", "\n", "<<A", "#", " ", '"', "$", "${", "AS x", "\r"))
            .map((words) => words.join("")),
        ),
        (text) => {
          const { stages } = parseDockerfile(text);
          for (const stage of stages) expect(chainOf({ stages, args: [] }, stage)[0]).toBe(stage);
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe("what a builder says it failed at", () => {
  const dockerfile = parseDockerfile(FILE);
  const line = (failing: Parameters<typeof failingInstruction>[1]): number | undefined =>
    failingInstruction(dockerfile, failing)?.instruction.fromLine;

  test("is found by its words, however they are set", () => {
    expect(line({ instruction: "RUN pip install       flask       uvicorn[standard]" })).toBe(5);
    expect(line({ instruction: "RUN /bin/sh -c make install", stage: "build", step: 4 })).toBe(16);
    expect(line({ instruction: "RUN nothing of the kind" })).toBeUndefined();
  });

  test("is told apart by its step: over the file, or within the stage", () => {
    expect(line({ instruction: "RUN make install", step: 8 })).toBe(16);
    expect(line({ instruction: "RUN make install", step: 12 })).toBe(20);
    expect(line({ instruction: "RUN make install", stage: "stage-1", step: 2 })).toBe(20);
    expect(line({ instruction: "RUN make install", stage: "Build" })).toBe(16);
  });

  test("is found with its variables filled in, and cut short", () => {
    const named = parseDockerfile('FROM a\nARG PKG\nRUN apt-get install -y "$PKG" curl\n');
    expect(failingInstruction(named, { instruction: "RUN apt-get install -y libpq-dev curl" })?.instruction.fromLine).toBe(3);
    expect(failingInstruction(named, { instruction: "RUN apt-get insta..." })?.instruction.fromLine).toBe(3);
  });
});

describe("a stage", () => {
  const dockerfile = parseDockerfile(FILE);

  test("is the last, or the one that is asked for", () => {
    expect(finalStage(dockerfile)?.index).toBe(1);
    expect(finalStage(dockerfile, "BUILD")?.index).toBe(0);
    expect(finalStage(dockerfile, "0")?.index).toBe(0);
    expect(finalStage(parseDockerfile(""))).toBeUndefined();
  });

  test("has the image at the end of its chain", () => {
    const [, last] = dockerfile.stages;
    expect(last && baseOf(dockerfile, last)).toBe("python:3.11-slim");
  });

  const images: readonly (readonly [image: string, found: Distribution | undefined, is: Distribution])[] = [
    ["python:3.11-slim", undefined, "debian"],
    ["node:20-alpine3.19", undefined, "alpine"],
    ["alpine@sha256:00", undefined, "alpine"],
    ["docker.io/library/ruby:3.3", undefined, "debian"],
    ["registry.example/team/base:7", "alpine", "alpine"],
    ["registry.example/team/base:7", undefined, "unknown"],
    ["registry.example/team/base:7", "unknown", "unknown"],
    ["gcr.io/distroless/static-debian12", undefined, "unknown"],
    ["ubuntu:22.04", undefined, "debian"],
    ["fedora:40", undefined, "unknown"],
    ["scratch", undefined, "unknown"],
    ["python:3.11", "alpine", "alpine"],
  ];
  for (const [image, found, is] of images) {
    test(`of ${image}${found ? `, where ${found} was found,` : ""} is ${is}`, () => {
      const one = parseDockerfile(`FROM ${image}\n`);
      const [stage] = one.stages;
      const distributions = new Map(found === undefined ? [] : [[image, found] as const]);
      expect(stage && distributionOf(one, stage, { distributions })).toBe(is);
    });
  }

  test("is told by what its own instructions call, where nothing else tells", () => {
    const one = parseDockerfile("FROM registry.example/base\nRUN apk add --no-cache curl\n");
    const [stage] = one.stages;
    expect(stage && distributionOf(one, stage, { distributions: new Map() })).toBe("alpine");
  });
});
