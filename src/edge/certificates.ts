import { X509Certificate } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { createSecureContext, type SecureContext } from "node:tls";
import { messageOf } from "../kernel/errors.ts";
import type { CertificateFiles } from "./route.ts";

/** A pair of PEM files as it was read. */
export interface Certificate {
  readonly files: CertificateFiles;
  readonly pem: { readonly cert: Buffer; readonly key: Buffer };
  readonly context: SecureContext;
  /** Lower case; `*.example.org` stands for one label. */
  readonly names: readonly string[];
}

/** PEM files that cannot be used: not there, not readable, no PEM, or a key that belongs to another certificate. */
class CertificateError extends Error {
  readonly code = "certificate";

  constructor(files: CertificateFiles, why: string) {
    super(`the certificate ${files.cert} with the key ${files.key} cannot be used: ${why}`);
  }
}

/** @throws CertificateError */
export async function readCertificate(files: CertificateFiles): Promise<Certificate> {
  try {
    const [cert, key] = await Promise.all([readFile(files.cert), readFile(files.key)]);
    const context = createSecureContext({ cert, key });
    return { files, pem: { cert, key }, context, names: namesOf(new X509Certificate(cert)) };
  } catch (error) {
    throw new CertificateError(files, messageOf(error));
  }
}

/** Changes when a file was written or replaced, also behind a symbolic link; "" while one is missing. */
export async function versionOf({ cert, key }: CertificateFiles): Promise<string> {
  try {
    const stats = await Promise.all([stat(cert), stat(key)]);
    return stats.map(({ ino, size, mtimeMs }) => `${ino} ${size} ${mtimeMs}`).join(" ");
  } catch {
    // Missing for a moment while it is being replaced, or for good: what was read stays in use.
    return "";
  }
}

/** Names a certificate is for (RFC 6125 §6.4): its DNS alternative names, or the common name of one that has none. */
function namesOf({ subjectAltName, subject }: X509Certificate): string[] {
  const alternatives = [...(subjectAltName ?? "").matchAll(/DNS:([^\s,"]+)/g)].map(([, name]) => name ?? "");
  const commonName = /^CN=(.+)$/m.exec(subject)?.[1];
  const names = alternatives.length > 0 ? alternatives : commonName ? [commonName] : [];
  return names.map((name) => name.toLowerCase());
}

/** The certificate for a server name: one that names it, else one with a wildcard for it, else the first. */
export function certificateFor(name: string, certificates: readonly Certificate[]): Certificate | undefined {
  const wanted = name.toLowerCase();
  const wildcard = `*.${wanted.slice(wanted.indexOf(".") + 1)}`;
  const naming = (one: string): Certificate | undefined => certificates.find(({ names }) => names.includes(one));
  return naming(wanted) ?? (wanted.includes(".") ? naming(wildcard) : undefined) ?? certificates[0];
}
