import { insertBefore } from "../dockerfile/edit.ts";
import { installPackages } from "../dockerfile/install.ts";
import type { Diagnosis } from "../finding.ts";
import type { ServiceSnapshot } from "../snapshot.ts";
import { firstOf, mended, reported } from "./diagnosis.ts";
import type { Entry, FoundLine } from "./entry.ts";
import { latestLike, nameIn } from "./run-lines.ts";
import { installed, runSite, type Site } from "./system-site.ts";

const NO_ZONE: readonly RegExp[] = [
  /\bunknown time zone ([A-Za-z][\w+/-]{1,60})/,
  /No time zone found with key ([A-Za-z][\w+/-]{1,60})/,
  /\bTZInfo::(?:DataSourceNotFound|ZoneinfoDirectoryNotFound|InvalidTimezoneIdentifier)\b/,
  /\bNo source of timezone data could be found/,
  /\b(?:unknown or )?bad timezone:? ['"(]?([A-Za-z][\w+/-]{1,60})/i,
  /\bUnknownTimeZoneError: ['"]?([A-Za-z][\w+/-]{1,60})/,
  /No such file or directory: ['"]?\/usr\/share\/zoneinfo\/([A-Za-z][\w+/-]{1,60})/,
  /\bmissing Location in call to (?:Time\.In|Date)/,
];
const NO_LOCALE: readonly RegExp[] = [
  /\blocale\.Error: (unsupported locale setting)/,
  /\bClick will abort further execution because Python .{0,80}(ASCII)/,
  /\binitdb: error: (invalid locale)/,
  /\bEncoding::(?:InvalidByteSequenceError|CompatibilityError|UndefinedConversionError).{0,80}(US-ASCII)/,
  /\binvalid byte sequence in (US-ASCII)/,
  /\bUnicode(?:Encode|Decode)Error: '(ascii)' codec can't/,
];
const LOCALE = /\b([a-z]{2,3}_[A-Z]{2})\.(?:UTF-8|utf-?8)\b/;
const EVERYWHERE = "C.UTF-8";

export const ZONES_MISSING: Entry = {
  id: 24,
  slug: "time-zones-missing",
  title: "The time zones are not in the image",
  verdicts: "fix: tzdata; report where the name is none",
  example: "zoneinfo._common.ZoneInfoNotFoundError: 'No time zone found with key Europe/Berlin'",
  match: (evidence, snapshot) => firstOf(latestLike(evidence, NO_ZONE), (line) => zone(line, snapshot)),
};

export const LOCALE_MISSING: Entry = {
  id: 24,
  slug: "locale-missing",
  title: "The locale a program asks for is not in the image",
  verdicts: "fix: makes the locale, or sets C.UTF-8 where none is named",
  example: "locale.Error: unsupported locale setting",
  match: (evidence, snapshot) => firstOf(latestLike(evidence, NO_LOCALE), (line) => locale(line, snapshot)),
};

function zone(line: FoundLine, snapshot: ServiceSnapshot): Diagnosis {
  const name = nameIn(line);
  if (name !== "" && !isZone(name))
    return reported({
      entry: 24,
      signature: `time-zones-missing:${name}`,
      cause: `${name} is no time zone`,
      lines: [line],
      sure: "named",
      verdict: "report",
      remedy: "Correct its name, e.g. Europe/Berlin.",
    });
  const cause = "a time zone is asked for, and the image has none";
  const packages = { debian: ["tzdata"], alpine: ["tzdata"] };
  const missing = { entry: 24, slug: "time-zones-missing", subject: "tzdata", line, cause, sure: "confirmed" as const, packages };
  return installed(missing, runSite(line, snapshot), snapshot);
}

function isZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

function locale(line: FoundLine, snapshot: ServiceSnapshot): Diagnosis {
  const site = runSite(line, snapshot);
  const name = /unsupported|invalid locale/.test(line.groups[0]) ? asked(line, site, snapshot) : undefined;
  const told = {
    entry: 24,
    signature: `locale-missing:${name ?? EVERYWHERE}`,
    cause: name === undefined ? "a program reads or writes other than ASCII, and no locale is set" : `the image has no locale ${name}`,
    lines: [line],
    sure: name === undefined ? ("likely" as const) : ("confirmed" as const),
  };
  const remedy = name === undefined ? `Sets LANG to ${EVERYWHERE}, which every image has.` : `Makes the locale ${name}.`;
  const text = site && (name === undefined ? withLang(site) : withLocale(site, name));
  return (
    mended({ ...told, verdict: "fix", remedy }, snapshot, text) ??
    reported({ ...told, verdict: "report", remedy: "Set LANG to a locale that the image has." })
  );
}

/** What the traceback, the Dockerfile or compose names. */
function asked({ lines, at }: FoundLine, site: Site | undefined, { config }: ServiceSnapshot): string | undefined {
  const environment = ["LC_ALL", "LANG", "LC_TIME", "LC_NUMERIC"].map((name) => config.environment[name] ?? "");
  const envs = (site?.stage.instructions ?? []).filter(({ keyword }) => keyword === "ENV").map(({ text }) => text);
  const places = [...lines.slice(Math.max(0, at - 12), at + 1).toReversed(), ...environment, ...envs];
  return places.map((text) => LOCALE.exec(text)?.[1]).find((name) => name !== undefined);
}

function withLocale({ text, stage, before, distribution }: Site, name: string): string {
  const at = { stage: stage.index, distribution, ...(before !== undefined && { before }) };
  if (distribution === "alpine") return installPackages(text, { ...at, packages: ["musl-locales", "musl-locales-lang"] });
  const make = `localedef -i ${name} -c -f UTF-8 ${name}.UTF-8`;
  return text.includes(make) ? text : installPackages(text, { ...at, packages: ["locales"], commands: [make] });
}

function withLang({ text, stage, before }: Site): string {
  const line = `ENV LANG=${EVERYWHERE} LC_ALL=${EVERYWHERE}`;
  if (text.includes(line)) return text;
  return insertBefore(text, before ?? (stage.instructions[0] ?? stage.from).fromLine + (stage.instructions[0] ? 0 : 1), [line]);
}
