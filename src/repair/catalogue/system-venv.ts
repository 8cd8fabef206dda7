import { insertAfter, insertBefore, replaceIn } from "../dockerfile/edit.ts";
import { asRoot, installCommand, userAt } from "../dockerfile/install.ts";
import { chainOf, finalStage } from "../dockerfile/locate.ts";
import type { Diagnosis } from "../finding.ts";
import type { ServiceSnapshot } from "../snapshot.ts";
import { firstOf, mended, reported } from "./diagnosis.ts";
import type { Entry, FoundLine } from "./entry.ts";
import { latestLike } from "./run-lines.ts";
import { buildSite, type Site, thereAt } from "./system-site.ts";

const MANAGED: readonly RegExp[] = [
  /\berror: (externally-managed-environment)/,
  /This environment is (externally managed)/,
  /interpreter at \S+ is (externally managed)/,
];
const VENV = "/opt/venv";
const ON_PATH = `ENV VIRTUAL_ENV=${VENV} PATH=${VENV}/bin:$PATH`;
/** Called by its place, the distribution's own Python would be used all the same. */
const BY_PLACE = /\/usr\/bin\/(?=(?:python3?|pip3?)(?:\.\d+)?(?![\w-]))/;

export const EXTERNALLY_MANAGED: Entry = {
  id: 4,
  slug: "python-externally-managed",
  title: "pip does not install into the distribution's own Python",
  verdicts: "fix: a virtual environment in front of the PATH",
  example: "error: externally-managed-environment",
  match: (evidence, snapshot) => firstOf(latestLike(evidence, MANAGED), (line) => explain(line, snapshot)),
};

function explain(line: FoundLine, snapshot: ServiceSnapshot): Diagnosis {
  const told = {
    entry: 4,
    signature: "python-externally-managed:pip",
    cause: "pip is to install into the Python of the distribution, which refuses that",
    lines: [line],
    sure: "confirmed" as const,
  };
  const site = buildSite(line, snapshot);
  const remedy = `Makes a virtual environment in ${VENV} and puts it in front of the PATH.`;
  const text = site?.before === undefined || site.text.includes(VENV) ? undefined : withVenv({ ...site, before: site.before }, snapshot);
  return (
    mended({ ...told, verdict: "fix", remedy }, snapshot, text) ??
    reported({ ...told, verdict: "report", remedy: "Install with pip into a virtual environment: python3 -m venv." })
  );
}

function withVenv(site: Site & { readonly before: number }, snapshot: ServiceSnapshot): string {
  const { dockerfile, stage, before, distribution } = site;
  const user = userAt(dockerfile, stage, before);
  const wanted = distribution === "debian" ? ["python3-venv"] : ["python3"];
  const there = thereAt(site);
  const own = [...there].find((name) => /^python3\.\d+$/.test(name));
  const named = distribution === "debian" && own !== undefined && !there.has("python3") ? [`${own}-venv`] : wanted;
  const missing = named.filter((name) => !there.has(name) && !there.has("python3-full"));
  const python = own !== undefined && !there.has("python3") ? own : "python3";
  const commands = [
    ...(missing.length > 0 ? [installCommand(missing, distribution)] : []),
    `${python} -m venv ${VENV}`,
    ...(user === undefined ? [] : [`chown -R ${user} ${VENV}`]),
  ];
  const lines = [...asRoot(`RUN ${commands.join(" && ")}`, user), ON_PATH];
  return insertBefore(inLaterStages(site, snapshot, uncalled(site)), before, lines);
}

/** Calls by place, from the failing instruction on, become calls by name. No line comes or goes. */
function uncalled({ text, stage, before }: Site & { readonly before: number }): string {
  const later = stage.instructions.filter(({ keyword, fromLine }) => /^(?:RUN|CMD|ENTRYPOINT)$/.test(keyword) && fromLine >= before);
  return later.reduce((now, one) => {
    const named = replaceIn(now, one, [BY_PLACE, ""]);
    return replaceIn(named, one, [/(?<=\buv pip (?:install|sync)\b.*) --system\b/, ""]);
  }, text);
}

/** A stage that takes over what was installed takes over the environment too. */
function inLaterStages({ dockerfile, stage }: Site, { target }: ServiceSnapshot, text: string): string {
  const final = finalStage(dockerfile, target);
  if (!final || chainOf(dockerfile, final).includes(stage)) return text;
  const from = new RegExp(`^--from=(?:${stage.name ?? stage.index}|${stage.index})$`, "i");
  const takes = final.instructions.findLast(({ keyword, flags }) => keyword === "COPY" && flags.some((flag) => from.test(flag)));
  if (!takes) return text;
  const copy = `COPY --from=${stage.name ?? stage.index} ${VENV} ${VENV}`;
  return insertAfter(text, takes.toLine, [copy, ON_PATH]);
}
