import { firstOf } from "./diagnosis.ts";
import type { Entry } from "./entry.ts";
import { latestLike } from "./run-lines.ts";
import { buildSite, installed } from "./system-site.ts";

const NO_PG_CONFIG: readonly RegExp[] = [
  /\bpg_config executable not found/,
  /\bpg_config: (?:command )?not found/,
  /No such file or directory: '(?:\/usr\/bin\/)?pg_config'/,
  /\b(?:unable to find|could not find|can't find) pg_config/i,
  /\bpg_config is required/,
];
const NO_MYSQL_CONFIG: readonly RegExp[] = [
  /Can not find valid pkg-config name/,
  /\b(?:mysql|mariadb)_config:? (?:command )?not found/,
  /No such file or directory: '(?:mysql|mariadb)_config'/,
  /\bmysql client is missing/i,
];

export const PG_CONFIG_MISSING: Entry = {
  id: 6,
  slug: "pg-config-missing",
  title: "The PostgreSQL client library is not there to build against",
  verdicts: "fix: libpq-dev and a compiler",
  example: "Error: pg_config executable not found.",
  match: (evidence, snapshot) =>
    firstOf(latestLike(evidence, NO_PG_CONFIG), (line) =>
      installed(
        {
          entry: 6,
          slug: "pg-config-missing",
          subject: "libpq",
          line,
          cause: "a PostgreSQL client is built from source, and pg_config is not in the image",
          sure: "confirmed",
          packages: { debian: ["libpq-dev", "build-essential"], alpine: ["postgresql-dev", "gcc", "musl-dev"] },
          forPython: true,
        },
        buildSite(line, snapshot),
        snapshot,
      ),
    ),
};

export const MYSQL_CONFIG_MISSING: Entry = {
  id: 7,
  slug: "mysql-config-missing",
  title: "The MySQL client library is not there to build against",
  verdicts: "fix: default-libmysqlclient-dev or mariadb-dev, pkg-config and a compiler",
  example: "Exception: Can not find valid pkg-config name.",
  match: (evidence, snapshot) =>
    firstOf(latestLike(evidence, NO_MYSQL_CONFIG), (line) =>
      installed(
        {
          entry: 7,
          slug: "mysql-config-missing",
          subject: "mysqlclient",
          line,
          cause: "a MySQL client is built from source, and its library is not in the image",
          sure: "confirmed",
          packages: {
            debian: ["default-libmysqlclient-dev", "pkg-config", "build-essential"],
            alpine: ["mariadb-dev", "pkgconf", "build-base"],
          },
          forPython: true,
        },
        buildSite(line, snapshot),
        snapshot,
      ),
    ),
};
