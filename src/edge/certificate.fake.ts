import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CertificateFiles } from "./route.ts";

/** A folder with self-signed certificates, made by openssl; removed with it. */
export class CertificateFolder {
  readonly path = mkdtempSync(join(tmpdir(), "orco-tls-"));

  /** Writes `<file>.pem` and `<file>.key` for these names; the first is the subject. */
  make(file: string, names: readonly string[]): CertificateFiles {
    const files = { cert: join(this.path, `${file}.pem`), key: join(this.path, `${file}.key`) };
    const alternatives = names.map((name) => `DNS:${name}`).join(",");
    const kind = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2".split(" ");
    const subject = ["-subj", `/CN=${names[0]}`, "-addext", `subjectAltName=${alternatives}`];
    const made = Bun.spawnSync(["openssl", ...kind, ...subject, "-keyout", files.key, "-out", files.cert]);
    if (!made.success) throw new Error(`openssl: ${made.stderr.toString()}`);
    return files;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
