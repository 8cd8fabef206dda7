import type { Diagnosis } from "../finding.ts";
import type { ServiceSnapshot } from "../snapshot.ts";
import { firstOf } from "./diagnosis.ts";
import type { Entry, FoundLine } from "./entry.ts";
import { latestLike, nameIn } from "./run-lines.ts";
import { libraryOf, type Packages } from "./system-headers.ts";
import { buildSite, installed, thereAt } from "./system-site.ts";

const COMPILERS: Packages = { debian: ["build-essential"], alpine: ["build-base"] };
const PKG_CONFIG: Packages = { debian: ["pkg-config"], alpine: ["pkgconf"] };

const NO_LINKER: readonly RegExp[] = [
  /\blinker [`'"]([\w.+-]{1,60})[`'"] not found/,
  /\b[Ff]ailed to find tool\. Is `((?:[\w-]{1,40}-)?(?:cc|gcc|g\+\+|c\+\+|clang))` installed\?/,
  /\bToolNotFound: .{0,40}`((?:[\w-]{1,40}-)?(?:cc|gcc|g\+\+|c\+\+))`/,
];
const CRATES: readonly RegExp[] = [
  /\b(Could not find directory of OpenSSL) installation/,
  /failed to run custom build command for `([\w-]{1,60}) v/,
  /\b(Could not find `?protoc)`?/,
  /\b(Unable to find libclang)/,
];
/** Libraries by the crate that binds them: keys of the table of libraries. */
const OF_CRATE: Readonly<Record<string, string>> = {
  "openssl-sys": "openssl/",
  "Could not find directory of OpenSSL": "openssl/",
  "pq-sys": "libpq-fe.h",
  "mysqlclient-sys": "mysql.h",
  "libsqlite3-sys": "sqlite3.h",
  "libudev-sys": "libudev.h",
  hidapi: "libudev.h",
  "alsa-sys": "alsa/",
  "libdbus-sys": "dbus/",
  "glib-sys": "glib.h",
  "gobject-sys": "glib.h",
  "gio-sys": "glib.h",
  "gtk-sys": "gtk/",
  "gdk-sys": "gtk/",
  "cairo-sys-rs": "cairo.h",
  "pango-sys": "pango/",
  "libz-sys": "zlib.h",
  "bzip2-sys": "bzlib.h",
  "lzma-sys": "lzma.h",
  "libssh2-sys": "libssh2.h",
  "libgit2-sys": "git2.h",
  "curl-sys": "curl/",
  "zmq-sys": "zmq.h",
  "libsodium-sys": "sodium.h",
  "libusb1-sys": "libusb.h",
  "yeslogic-fontconfig-sys": "fontconfig/",
  "servo-fontconfig-sys": "fontconfig/",
  x11: "X11/",
  "krb5-sys": "krb5.h",
  "libgssapi-sys": "gssapi/",
  "ffmpeg-sys-next": "libavcodec/",
  "opus-sys": "opus.h",
  "leptonica-sys": "leptonica/",
  "tesseract-sys": "tesseract/",
  "gdal-sys": "gdal.h",
  "proj-sys": "proj.h",
  "hdf5-sys": "hdf5.h",
};
const TOOLS_OF_CRATE: Readonly<Record<string, Packages>> = {
  "prost-build": { debian: ["protobuf-compiler"], alpine: ["protoc"] },
  "Could not find `protoc": { debian: ["protobuf-compiler"], alpine: ["protoc"] },
  "Could not find protoc": { debian: ["protobuf-compiler"], alpine: ["protoc"] },
  "Unable to find libclang": { debian: ["libclang-dev", "clang"], alpine: ["clang-dev", "clang"] },
  "clang-sys": { debian: ["libclang-dev", "clang"], alpine: ["clang-dev", "clang"] },
  "librocksdb-sys": { debian: ["libclang-dev", "clang", "build-essential"], alpine: ["clang-dev", "build-base"] },
  "aws-lc-sys": { debian: ["cmake", "build-essential"], alpine: ["cmake", "build-base"] },
  "rdkafka-sys": { debian: ["cmake", "build-essential", "zlib1g-dev"], alpine: ["cmake", "build-base", "zlib-dev", "bash"] },
  "libz-ng-sys": { debian: ["cmake", "build-essential"], alpine: ["cmake", "build-base"] },
  "freetype-sys": { debian: ["cmake", "build-essential"], alpine: ["cmake", "build-base"] },
  "tikv-jemalloc-sys": { debian: ["make", "build-essential"], alpine: ["make", "build-base"] },
  "jemalloc-sys": { debian: ["make", "build-essential"], alpine: ["make", "build-base"] },
  "gmp-mpfr-sys": { debian: ["m4", "make", "build-essential"], alpine: ["m4", "make", "build-base"] },
};

