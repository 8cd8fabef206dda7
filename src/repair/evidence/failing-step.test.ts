import { expect, test } from "bun:test";
import { type BuildPlace, FailingStepReader } from "./failing-step.ts";

function found(text: string): BuildPlace | undefined {
  const reader = new FailingStepReader();
  for (const line of text.split("\n")) reader.take(line);
  return reader.found;
}

test("classic builder: the step that had begun", () => {
  const text = `Step 1/3 : FROM busybox:local
 ---> 38a2
Step 2/3 : RUN exit 3
 ---> Running in b2d0
The command '/bin/sh -c exit 3' returned a non-zero code: 3`;
  expect(found(text)).toEqual({ instruction: "RUN exit 3", step: 2, of: 3 });
});

test("a build that came to its end has none, and the next one in the same log may", () => {
  const built = "Step 1/1 : FROM busybox:local\nSuccessfully built 38a2\nSuccessfully tagged a:b";
  expect(found(built)).toBeUndefined();
  expect(found(`${built}\nStep 1/2 : FROM busybox:local`)?.step).toBe(1);
});

test("BuildKit names the stage, however many run at once", () => {
  const text = `#5 [internal] load build context
#6 [builder 2/5] WORKDIR /app
#7 [stage-1 2/3] RUN apk add foo
#8 [builder 3/5] RUN pip install -r requirements.txt
#7 0.4 working
#8 1.234 error: command 'gcc' failed
#8 ERROR: process "/bin/sh -c pip install -r requirements.txt" did not complete successfully: exit code: 1`;
  expect(found(text)).toEqual({ instruction: "RUN pip install -r requirements.txt", stage: "builder", step: 3, of: 5 });
  expect(found(`${text.split("\n").slice(0, 3).join("\n")}\n#7 ERROR: process "x" did not`)?.stage).toBeUndefined();
});

test("only the end of BuildKit's output: the summary, the frame, the last word", () => {
  const solve = 'ERROR: failed to solve: process "/bin/sh -c make" did not complete successfully: exit code: 2';
  const frame = "Dockerfile:12\n--------------------\n  10 |\n  12 | >>> RUN make\n--------------------";
  expect(found(` > [build 4/6] RUN make:\n0.2 make: not found\n${frame}\n${solve}`)).toEqual({
    instruction: "RUN make",
    stage: "build",
    step: 4,
    of: 6,
  });
  expect(found(`${frame}\n${solve}`)).toEqual({ instruction: "RUN make" });
  expect(found(solve)).toEqual({ instruction: "RUN make" });
  expect(found("executor failed running [/bin/sh -c make]: exit code: 2")).toEqual({ instruction: "RUN make" });
});

test("podman's steps", () => {
  expect(found("[1/2] STEP 3/4: RUN make\nError: building at STEP")).toEqual({ instruction: "RUN make", step: 3, of: 4 });
});

test("a log without a build has none", () => {
  expect(found("Traceback (most recent call last):\nModuleNotFoundError: No module named 'x'")).toBeUndefined();
});
