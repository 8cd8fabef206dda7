import { OrcoError } from "../kernel/errors.ts";
import type { Queryable } from "../kernel/rows.ts";

const KEY = "repair.workspaces";
const MOST = 100;

/** The folders that `orco repair add` named, beside those of ORCO_REPAIR_WORKSPACE. Absolute, without symbolic links. */
export class Workspaces {
  private folders: readonly string[];

  constructor(private readonly journal: Queryable) {
    const [row] = journal.query("SELECT value FROM meta WHERE key = ?", [KEY]) as { value: string }[];
    this.folders = row ? (JSON.parse(row.value) as string[]) : [];
  }

  added(): readonly string[] {
    return this.folders;
  }

  /** `too_large`: there are 100 already. */
  async add(folder: string): Promise<void> {
    if (this.folders.includes(folder)) return;
    if (this.folders.length >= MOST)
      throw new OrcoError("too_large", `${MOST} projects are known; remove one first: orco repair remove <dir>`);
    await this.save([...this.folders, folder]);
  }

  async remove(folder: string): Promise<void> {
    await this.save(this.folders.filter((one) => one !== folder));
  }

  private async save(folders: readonly string[]): Promise<void> {
    this.folders = folders;
    const sql = "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    await this.journal.append([], [{ sql, params: [KEY, JSON.stringify(folders)] }]);
  }
}