const NO_RUBY: readonly RegExp[] = [
  /\bmkmf\.rb can't find header files for (ruby)/,
  /\bYou have to install (development tools) first/,
  /\bmake failed ?No such file or directory - (make)$/,
  /\bAn error occurred while installing ([\w-]{1,60}) \(/,
  /\bError installing ([\w-]{1,60}):$/,
  /\bFailed to build gem (native extension)/,
];
const OF_GEM: Readonly<Record<string, string>> = {
  pg: "libpq-fe.h",
  mysql2: "mysql.h",
  sqlite3: "sqlite3.h",
  nokogiri: "libxml/",
  "libxml-ruby": "libxml/",
  ffi: "ffi.h",
  rmagick: "MagickWand/",
  charlock_holmes: "unicode/",
  psych: "yaml.h",
  curb: "curl/",
  puma: "openssl/",
  eventmachine: "openssl/",
  tiny_tds: "sybdb.h",
  snappy: "snappy.h",
  "ruby-filemagic": "magic.h",
  rdkafka: "librdkafka/",
  gpgme: "gpgme.h",
  zlib: "zlib.h",
  "ruby-ldap": "ldap.h",
  rugged: "git2.h",
  "ruby-vips": "vips/",
};

export const LINKER_MISSING: Entry = {
  id: 19,
  slug: "rust-linker-missing",
  title: "Rust has no linker",
  verdicts: "fix: a C compiler, which brings it",
  example: "error: linker `cc` not found",
  match: (evidence, snapshot) =>
    firstOf(latestLike(evidence, NO_LINKER), (line) => {
      const cause = "Rust links with the C compiler, and there is none in the image";
      const missing = {
        entry: 19,
        slug: "rust-linker-missing",
        subject: "cc",
        line,
        cause,
        sure: "confirmed" as const,
        packages: COMPILERS,
      };
      return installed(missing, buildSite(line, snapshot), snapshot);
    }),
};

export const CRATE_NEEDS: Entry = {
  id: 19,
  slug: "rust-library-missing",
  title: "A crate is built against a library that is not in the image",
  verdicts: "fix where the table knows the crate; not recognised otherwise",
  example: "error: failed to run custom build command for `openssl-sys v0.9.99`",
  match: (evidence, snapshot) => firstOf(latestLike(evidence, CRATES), (line) => crate(line, snapshot)),
};

export const RUBY_HEADERS_MISSING: Entry = {
  id: 19,
  slug: "ruby-native-extension",
  title: "A gem is built from source, and what it needs is not in the image",
  verdicts: "fix: ruby-dev and a compiler, and the library of a known gem",
  example: "ERROR: Failed to build gem native extension.",
  match: (evidence, snapshot) => firstOf(latestLike(evidence, NO_RUBY), (line) => gem(line, snapshot)),
};

function crate(line: FoundLine, snapshot: ServiceSnapshot): Diagnosis | undefined {
  const name = nameIn(line);
  const library = libraryOf(OF_CRATE[name] ?? "");
  const packages = TOOLS_OF_CRATE[name] ?? (library && both(library, PKG_CONFIG));
  if (!packages) return undefined;
  const subject = name.startsWith("Could not find directory") ? "openssl-sys" : name.replace(/^.* /, "").replace(/`/g, "");
  const cause = `the crate ${subject} is built against a library or with a program that is not in the image`;
  return installed(
    { entry: 19, slug: "rust-library-missing", subject, line, cause, sure: "named", packages },
    buildSite(line, snapshot),
    snapshot,
  );
}

function gem(line: FoundLine, snapshot: ServiceSnapshot): Diagnosis | undefined {
  // Only what is built from source: a gem that cannot be downloaded says the first words too.
  if (!line.lines.some((one) => /gem native extension/.test(one))) return undefined;
  const name = nameIn(line).replace(/-\d[\w.]*(?:\.gem)?$/, "");
  const site = buildSite(line, snapshot);
  const library = libraryOf(OF_GEM[name] ?? "");
  // Ruby's own images have its headers; the distribution's have them apart.
  const headers = site && [...thereAt(site)].some((one) => /^ruby(?:[\d.]*|-full|-bundler)$/.test(one)) ? ["ruby-dev"] : [];
  const needed = both(COMPILERS, { debian: headers, alpine: headers });
  const asked = /^(?:ruby|make|development tools|native extension)$/.test(name) ? "ruby" : name;
  const cause = `the gem's extension is built from source, and ${library ? "its library, " : ""}Ruby's headers or a compiler are not in the image`;
  const packages =
    asked === "ruby" && /header files/.test(line.text) ? both({ debian: ["ruby-dev"], alpine: ["ruby-dev"] }, COMPILERS) : needed;
  const missing = {
    entry: 19,
    slug: "ruby-native-extension",
    subject: asked,
    line,
    cause,
    sure: "likely" as const,
    packages: library ? both(library, packages) : packages,
  };
  const made = installed(missing, site, snapshot);
  // All of that is there: it was something else.
  return made.finding.verdict === "report" && site ? undefined : made;
}

function both(a: Packages, b: Packages): Packages {
  return { debian: [...new Set([...a.debian, ...b.debian])], alpine: [...new Set([...a.alpine, ...b.alpine])] };
}
