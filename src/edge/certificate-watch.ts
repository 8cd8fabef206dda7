import type { CancelTimer, Clock } from "../kernel/clock.ts";
import { messageOf } from "../kernel/errors.ts";
import { type Certificate, readCertificate, versionOf } from "./certificates.ts";
import type { CertificateFiles } from "./route.ts";

/** Files are looked at, not watched: certbot and Kubernetes replace links to folders, which no watch of a file sees. */
const LOOK_MS = 1_000;

interface Watched {
  certificate: Certificate;
  /** Of the files when the certificate was read or found to be broken. */
  version: string;
  /** At the last look. A change is read when it has been still for one look: the two files of a pair are not replaced at once. */
  seen: string;
}

/** Keeps certificates as their files are. A pair that cannot be used any more stays as it was and is reported once per change. */
export class CertificateWatch {
  private watched: Watched[] = [];
  private cancel: CancelTimer | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly events: { changed(certificates: readonly Certificate[]): void; problem(message: string): void },
  ) {}

  /** Reads these from now on. All or nothing: throws CertificateError and goes on as before when one cannot be used. */
  async set(files: readonly CertificateFiles[]): Promise<void> {
    const watched = await Promise.all(files.map(async (one) => this.known(one) ?? read(one)));
    this.watched = watched;
    this.events.changed(this.certificates);
    this.cancel ??= this.clock.after(LOOK_MS, () => void this.look());
  }

  stop(): void {
    this.cancel?.();
    this.cancel = () => {};
    this.watched = [];
  }

  private get certificates(): readonly Certificate[] {
    return this.watched.map(({ certificate }) => certificate);
  }

  private known({ cert, key }: CertificateFiles): Watched | undefined {
    return this.watched.find(({ certificate: { files } }) => files.cert === cert && files.key === key);
  }

  private async look(): Promise<void> {
    const { watched } = this;
    const changed = await Promise.all(watched.map((one) => this.refresh(one)));
    if (watched === this.watched && changed.includes(true)) this.events.changed(this.certificates);
    if (this.watched.length > 0) this.cancel = this.clock.after(LOOK_MS, () => void this.look());
  }

  private async refresh(one: Watched): Promise<boolean> {
    const now = await versionOf(one.certificate.files);
    const still = now === one.seen;
    one.seen = now;
    if (!still || now === one.version) return false;
    one.version = now;
    try {
      one.certificate = await readCertificate(one.certificate.files);
      return true;
    } catch (error) {
      this.events.problem(`${messageOf(error)}; the former certificate stays in use until the files change again`);
      return false;
    }
  }
}

async function read(files: CertificateFiles): Promise<Watched> {
  const version = await versionOf(files);
  return { certificate: await readCertificate(files), version, seen: version };
}
