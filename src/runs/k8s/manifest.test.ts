import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { jobManifest, secretManifest } from "./manifest.ts";
import { jobName, labelValue } from "./names.ts";
import { execution, step } from "./rig.fake.ts";

const NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/;

function template(what = execution(step(["true"]))) {
  return { execution: what, job: jobName(what, "home1"), namespace: "default", image: "fake:1" };
}

describe("the name of a Job", () => {
  test("is the same for the same execution, and another for each other one", () => {
    fc.assert(
      fc.property(fc.uuid({ version: 7 }), fc.uniqueArray(fc.tuple(fc.string(), fc.uuid()), { minLength: 2 }), (run, others) => {
        const names = others.map(([step, execution]) => jobName({ run, step, execution }, "h").name);
        expect(new Set(names).size).toBe(others.length);
        expect(others.map(([step, execution]) => jobName({ run, step, execution }, "h").name)).toEqual(names);
        for (const name of names) expect(name).toMatch(/^orco-run-[0-9a-f]{8}-d\d+$/);
      }),
    );
  });

  test("and its labels are valid, whatever the ids", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), fc.string(), (run, step, execution) => {
        const { name, labels } = jobName({ run, step, execution }, "h");
        expect(name).toMatch(NAME);
        expect(name.length).toBeLessThanOrEqual(63);
        for (const value of Object.values(labels)) {
          expect(value).toMatch(LABEL_VALUE);
          expect(value.length).toBeLessThanOrEqual(63);
        }
      }),
    );
    expect(labelValue("deploy[3]")).toBe("deploy.3");
  });
});

test("limits, time and grace come from the plan", () => {
  const spec = step(["true"], { timeout_ms: 1500, grace_ms: 1, resources: { cpu: 0.25, memory_bytes: 64 }, image: "own:2", workdir: "/w" });
  const limits = { cpu: "250m", memory: "64" };
  expect(jobManifest(template(execution(spec)))).toMatchObject({
    spec: {
      suspend: true,
      backoffLimit: 0,
      activeDeadlineSeconds: 2,
      ttlSecondsAfterFinished: 3600,
      podReplacementPolicy: "Failed",
      template: {
        spec: {
          restartPolicy: "Never",
          automountServiceAccountToken: false,
          terminationGracePeriodSeconds: 1,
          containers: [{ image: "own:2", workingDir: "/w", resources: { requests: limits, limits } }],
        },
      },
    },
  });
});

test("the token is in the Secret and nowhere in the Job", () => {
  const what = execution(step(["echo", "$(HOME)"]), { resume: { at: 3 } });
  const job = JSON.stringify(jobManifest(template(what)));
  expect(job).not.toContain("run-token");
  expect(job).toContain('"$$(HOME)"');
  expect(secretManifest(template(what), "uid1")).toMatchObject({
    metadata: { ownerReferences: [{ kind: "Job", uid: "uid1" }] },
    stringData: { token: "run-token", input: '{"who":"world"}', resume: '{"at":3}' },
  });
});

interface Container {
  readonly command: string[];
  readonly env: { readonly name: string; readonly value?: string }[];
}

/** As Kubernetes reads commands and values (third_party/forked/golang/expansion): `$$` is one dollar, `$(NAME)` a variable. */
function expanded(text: string): string {
  return text.replaceAll(/\$\$|\$\((\w+)\)/g, (found, name?: string) => (found === "$$" ? "$" : `<${name}>`));
}

test("what a plan says arrives in the pod as it stands", () => {
  const text = fc.string({ unit: fc.constantFrom("$", "(", ")", "A", "{", "\\", " ") });
  fc.assert(
    fc.property(text, text, (word, value) => {
      const what = execution(step(["echo", word], { env: { X: value } }));
      const { spec } = jobManifest(template(what)) as unknown as { spec: { template: { spec: { containers: [Container] } } } };
      const [{ command, env }] = spec.template.spec.containers;
      expect(command.map(expanded)).toEqual(["echo", word]);
      expect(expanded(env.find(({ name }) => name === "X")?.value ?? "")).toBe(value);
    }),
  );
});

test("what no Secret holds is refused with both sizes", () => {
  const what = execution(step(["true"]), { resume: "x".repeat(1_100_000) });
  expect(() => secretManifest(template(what), "uid1")).toThrow(/a Secret holds 1048576/);
});
